"""Trials of a study as outcomes: which parameters, and what they were worth.

Where all values are costs, minimised and above 0, the utility is minus their logarithm; otherwise values are measured
in their own spread. A trial that failed, or ended without a finite number, is worth as little as the worst of its
study; one that was pruned counts at its last report. Other studies of a storage are other projects.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from poolwise.integrations.optuna.levels import Grid, Key
from poolwise.replay import NOTHING, Observations

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
SPREAD = 0.5
"""Standard deviation, in units of utility, that values which are no costs are scaled to."""
MOST = 500
"""Trials of another study that are read, evenly spaced."""


class Ended(NamedTuple):
    """One trial that ended."""

    number: int
    key: Key
    value: float
    """To be maximised; NaN where it failed."""


def ended(trials: list[FrozenTrial], grid: Grid, sign: float) -> list[Ended]:
    """Those that ended inside the grid, in order."""
    found = ((trial, grid.key(trial.params)) for trial in trials if trial.state in ENDED)
    return [Ended(trial.number, key, sign * _value(trial)) for trial, key in found if key is not None]


def _value(trial: FrozenTrial) -> float:
    value = trial.value if trial.state == TrialState.COMPLETE else None
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    return math.nan if value is None or not math.isfinite(value) else float(value)


def sign_of(direction: StudyDirection) -> float:
    """What makes values larger where they are better."""
    return 1.0 if direction == StudyDirection.MAXIMIZE else -1.0


def are_costs(values: np.ndarray, sign: float) -> bool:
    """Whether values, to be maximised, are minus costs above 0."""
    known = values[np.isfinite(values)]
    return bool(sign < 0 and len(known) and (known < 0).all())


class Scale(NamedTuple):
    """How values become utilities."""

    costs: bool
    spread: float = 1.0

    def utility(self, value: float, worst: float) -> float:
        """Of a value to be maximised; a failure is worth the worst."""
        value = value if math.isfinite(value) else worst
        return -math.log(-value) if self.costs else value / self.spread


def scale_of(values: np.ndarray, costs: bool) -> Scale:
    """From all values so far."""
    known = values[np.isfinite(values)]
    if costs or len(known) < 2:
        return Scale(costs)
    low, high = np.quantile(known, [0.25, 0.75])
    spread = float((high - low) / 1.35) or float(known.std())
    return Scale(False, spread / SPREAD if spread > 0 else 1.0)


def others(study: Study, space: Mapping[str, BaseDistribution], sign: float) -> list[list[FrozenTrial]]:
    """Trials of every other study of the storage that has one objective, the same direction and these parameters."""
    found = []
    for other in study._storage.get_all_studies():
        if other._study_id == study._study_id or len(other.directions) != 1 or sign_of(other.directions[0]) != sign:
            continue
        trials = study._storage.get_all_trials(other._study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        mine = [trial for trial in trials if space.keys() <= trial.params.keys()]
        if mine:
            found.append(mine[:: math.ceil(len(mine) / MOST)])
    return found


def observations(told: list[list[Ended]], index: Mapping[Key, int], costs: bool) -> Observations:
    """What other studies say of the arms of this one."""
    rows = []
    for unit, trials in enumerate(told):
        values = np.array([one.value for one in trials])
        if costs and not are_costs(values, -1.0):
            continue
        scale, worst = scale_of(values, costs), float(np.nanmin(values))
        rows += [(unit, index[one.key], scale.utility(one.value, worst)) for one in trials]
    if not rows:
        return NOTHING
    return Observations(*map(np.array, zip(*rows, strict=True)))
