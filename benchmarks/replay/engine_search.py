"""Parameter spaces tuned through the engine, as a user would.

Utilities are over the kernel's default configuration; default policy, one project and context for each machine and
kernel. Numbers with three values or more are numbers, on a log scale if they span a factor of 8; all else is a choice.
"""

from functools import partial
from typing import Any, Literal

import numpy as np

from benchmarks.peers.searchers import Searcher
from poolwise import ArmSpace, Choice, Engine, Family, Real
from poolwise.engine import Settings
from poolwise.space import Arm, arm_id
from poolwise.space.parameters import Parameter
from poolwise.table import Table

WIDE = 8
Goal = Literal["earn", "best"]
GOALS: tuple[Goal, ...] = ("earn", "best")


def parameter(values: list[Any]) -> Parameter:
    """As a user would state it."""
    if len(values) < 3 or not all(isinstance(one, int | float) for one in values):
        return Choice(values)
    low, high = float(min(values)), float(max(values))
    return Real(low, high, log=low > 0 and high / low >= WIDE)


def space(known: Table) -> tuple[ArmSpace, dict[str, int]]:
    """The configurations of a table, and which of them each arm is."""
    names = list(dict.fromkeys(name for params in known.params for name in params))
    values = {name: list(dict.fromkeys(p[name] for p in known.params if name in p)) for name in names}
    family = Family("kernel", {name: parameter(found) for name, found in values.items()}, limit=1)
    arms = tuple(Arm(arm_id("kernel", params), "kernel", dict(params)) for params in known.params)
    index = {arm.id: k for k, arm in enumerate(arms)}
    strange = frozenset(arm.id for arm in family.arms() if arm.id not in index)
    return ArmSpace([family], arms[int(known.baseline)].id, arms, strange), index


class Tuned:
    """One engine that tunes one machine (unit) after another, each a project; in memory, default policy."""

    def __init__(self, known: Table, trials: int, seed: int, horizon: int | None, goal: Goal = "earn") -> None:
        arms, self._index = space(known)
        self.names = list(self._index)
        """Of the arms, in the order of the table."""
        settings = Settings(horizon=horizon, goal=goal, log_views=False, estimate="inline")
        self.engine = Engine.open("memory://", arms, seed=seed, settings=settings)
        self._known, self._trials, self._seed = known, trials, seed

    def __call__(self, unit: int) -> tuple[np.ndarray, np.ndarray]:
        """(trials,) arms, and what a launch of each was worth over the baseline."""
        known, random = self._known, np.random.default_rng([self._seed, unit])
        launches = known.reward[unit, :, None] if known.repeats is None else known.repeats[unit]
        chosen, told = np.empty(self._trials, int), np.empty(self._trials)
        for trial in range(self._trials):
            decision = self.engine.decide(known.units[unit], known.name)
            k = chosen[trial] = self._index[decision.arm]
            told[trial] = random.choice(launches[k]) - known.reward[unit, int(known.baseline)]
            self.engine.observe(decision.id, utility=float(told[trial]))
        return chosen, told


def tuned(goal: Goal, known: Table, unit: int, trials: int, seed: int) -> np.ndarray:
    """(trials,) arms of an engine that knows how many trials there will be."""
    return Tuned(known, trials, seed, trials, goal)(unit)[0]


ENGINES: dict[str, Searcher] = {f'Poolwise, goal = "{goal}"': partial(tuned, goal) for goal in GOALS}
