"""Decisions that another process draws: it is lent the probabilities of a cell and a block of ids.

    lease -> pick(uniform(seed, id)) there -> checked and stored here -> answered there

A draw is a function of the lease and the id, so it is made again before it is stored: what is in the store is what this
engine would have chosen with that id. Leases are kept in memory alone, and end with whatever makes them wrong: an
operator's order, a deletion, another process. Where guarantees, budgets or quarantine act, nothing is lent.
"""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from poolwise.engine import decide
from poolwise.engine.state import tables
from poolwise.engine.state.cached_decision import CachedDecision
from poolwise.engine.state.serving import Serving
from poolwise.engine.upkeep import Upkeep
from poolwise.policy.randomness import uniform

LONGEST = 5.0
"""Seconds after which nothing more is taken from a lease: who draws keeps it for far less."""
SHARE = 32
"""A lease is for at most a 32nd of the decisions made in its cell so far: what is hardly known is not lent, since
there every outcome changes what is right."""
Verdict = Literal["stored", "over", "wrong"]
"""`over`: no such lease, or no longer; `wrong`: not what the lease chooses with that id."""


class Lease(NamedTuple):
    """The decision of one (project, context) as it stands, and ids that nobody else draws."""

    first: int
    """The first of its ids, which names it."""
    size: int
    """How many ids."""
    project: str
    context: str
    cell: CachedDecision
    seed: int
    made: float
    """Seconds of this machine's monotonic clock."""
    stored: set[int]
    """Ids that were taken from it."""


class Drawn(NamedTuple):
    """What was chosen from a lease."""

    lease: int
    id: int
    arm: str
    probability: float


class Leases:
    """Of one engine; safe to call from several threads."""

    def __init__(self, held: Callable[[], threading.RLock], upkeep: Upkeep) -> None:
        self._held, self._upkeep = held, upkeep

    def grant(self, cells: Sequence[tuple[str, str]], count: int) -> list[Lease]:
        """One of at most so many ids for every (project, context) that is known well enough; none where safeguards act.
        Raises InputError, StoreError."""
        with self._held():
            return self._upkeep.change(lambda now: _granted(now, cells, count))

    def append(self, rows: Sequence[Drawn]) -> tuple[list[Verdict], float]:
        """A verdict on each, and the time of those that are stored; the same again is stored once. Raises StoreError,
        with none of them stored."""
        with self._held():
            return self._upkeep.change(lambda now: _appended(now, rows))


def _granted(serving: Serving, cells: Sequence[tuple[str, str]], count: int) -> list[Lease]:
    now = time.monotonic()
    for old in list(takewhile(lambda key: now - serving.leases[key].made > LONGEST, serving.leases)):
        del serving.leases[old]
    if serving.policy_gate.safeguards is not None or serving.name_index.features.asked or not cells:
        return []
    sizes = {names: size(serving, *serving.name_index.place(*names), count) for names in cells}
    found = {names: decide.ready(serving, *names) for names in cells if sizes[names]}
    first, made = serving.store.reserve(max(sum(sizes.values()), 1)), []
    for names, cell in found.items():
        made.append(Lease(first, sizes[names], *names, cell, serving.store.seed, now, set()))
        first += sizes[names]
    serving.leases.update((one.first, one) for one in made)
    return made


def size(serving: Serving, project: int, context: int, count: int) -> int:
    """How many ids are lent at most; none of a cell that has no name yet."""
    return min(count, serving.usage.decisions(project, context) // SHARE)


def _appended(serving: Serving, rows: Sequence[Drawn]) -> tuple[list[Verdict], float]:
    now, clock, new = time.time(), time.monotonic(), {}
    verdicts: list[Verdict] = []
    for row in rows:
        lease = serving.leases.get(row.lease)
        if lease is None or clock - lease.made > LONGEST:
            verdicts.append("over")
        elif (chosen := _chosen(serving, lease, row, now)) is None:
            verdicts.append("wrong")
        else:
            verdicts.append("stored")
            if row.id not in lease.stored:
                new[row.id] = lease, chosen
    if new:
        _append(serving, new)
    return verdicts, now


def _chosen(serving: Serving, lease: Lease, row: Drawn, now: float) -> tuple | None:
    """The decision as it is stored; None where it is not what the lease chooses with that id."""
    if not lease.first <= row.id < lease.first + lease.size:
        return None
    cell = lease.cell
    k = cell.pick(uniform(lease.seed, row.id))
    if (cell.arms[k].id, cell.probabilities[k]) != (row.arm, row.probability):
        return None
    arm = serving.name_index.arm[row.arm]
    return (row.id, cell.project, cell.context, arm, row.probability, cell.view, now, cell.reasons[k], -1)


def _append(serving: Serving, new: dict[int, tuple[Lease, tuple]]) -> None:
    columns = tables.decision_columns([row for _, row in new.values()], serving.name_index)
    serving.store.append_decisions(serving.name_index.coded(columns))
    serving.counted_together(columns.id)
    serving.usage.decided_together(columns.project, tables.counted(columns.project, columns.context))
    for id, (lease, _) in new.items():
        lease.stored.add(id)
