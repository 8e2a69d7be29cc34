"""Machines that arrive one after another: what the k-th gains from the earlier ones' own trials.

Every parameter space: each machine has a budget of trials and starts with the trials that Poolwise chose on the
machines before it, as they turned out; not complete tables, nor random trials. Beside it stand the same search from
nothing, with the same seed, and the simplest strategy: the best configuration found on each earlier machine once, then
whichever of them was best.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import spaces
from benchmarks.harness.result import Figure
from benchmarks.peers.searchers import measured
from benchmarks.replay.searches import TRIALS
from poolwise.replay import NOTHING, Observations
from poolwise.replay.search.configuration_search import trials_of_space
from poolwise.table import Table

Tuner = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""Tunes one machine (unit of a table) after another, told of those before: -> (trials,) arms, (trials,) outcomes."""
WAYS = ("earlier machines", "nothing", "their best tried")


class Arrivals(NamedTuple):
    """All machines of one space in one order."""

    root: Path
    space: str
    seed: int


def order(machines: int, seed: int) -> np.ndarray:
    """Machines as in the source, the first one moved by the seed."""
    return np.roll(np.arange(machines), -seed)


class Search:
    """A `Tuner` of replays, which is told the trials of all machines that it has tuned before."""

    def __init__(self, table: Table, trials: int, seed: int) -> None:
        self._task = (table, trials, seed)
        self._known = NOTHING

    def __call__(self, unit: int) -> tuple[np.ndarray, np.ndarray]:
        table, trials, seed = self._task
        chosen, told = trials_of_space(table, unit, trials, seed, self._known)
        self._known = more(self._known, unit, chosen, told)
        return chosen, told


def in_turn(task: Arrivals) -> list[dict[str, Any]]:
    """Per machine in the order of arrival: its name, and its cumulative regret in each of the WAYS."""
    table = next(source for source in spaces(task.root) if source.name == task.space).load()
    return arrivals(table, TRIALS, task.seed, lambda machines: Search(table, TRIALS, task.seed))


def arrivals(table: Table, trials: int, seed: int, tuner: Callable[[int], Tuner]) -> list[dict[str, Any]]:
    """As `in_turn`, of one table. tuner: a new one, from the number of machines that it is to tune."""
    units = order(len(table.units), seed).tolist()
    known, found, every = NOTHING, [], tuner(len(units))
    for unit in units:
        alone, _ = tuner(1)(unit)
        chosen, told = every(unit)
        ways = (chosen, alone, simplest(table, unit, trials, seed, known) if len(known.unit) else alone)
        lost = [float((table.reward[unit].max() - table.reward[unit, arms]).sum()) for arms in ways]
        found.append({"machine": table.units[unit], **dict(zip(WAYS, lost, strict=True))})
        known = more(known, unit, chosen, told)
    return found


def more(known: Observations, unit: int, chosen: np.ndarray, told: np.ndarray) -> Observations:
    """With the trials of one more machine."""
    pairs = zip(known, Observations(np.full(len(chosen), unit), chosen, told), strict=True)
    return Observations(*(np.concatenate(pair) for pair in pairs))


def simplest(table: Table, unit: int, trials: int, seed: int, known: Observations) -> np.ndarray:
    """(trials,) arms: the best one found on every earlier machine, then the best of these."""
    rng = np.random.default_rng([seed, unit, 11])
    tried = list(dict.fromkeys(best(known, other) for other in dict.fromkeys(known.unit.tolist())))
    told = [measured(table, unit, arm, rng) for arm in tried]
    return np.array((tried + [tried[int(np.argmax(told))]] * trials)[:trials])


def best(known: Observations, unit: int) -> int:
    """The arm with the highest mean outcome on a machine."""
    here = known.unit == unit
    count, total = (np.bincount(known.arm[here], weight) for weight in (None, known.reward[here]))
    return int(np.where(count > 0, total / np.maximum(count, 1), -np.inf).argmax())


def ratios(found: dict[str, list[list[dict[str, Any]]]], way: str) -> list[tuple[str, int, str, float]]:
    """(space, rank, machine, regret over that from nothing) of every machine after the first, in every order.

    found: per space one list of arrivals for each seed.
    """
    return [
        (space, rank + 1, one["machine"], one[way] / one["nothing"])
        for space, lines in found.items()
        for line in lines
        for rank, one in enumerate(line)
        if rank
    ]


def geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def figures(found: dict[str, list[list[dict[str, Any]]]], solvers: dict[str, dict[str, float]]) -> list[Figure]:
    """Geometric means: all machines after the first, by rank, by space; and with ratios of other data sets.

    solvers: per comparison the ratio of every other data set.
    """
    own, simple = (ratios(found, way) for way in (WAYS[0], WAYS[2]))
    by_space = {space: geometric([r for where, *_, r in own if where == space]) for space in found}
    made = [Figure("GPUs after the first: regret over from nothing", geometric([r for *_, r in own]), "")]
    for rank in sorted({rank for _, rank, *_ in own}):
        here = [r for _, at, _, r in own if at == rank]
        made.append(Figure(f"GPU number {rank} ({len(here)} searches)", geometric(here), ""))
    made += [Figure(f"GPUs after the first, {space}", value, "") for space, value in by_space.items()]
    made.append(Figure("earlier GPUs' best configurations, then the best", geometric([r for *_, r in simple]), ""))
    space, rank, machine, worst = max(own, key=lambda one: one[-1])
    made.append(Figure(f"worst search: {space}, {machine}, number {rank}", worst, ""))
    for against, sets in solvers.items():
        made.append(Figure(f"ASlib in project order, {against}", geometric(list(sets.values())), ""))
        both = geometric([*by_space.values(), *sets.values()])
        made.append(Figure("every kernel and ASlib set, the same", both, "", 0.9))
    return made
