"""Two seasons of one source, the units of the later one after those of the earlier one, and from nothing."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from benchmarks.datasets.roots import replay_sets
from benchmarks.replay.learners import Task, play
from benchmarks.transfer.projects import gap
from poolwise.replay import orders
from poolwise.table import ABSENT, Table, take

PARTS = {"first tenth": slice(0, 1), "last tenth": slice(-1, None), "all": slice(None)}
"""Of the later season, in tenths."""


def seasons(names: list[str]) -> Iterator[str]:
    """`A-2022 -> A-2023` for every two consecutive years of one source."""
    dated = sorted(name for name in names if name[-4:].isdigit() and name[-5:-4] == "-")
    for first, second in pairwise(dated):
        if first[:-4] == second[:-4]:
            yield f"{first} -> {second}"


def season(task: Task) -> dict[str, dict[str, float]]:
    """Per part of the later season: regret after the earlier one, from nothing, and the ratio.

    `task.data_set` names both tables, joined by ` -> `.
    """
    names = task.data_set.split(" -> ")
    first, second = (next(s for s in replay_sets(task.root) if s.name == name).load() for name in names)
    both = stack(first, second, task.data_set)
    later = take(both, np.arange(len(first.units), len(both.units)))
    before, after = (orders(table, "shuffled", task.seeds) for table in (first, second))
    joined = np.hstack([before, len(first.units) + after])
    lost = gap(later)
    ways = {"after": play(task, both, joined)[:, -after.shape[1] :], "alone": play(task, later, after)}
    tenths = {way: np.array_split(lost[after, arms], 10, axis=1) for way, arms in ways.items()}
    found: dict[str, dict[str, float]] = {}
    for part, which in PARTS.items():
        means = {way: float(np.hstack(tenths[way][which]).mean()) for way in ways}
        found[part] = {**means, "ratio": means["after"] / means["alone"]}
    return found


def stack(first: Table, second: Table, name: str) -> Table:
    """The units of both tables, the first table's before the second's; arms and names are united."""
    codes: dict[str, dict[str, int]] = {}
    for key in ("projects", "contexts", "families", "arms"):
        united = dict.fromkeys((*getattr(first, key), *getattr(second, key)))
        codes[key] = {item: place for place, item in enumerate(united)}
    family = {t.arms[a]: codes["families"][t.families[f]] for t in (second, first) for a, f in enumerate(t.family)}
    params = {arm: values for t in (second, first) for arm, values in zip(t.arms, t.params, strict=True)}
    return Table(
        name=name,
        measure=first.measure,
        units=(*(f"first {unit}" for unit in first.units), *(f"second {unit}" for unit in second.units)),
        projects=tuple(codes["projects"]),
        contexts=tuple(codes["contexts"]),
        families=tuple(codes["families"]),
        arms=tuple(codes["arms"]),
        params=tuple(params[arm] for arm in codes["arms"]),
        project=np.concatenate([recoded(t.project, t.projects, codes["projects"]) for t in (first, second)]),
        context=np.concatenate([recoded(t.context, t.contexts, codes["contexts"]) for t in (first, second)]),
        importance=np.concatenate([first.importance, second.importance]),
        family=np.array([family[arm] for arm in codes["arms"]]),
        reward=np.vstack([widened(t.reward, t.arms, codes["arms"], np.nan) for t in (first, second)]),
        status=np.vstack([widened(t.status, t.arms, codes["arms"], ABSENT) for t in (first, second)]),
        baseline=codes["arms"][first.arms[first.baseline]],
        cutoff=first.cutoff,
    )


def recoded(codes: np.ndarray, names: tuple[str, ...], united: dict[str, int]) -> np.ndarray:
    """Codes in the united names."""
    return np.array([united[name] for name in names])[codes]


def widened(matrix: np.ndarray, arms: tuple[str, ...], united: dict[str, int], fill: float) -> np.ndarray:
    """(units, united arms) matrix; `fill` where a table lacks an arm."""
    wide = np.full((len(matrix), len(united)), fill, matrix.dtype)
    wide[:, [united[arm] for arm in arms]] = matrix
    return wide
