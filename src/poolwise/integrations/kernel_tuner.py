"""Poolwise as a strategy of Kernel Tuner.

    kernel_tuner.tune_kernel(..., strategy=PoolwiseStrategy(others=["A100.json"]), strategy_options={"max_fevals": 200})

Kernel Tuner takes any object with a method `tune`. What counts is the best configuration in the end (`goal = "best"`).
Every one is tried at most once; one that fails is worth as little as the worst so far. Cache files of other devices
are other projects.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poolwise.errors import InputError
from poolwise.extras import named
from poolwise.inputs import whole
from poolwise.integrations import importers
from poolwise.policy.constraints.usage import AFTERWARDS
from poolwise.replay import NOTHING, Observations
from poolwise.replay.search.configuration_search import ConfigurationSearch, column
from poolwise.space.family import arm_id

try:
    from kernel_tuner.strategies.common import CostFunc, get_options
    from kernel_tuner.util import StopCriterionReached
except ModuleNotFoundError as error:
    raise named(error) from None

MOST = 10_000
"""Configurations that are searched; of larger spaces a random sample, which holds what other devices tried."""
FAILED = 1e300
"""Kernel Tuner's cost of a configuration that failed is above this."""
FIRST = "x"
"""Whatever the kernel is called, an arm is named by its parameters."""


class PoolwiseStrategy:
    """seed: of everything drawn. others: cache or T4 files of the same kernel on other devices.

    Raises InputError for several objectives at a time, and DataError for files that cannot be read.
    """

    def __init__(self, seed: int = 0, others: Sequence[str | Path] = ()) -> None:
        self.seed = whole("seed", seed, 0, 2**63)
        self._others = [importers.read("kernel-tuner", Path(path)).frame for path in others]

    def tune(self, searchspace: Any, runner: Any, tuning_options: Any) -> list[dict[str, Any]]:
        """Results of every configuration that was tried, as Kernel Tuner's strategies give them."""
        if len(tuning_options.objective) != 1:
            raise InputError("Poolwise tunes one objective at a time: give tune_kernel a single one")
        get_options(tuning_options.strategy_options, {}, unsupported=["x0"])
        better = tuning_options.objective_higher_is_better[0]
        cost, rng = CostFunc(searchspace, tuning_options, runner, snap=False), np.random.default_rng(self.seed)
        configurations = _chosen(searchspace, rng)
        search = ConfigurationSearch(_columns(configurations), self._known(searchspace, configurations))
        tried: list[int] = []
        trials = float(_trials(tuning_options))
        worst: float | None = None
        try:
            while len(tried) < len(configurations):
                arm = search.choose(rng, trials - len(tried), tried, AFTERWARDS * trials).arm
                tried.append(arm)
                utility = _utility(cost.eval(configurations[arm], check_restrictions=False), better)
                worst = utility if worst is None else worst if utility is None else min(worst, utility)
                if worst is not None:
                    search.update(arm, worst if utility is None else utility)
        except StopCriterionReached as stop:
            if tuning_options.verbose:
                print(stop)
        return list(cost.results)

    def _known(self, searchspace: Any, configurations: list[tuple[Any, ...]]) -> Observations:
        """What other devices' files say of these configurations."""
        names = list(searchspace.tune_params)
        arms = {_inside(arm_id(FIRST, dict(zip(names, one, strict=True)))): k for k, one in enumerate(configurations)}
        parts = []
        for unit, frame in enumerate(self._others):
            mine = frame.assign(arm=frame["arm"].map(_inside).map(arms)).dropna(subset=["arm"])
            parts.append((np.full(len(mine), unit), mine["arm"].to_numpy(int), -np.log(mine["cost"].to_numpy(float))))
        kept = [part for part in parts if len(part[0])]
        return Observations(*(np.concatenate(one) for one in zip(*kept, strict=True))) if kept else NOTHING


def tune(searchspace: Any, runner: Any, tuning_options: Any) -> list[dict[str, Any]]:
    """`strategy=poolwise.integrations.kernel_tuner` itself: seed 0, nothing known of other devices."""
    return PoolwiseStrategy().tune(searchspace, runner, tuning_options)


def _chosen(searchspace: Any, rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """All configurations, or MOST of them."""
    found = [tuple(one) for one in searchspace.list]
    return found if len(found) <= MOST else [found[k] for k in rng.choice(len(found), MOST, replace=False)]


def _columns(configurations: list[tuple[Any, ...]]) -> list[np.ndarray]:
    found = [column(list(values)) for values in zip(*configurations, strict=True)]
    return [one for one in found if len(np.unique(one, axis=0)) > 1] or [np.zeros(len(configurations))]


def _trials(tuning_options: Any) -> int:
    """Evaluations in all."""
    return int(tuning_options.get("max_fevals") or MOST)


def _utility(cost: float, better: bool) -> float | None:
    """None for a failure. Measures are above 0; Kernel Tuner gives those that are maximised with a minus."""
    size = -cost if better else cost
    if not 0 < size < FAILED:
        return None
    return math.log(size) if better else -math.log(size)


def _inside(arm: str) -> str:
    """The parameters of an arm's id."""
    return arm.partition("(")[2]
