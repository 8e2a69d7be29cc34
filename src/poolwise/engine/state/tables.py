"""Columns in, columns out: many decisions at once, and what is believed as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from poolwise.engine.arguments import Names
from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.safeguards.safeguards import Discount
from poolwise.engine.state.cached_decision import CachedDecision
from poolwise.errors import InputError
from poolwise.lazy import pandas as pd
from poolwise.names import absent, checked
from poolwise.objective import Objective, speed_up
from poolwise.policy.optimality import best_probability
from poolwise.store.base import DecisionColumns, OutcomeColumns

NORMAL_95 = 1.6448536269514722
"""Standard score of the 95 % quantile."""
_CHUNK = 1 << 19
"""Numbers compared at a time: they stay in the cache."""


def distinct_cells(project: Names, context: Names, jobs: int = 1) -> tuple[list[tuple[str, str]], np.ndarray]:
    """The distinct (project, context) pairs of some jobs, and which pair each job has. jobs: how many there are where
    both are one name. Raises InputError."""
    given = [len(names[0]) for names in (project, context) if not isinstance(names, str)]
    count = max(given, default=jobs)
    codes, names = zip(
        *(_coded(kind, one, count) for kind, one in (("project", project), ("context", context))), strict=True
    )
    pairs, which = _distinct(codes[0] * len(names[1]) + codes[1])
    return [(names[0][one // len(names[1])], names[1][one % len(names[1])]) for one in pairs.tolist()], which


def _distinct(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending, and which of them each is; counted, where numbers are small."""
    most = int(pair.max())
    if most > 4 * len(pair):
        return np.unique(pair, return_inverse=True)
    pairs = np.flatnonzero(np.bincount(pair))
    place = np.empty(most + 1, dtype=np.int64)
    place[pairs] = np.arange(len(pairs))
    return pairs, place[pair]


def _coded(kind: str, names: Names, count: int) -> tuple[np.ndarray, list[str]]:
    if isinstance(names, str):
        return np.zeros(count, dtype=np.int64), [names]
    codes, distinct = names
    if len(codes) != count:
        raise InputError(f"{kind} has {len(codes)} names for {count} jobs: give one name, or one per job")
    return codes, distinct


def draw(
    cells: list[CachedDecision],
    which: np.ndarray,
    ids: np.ndarray,
    numbers: np.ndarray,
    name_index: NameIndex,
    now: float,
) -> DecisionColumns:
    """One arm per job, bit for bit as `CachedDecision.pick`: the number of running sums that the number has passed."""
    sums = np.array([cell.cumulative for cell in cells])
    position = np.empty(len(ids), dtype=np.int64)
    step = max(_CHUNK // sums.shape[1], 1)
    for start in range(0, len(ids), step):
        rows = slice(start, start + step)
        (sums[which[rows]] <= numbers[rows, None]).sum(axis=1, out=position[rows])
    return _columns(cells, which, ids, position, name_index, now)


def _columns(
    cells: list[CachedDecision],
    which: np.ndarray,
    ids: np.ndarray,
    position: np.ndarray,
    name_index: NameIndex,
    now: float,
) -> DecisionColumns:
    chances = np.array([cell.probabilities for cell in cells])
    reasons = np.array([name_index.codes("reason", cell.reasons) for cell in cells])
    per_cell = np.array([(cell.project, cell.context, cell.view) for cell in cells])
    flat = which * chances.shape[1] + position
    return DecisionColumns(
        id=ids,
        project=per_cell[:, 0][which],
        context=per_cell[:, 1][which],
        arm=name_index.index.codes[name_index.columns[position]],
        probability=chances.ravel()[flat],
        view=per_cell[:, 2][which],
        time=np.full(len(ids), now),
        reason=reasons.ravel()[flat],
        job=np.full(len(ids), -1),
    )


def decision_columns(rows: Sequence[tuple[Any, ...]], name_index: NameIndex) -> DecisionColumns:
    """Rows in the order of the fields, arms by index, reasons by name, as columns."""
    columns: list[Any] = list(zip(*rows, strict=True)) or [()] * len(DecisionColumns._fields)
    columns[3] = name_index.index.codes[list(columns[3])]
    columns[7] = name_index.codes("reason", columns[7])
    kinds = (int, int, int, int, float, int, float, int, int)
    return DecisionColumns(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


def chosen(outcomes: OutcomeColumns, which: np.ndarray | slice) -> OutcomeColumns:
    """Some rows."""
    return OutcomeColumns(*(column[which] for column in outcomes))


def parted(
    outcomes: OutcomeColumns, discounts: Mapping[int, Discount]
) -> Iterator[tuple[OutcomeColumns, Discount | None]]:
    """Outcomes in parts, each but the last ending with one after which evidence fades."""
    start = 0
    for end in np.flatnonzero(np.isin(outcomes.decision, list(discounts))).tolist() if discounts else ():
        yield chosen(outcomes, slice(start, end + 1)), discounts[int(outcomes.decision[end])]
        start = end + 1
    if start < len(outcomes.decision):
        yield chosen(outcomes, slice(start, None)), None


def counted(project: np.ndarray, context: np.ndarray) -> Iterator[tuple[tuple[int, int], int]]:
    """How often each (project, context) occurs."""
    pairs, which = _pairs(project, context)
    yield from zip(pairs, np.bincount(which, minlength=len(pairs)).tolist(), strict=True)


def _pairs(project: np.ndarray, context: np.ndarray) -> tuple[list[tuple[int, int]], np.ndarray]:
    """The distinct (project, context) of some rows, and which of them each row has."""
    width = int(context.max(initial=0)) + 1
    found, which = np.unique(project * width + context, return_inverse=True)
    return [divmod(one, width) for one in found.tolist()], which


def informed(made: DecisionColumns, outcomes: OutcomeColumns) -> Iterator[tuple[tuple[int, int], int]]:
    """Per (project, context): how many decisions its project had made when the last outcome here came."""
    last = {at: k for k, at in enumerate(zip(outcomes.project.tolist(), outcomes.context.tolist(), strict=True))}
    for project in {project for project, _ in last}:
        times = np.sort(made.time[made.project == project])
        for at, k in last.items():
            if at[0] == project:
                yield at, int(np.searchsorted(times, outcomes.time[k], side="right"))


def costs(outcomes: OutcomeColumns) -> Iterator[tuple[tuple[int, int], int, float]]:
    """Per (project, context): number of outcomes and total baseline cost (NaN where no outcome has one)."""
    if not len(outcomes.decision):
        return
    pairs, which = _pairs(outcomes.project, outcomes.context)
    known = ~np.isnan(outcomes.baseline_cost)
    total = np.bincount(which, np.where(known, outcomes.baseline_cost, 0.0), len(pairs))
    total[np.bincount(which, known, len(pairs)) == 0] = np.nan
    yield from zip(pairs, np.bincount(which).tolist(), total.tolist(), strict=True)


def beliefs(now: Any, project: str | None, context: str | None) -> pd.DataFrame:
    """A row for every known project, context and offered arm; see `Engine.beliefs`."""
    belief, name_index = now.belief, now.name_index
    projects, contexts = _known(name_index, "project", project), _known(name_index, "context", context)
    looks = [[belief.predict(p, c) for c in contexts.values()] for p in projects.values()]
    shape = (len(projects), len(contexts), len(name_index.ids))
    mean, scale, count = (
        np.array([[getattr(look, name) for look in row] for row in looks]).reshape(-1)
        for name in ("mean", "scale", "count")
    )
    p, c, a = (axis.reshape(-1) for axis in np.indices(shape))
    return pd.DataFrame(
        {
            "project": np.array(list(projects), dtype=object)[p],
            "context": np.array(list(contexts), dtype=object)[c],
            "family": np.array([arm.family for arm in name_index.arms], dtype=object)[a],
            "arm": np.array(name_index.ids, dtype=object)[a],
            "mean": mean,
            "sd": scale,
            "low": mean - NORMAL_95 * scale,
            "high": mean + NORMAL_95 * scale,
            "n": count.astype(np.int64),
        }
    )


def _known(name_index: NameIndex, kind: str, only: str | None) -> dict[str, int]:
    """The names of a kind with their numbers, or one of them. Raises InputError where it is none."""
    names = {name: number for number, name in enumerate(name_index.names(kind))}
    if only is None:
        return names
    if checked(kind, only) not in names:
        raise InputError(absent(kind, only, [*names]))
    return {only: names[only]}


def log_speeds(beliefs: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    """Beliefs whose mean, low and high are logarithms of how many times what is spent the baseline would have cost."""
    if objective == "ratio":
        return beliefs
    found = {name: np.log(speed_up(beliefs[name], objective)) for name in ("mean", "low", "high")}
    return beliefs.assign(**found, sd=(found["high"] - found["low"]) / (2 * NORMAL_95))


def best(beliefs: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    """Of every project and context the arm with the highest mean; see `Engine.best`."""
    cell = ["project", "context"]
    chances = [_chances(part) for _, part in beliefs.groupby(cell, sort=False)]
    top = beliefs.assign(probability=np.concatenate([np.zeros(0), *chances]))
    top = top.loc[top.groupby(cell, sort=False)["mean"].idxmax()] if len(top) else top
    columns = (("speed_up", "mean"), ("low", "low"), ("high", "high"))
    factors = {name: speed_up(top[column], objective) for name, column in columns}
    return top.assign(**factors)[[*cell, "family", "arm", *factors, "probability", "n"]].reset_index(drop=True)


def _chances(cell: pd.DataFrame) -> np.ndarray:
    """Of every arm, to be the best; one that is known exactly, as the baseline is, has a scale too small to matter."""
    scale = cell["sd"].to_numpy()
    return best_probability(cell["mean"].to_numpy(), np.maximum(scale, 1e-5 * max(scale.max(), 1e-9)))
