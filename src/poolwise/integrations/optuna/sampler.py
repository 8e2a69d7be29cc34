"""An Optuna sampler that believes as Poolwise's own search does, and takes other studies of a storage for other
projects.

Parameters that every trial of the study has are chosen together, from the knowledge gradient of the belief; those
that only some have (conditional ones), and the first trial where no space is given, are drawn at random. The belief
is a fold over the study's trials: any process can make it again, and trials of other processes count as one's own.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from poolwise.errors import ConfigError, SpaceError
from poolwise.inputs import whole
from poolwise.integrations.optuna.history import (
    Ended,
    Scale,
    are_costs,
    ended,
    observations,
    others,
    scale_of,
    sign_of,
)
from poolwise.integrations.optuna.levels import Grid, Key, unique
from poolwise.names import shown
from poolwise.policy.constraints.usage import AFTERWARDS
from poolwise.replay import NOTHING
from poolwise.replay.search.configuration_search import ConfigurationSearch

EPOCHS = (2, 5, 10, 20, 40, 80, 160, 320, 640, 1_280)
"""Trials after which the belief is made anew, where candidates or the scale of values follow from the trials."""
AHEAD = 30
"""Fewest trials that are taken to be left where their number is not known; otherwise as many as there were."""


class Belief(NamedTuple):
    """What was folded, and from what."""

    grid: Grid
    epoch: int
    scale: Scale
    keys: list[Key]
    arms: dict[Key, int]
    search: ConfigurationSearch
    folded: set[int]


class PoolwiseSampler(BaseSampler):
    """`optuna.create_study(sampler=PoolwiseSampler(trials=200))`.

    trials: how many the study will have in all, where that is known. goal: as of an engine, `best` for the best value
    in the end, `earn` for the sum of all. space: distributions by name, so that the first
    trial, too, is chosen by what other studies say. candidates: the only combinations that are possible, each with a
    value for every parameter. projects: whether other studies of the storage with the same parameters are learned from.
    seed: of everything drawn. Values are costs where they are minimised and above 0; a study has one objective.
    Raises SpaceError for candidates or spaces that cannot be meant.
    """

    def __init__(
        self,
        *,
        trials: int | None = None,
        goal: Literal["best", "earn"] = "best",
        space: Mapping[str, BaseDistribution] | None = None,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        projects: bool = True,
        seed: int | None = None,
    ) -> None:
        self._trials = None if trials is None else whole("trials", trials, 1, 1_000_000_000)
        if goal not in ("best", "earn"):
            raise ConfigError(f"goal {shown(goal)} must be 'best' or 'earn'")
        self._goal = goal
        self._space = None if space is None else dict(space)
        self._candidates = None if candidates is None else _checked(candidates)
        self._projects, self._seed = bool(projects), _fresh() if seed is None else whole("seed", seed, 0, 2**63)
        self._random = RandomSampler(seed=self._seed % 2**32)
        self._intersection = IntersectionSearchSpace(include_pruned=True)
        self._beliefs: dict[int, Belief] = {}
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_beliefs": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())

    def reseed_rng(self) -> None:
        """Another seed, for a worker of its own."""
        self._random.reseed_rng()
        self._seed = _fresh()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The space that was given, or what all trials have in common; without parameters of a single value."""
        space = self._space if self._space is not None else self._intersection.calculate(study)
        return {name: one for name, one in space.items() if not one.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Parameters that are chosen together."""
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        with self._lock:
            belief = self._current(study, search_space)
            running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            busy = {belief.grid.key(one.params) for one in running if one.number != trial.number}
            barred = [belief.arms[key] for key in busy if key in belief.arms]
            left = max(len(belief.folded), AHEAD) if self._trials is None else self._trials - trial.number
            rng = np.random.default_rng([self._seed, trial.number])
            after = AFTERWARDS * (trial.number + left) if self._goal == "best" else 0.0
            chosen = belief.search.choose(rng, float(left), barred, after)
        return belief.grid.values(belief.keys[chosen.arm])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """At random; of the candidates, where there are some, the same one for all parameters of a trial."""
        self._raise_error_if_multi_objective(study)
        if self._candidates is not None and all(param_name in one for one in self._candidates):
            rng = np.random.default_rng([self._seed, trial.number])
            return self._candidates[int(rng.integers(len(self._candidates)))][param_name]
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _current(self, study: Study, space: dict[str, BaseDistribution]) -> Belief:
        """The belief with every trial that ended."""
        sign, known = sign_of(study.direction), self._beliefs.get(study._study_id)
        same = known is not None and known.grid.space == dict(sorted(space.items()))
        grid = known.grid if known is not None and same else Grid(space, self._candidates or ())
        told = ended(study.get_trials(deepcopy=False), grid, sign)
        values = np.array([one.value for one in told])
        costs = not np.isfinite(values).any() or are_costs(values, sign)
        epoch = 0 if grid.fixed and costs else sum(len(told) >= one for one in EPOCHS)
        stale = known is None or known.grid is not grid or (known.epoch, known.scale.costs) != (epoch, costs)
        if stale or known is None or any(one.key not in known.arms for one in told):
            known = self._beliefs[study._study_id] = self._made(study, grid, told, epoch, scale_of(values, costs), sign)
        _fold(known, told)
        return known

    def _made(self, study: Study, grid: Grid, told: list[Ended], epoch: int, scale: Scale, sign: float) -> Belief:
        """From nothing but other studies."""
        rng = np.random.default_rng([self._seed, epoch])
        elsewhere = [ended(one, grid, sign) for one in others(study, grid.space, sign)] if self._projects else []
        elsewhere = [one for one in elsewhere if one]
        best = sorted((one for one in told if np.isfinite(one.value)), key=lambda one: -one.value)
        keys = grid.candidates(unique(one.key for one in best), rng)
        keys = unique([*keys, *(one.key for one in told), *(one.key for part in elsewhere for one in part)])
        index = {key: arm for arm, key in enumerate(keys)}
        known = observations(elsewhere, index, scale.costs) if elsewhere else NOTHING
        return Belief(grid, epoch, scale, keys, index, ConfigurationSearch(grid.columns(keys), known), set())


def _fold(belief: Belief, told: list[Ended]) -> None:
    """Learn what is new."""
    worst = min((one.value for one in told if np.isfinite(one.value)), default=None)
    for one in told:
        if one.number not in belief.folded and worst is not None:
            belief.search.update(belief.arms[one.key], belief.scale.utility(one.value, worst))
            belief.folded.add(one.number)


def _checked(candidates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    made = [dict(one) for one in candidates]
    if not made or any(one.keys() != made[0].keys() for one in made):
        raise SpaceError("candidates are at least one dict of parameters, all with the same names")
    return made


def _fresh() -> int:
    return int(np.random.SeedSequence().generate_state(1, np.uint32)[0])
