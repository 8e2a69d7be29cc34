"""From stored events to all that rests on them: how contexts are used, what is believed, what is forbidden.

Every event is folded once, whoever wrote it: outcomes in the order of the store, decisions when this process makes
them, or when it next looks.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from poolwise.engine.safeguards.safeguards import Discount, Safeguards
from poolwise.engine.state import observations, tables
from poolwise.engine.state.job_adjustment import costs_alone
from poolwise.engine.state.serving import Serving
from poolwise.engine.state.serving_posterior import BLOCK, FEW, ServingPosterior
from poolwise.progress import Logged
from poolwise.schema import STATUSES, Decision, Outcome, Snapshot
from poolwise.store.base import DecisionColumns, OutcomeColumns

_KINDS = (np.int64,) * 5 + (np.int8,) + (np.float64,) * 4
_NOTHING = OutcomeColumns(*(np.zeros(0, dtype=kind) for kind in _KINDS))


class Waiting(NamedTuple):
    """What the store holds after the cursor."""

    outcomes: OutcomeColumns
    decisions: DecisionColumns | None
    """None: only decisions of this process, which are counted."""
    reasons: list[str]
    """By code."""
    cursor: tuple[int, int]
    """Outcomes and decisions of the store up to here."""
    made: list[Decision]
    """The decision of every outcome, where anybody asks why or when it was made."""
    plain: Sequence[Outcome] = ()
    """A few outcomes of this process that say by themselves what they are worth: then there are no others."""


def opened(serving: Serving, estimated: Callable[[Snapshot], None] | None = None) -> None:
    """Fold all events after the cursor. Decisions and outcomes follow each other by their times. estimated: is told
    what scales are estimated on the way, as often as they would have been; None: they stay what they are."""
    store = serving.store
    outcomes, serving.outcomes = _outcomes(serving)
    made, serving.decisions = _decisions(serving)  # in this order: every outcome has its decision
    rows = readable(outcomes)
    earlier = {p: serving.usage.of_project(p) for p in np.unique(rows.project).tolist()}
    serving.usage.decided_together(made.project, tables.counted(made.project, made.context))
    _used(serving, rows)
    for (p, c), since in tables.informed(made, rows):
        serving.usage.informed(p, c, earlier[p] + since)
    if (safeguards := serving.policy_gate.safeguards) is None:
        _learn(serving, rows, estimated=estimated)
        _settled(serving)
        return
    names = store.names("reason")
    reasons = [names[code] for code in made.reason.tolist()]
    number = {id: row for row, id in enumerate(made.id.tolist())}
    row_of = [number.get(id, -1) for id in rows.decision.tolist()]
    answered = [
        reasons[row] if row >= 0 else _made(serving, id).reason
        for row, id in zip(row_of, rows.decision.tolist(), strict=True)
    ]
    advance = _counting(safeguards, made, reasons, rows, np.array(row_of, dtype=np.int64))
    _learn(serving, rows, answered, advance, estimated)
    advance(len(rows.decision))
    _settled(serving)


def _settled(serving: Serving) -> None:
    """Where jobs have features, the form of the belief follows from all outcomes together, not from the first ones."""
    if serving.name_index.features.columns:
        serving.belief.recompute()


def waiting(serving: Serving) -> Waiting:
    """Read what is to be folded next; what is believed and counted does not change."""
    store, made, cursor = serving.store, serving.decisions + serving.ahead, serving.outcomes + len(serving.stored)
    if _known(serving) and store.answered() == cursor:
        if _plain(serving) and store.made() == made:
            return Waiting(_NOTHING, None, [], (cursor, made), [], serving.stored)
        outcomes = _remembered(serving)
    else:
        outcomes, cursor = _outcomes(serving)
    outcomes = readable(outcomes)
    decisions, reasons = None, []
    if store.made() != made:
        (decisions, made), reasons = _decisions(serving), store.names("reason")
    if outgrown(serving, outcomes) or outgrown(serving, decisions):
        return Waiting(outcomes, decisions, reasons, (cursor, made), [])
    for rows in (outcomes, decisions):
        if rows is not None:
            serving.name_index.follow("project", rows.project)
            serving.name_index.follow("context", rows.context)
    asked = serving.policy_gate.safeguards is not None or np.isfinite(serving.belief.overdue.until)
    answered = [_made(serving, id) for id in outcomes.decision.tolist()] if asked else []
    return Waiting(outcomes, decisions, reasons, (cursor, made), answered)


def fold(serving: Serving, new: Waiting) -> None:
    """Fold what comes next."""
    serving.belief.in_service = True
    for outcome in new.plain:
        _fold_plain(serving, outcome)
    if new.decisions is not None:
        _count(serving, new.decisions, new.reasons)
    rows = new.outcomes
    if len(rows.decision):
        _used(serving, rows)
        for place, decision in zip(_places(rows), new.made, strict=bool(new.made)):
            serving.belief.withdraw(place, decision.time)
        _learn(serving, rows, [made.reason for made in new.made])
    serving.others += new.cursor[0] - serving.outcomes
    if serving.others > 0:
        serving.belief.share()
    serving.outcomes, serving.decisions = new.cursor
    serving.own, serving.blocks, serving.stored, serving.behind = set(), [], [], False
    for id in rows.decision.tolist():
        serving.recent.pop(id, None)


def _known(serving: Serving) -> bool:
    """Whether the decisions of what this process has stored are remembered."""
    return all(outcome.decision in serving.recent for outcome in serving.stored)


def _plain(serving: Serving) -> bool:
    """See `Waiting.plain`."""
    asked = serving.policy_gate.safeguards is not None or math.isfinite(serving.belief.overdue.until)
    few = not asked and len(serving.stored) <= FEW
    return few and all(observations.plain(outcome, serving.settings) for outcome in serving.stored)


def _fold_plain(serving: Serving, outcome: Outcome) -> None:
    made = serving.recent.pop(outcome.decision)
    project, context, _ = serving.name_index.cell_of(made)
    serving.usage.observed(project, context, np.nan if outcome.baseline_cost is None else outcome.baseline_cost)
    serving.belief.learn_plain(made, outcome)
    if serving.belief.learned % BLOCK == 0:
        serving.belief.recompute()


def outgrown(serving: Serving, rows: DecisionColumns | OutcomeColumns | None) -> bool:
    """Whether there are arms among new events that this process does not know: another one has a larger space."""
    return rows is not None and len(rows.arm) > 0 and rows.arm.max(initial=-1) >= len(serving.name_index.known)


def assume_overdue(serving: Serving, now: float) -> None:
    """Decisions older than `Settings.outcome_timeout` count as failed, in the belief alone, until heard of."""
    timeout, belief, store = serving.settings.outcome_timeout, serving.belief, serving.store
    if timeout is None:
        return
    until, cells = now - timeout, []
    late = [store.decision(id) for id in store.open_decisions(until).tolist()]
    for decision in late:
        if decision.time >= belief.overdue.until:
            cells.append(serving.name_index.cell_of(decision))
    if store.answered() == serving.outcomes:  # otherwise some were heard of meanwhile: the next time will do
        belief.assume(cells, until)


def readable(rows: OutcomeColumns) -> OutcomeColumns:
    """Without rows that no engine would have stored: a damaged one must not keep a store from being opened."""
    fine = np.isfinite(rows.utility) & (rows.project >= 0) & (rows.context >= 0) & (rows.arm >= 0)
    return rows if fine.all() else tables.chosen(rows, fine)


def _outcomes(serving: Serving) -> tuple[OutcomeColumns, int]:
    """Those after the cursor, and the cursor after them: places of what was withdrawn are empty."""
    end = serving.store.answered()
    return serving.name_index.indexed(serving.store.outcomes(serving.outcomes, end - serving.outcomes)), end


def _decisions(serving: Serving) -> tuple[DecisionColumns, int]:
    end = serving.store.made()
    found = serving.name_index.indexed(serving.store.decisions(serving.decisions, end - serving.decisions))
    fine = (found.project >= 0) & (found.context >= 0)
    return DecisionColumns(*(column[fine] for column in found)), end


def _remembered(serving: Serving) -> OutcomeColumns:
    """What this process has stored, without reading it again."""
    rows = []
    for one in serving.stored:
        made = serving.recent[one.decision]
        job = -1 if made.job is None else int(serving.store.intern("job", [made.job])[0])
        cost, baseline = (np.nan if part is None else part for part in (one.cost, one.baseline_cost))
        status = STATUSES.index(one.status)
        rows.append(
            (one.decision, *serving.name_index.cell_of(made), job, status, one.utility, cost, baseline, one.time)
        )
    columns = zip(*rows, strict=True) if rows else [()] * len(OutcomeColumns._fields)
    kinds = zip(columns, _KINDS, strict=True)
    return OutcomeColumns(*(np.array(column, dtype=kind) for column, kind in kinds))


def _count(serving: Serving, made: DecisionColumns, names: list[str]) -> None:
    """Count the decisions of other processes."""
    own = np.concatenate([np.fromiter(serving.own, np.int64, len(serving.own)), *serving.blocks])
    foreign = ~np.isin(made.id, own)
    made = DecisionColumns(*(column[foreign] for column in made))
    serving.usage.decided_together(made.project, tables.counted(made.project, made.context))
    if (safeguards := serving.policy_gate.safeguards) is None:
        return
    for place, reason in zip(_places(made), made.reason.tolist(), strict=True):
        safeguards.decided(*place, names[reason])


def _made(serving: Serving, id: int) -> Decision:
    """The decision of an outcome."""
    return serving.recent.get(id) or serving.store.decision(id)


def _used(serving: Serving, rows: OutcomeColumns) -> None:
    for (p, c), count, cost in tables.costs(rows):
        serving.usage.observed(p, c, cost, count)


def _learn(
    serving: Serving,
    rows: OutcomeColumns,
    reasons: Sequence[str] = (),
    count: Callable[[int], None] | None = None,
    estimated: Callable[[Snapshot], None] | None = None,
) -> None:
    """Safeguards and belief. reasons: of every row, where there are safeguards; count: counts what was decided before
    the k-th outcome; estimated: see `opened`."""
    belief, safeguards = serving.belief, serving.policy_gate.safeguards
    report, number = Logged(), len(rows.decision)
    for start, end in _parts(belief, rows, again=estimated is not None):
        part, discounts = tables.chosen(rows, slice(start, end)), {}
        if safeguards is not None:
            valued = part._replace(utility=belief.job_adjustment.utilities(part))
            discounts = _watched(safeguards, valued, reasons[start:end], start, count)
        for piece, discount in tables.parted(part, discounts):
            belief.update(piece)
            if discount is not None:
                belief.discount(discount)
        if belief.learned % BLOCK == 0:
            belief.recompute()
        if estimated is not None and belief.due:
            estimated(belief.reestimate("without what was taken back", keep=False))
        report("learning outcomes", end, number)


def _parts(belief: ServingPosterior, rows: OutcomeColumns, *, again: bool) -> Iterator[tuple[int, int]]:
    """Stretches of rows that are to be learned together, in their order; again: ending where estimates are due.

    At every `BLOCK`-th outcome the belief is computed again from its statistics. Up to the last such place it does
    not matter how many are learned at once; from there on a few are, and the outcomes of jobs one by one, as they
    are when they come one by one.
    """
    number, start = len(rows.decision), 0
    alone = np.flatnonzero(costs_alone(rows)) + 1
    while start < number:
        jobs = alone[alone > start]
        whole = (belief.learned + number - start) // BLOCK * BLOCK - belief.learned
        end = start + whole if whole > 0 else min(start + FEW, number, *jobs[:1].tolist())
        settled = jobs[belief.job_adjustment.until_settling() - 1 :]
        due = [start + belief.until_due(rows.project[start:])] if again else []
        yield start, (end := min(end, *settled[:1].tolist(), *due, number))
        start = end


def _watched(
    safeguards: Safeguards,
    rows: OutcomeColumns,
    reasons: Sequence[str],
    start: int,
    count: Callable[[int], None] | None,
) -> dict[int, Discount]:
    """What is to be forgotten, by the decision whose outcome told."""
    discounts = {}
    columns = zip(rows.decision.tolist(), _places(rows), rows.utility.tolist(), reasons, strict=True)
    for k, (id, place, utility, reason) in enumerate(columns, start=start):
        if count is not None:
            count(k)
        if (discount := safeguards.observed(*place, utility, reason)) is not None:
            discounts[id] = discount
    return discounts


def _counting(
    safeguards: Safeguards, made: DecisionColumns, reasons: Sequence[str], rows: OutcomeColumns, row_of: np.ndarray
) -> Callable[[int], None]:
    """A function that lets the safeguards count all decisions made before the k-th outcome came, by the clock and at
    least its own; after the last outcome, all."""
    clock = np.maximum.accumulate(made.time) if len(made.time) else made.time
    until = np.maximum(np.searchsorted(clock, rows.time, side="right"), row_of + 1)
    ends, decided, done = [*until.tolist(), len(reasons)], _places(made), 0

    def count(k: int) -> None:
        nonlocal done
        for number in range(done, ends[k]):
            safeguards.decided(*next(decided), reasons[number])
        done = max(done, ends[k])

    return count


def _places(rows: DecisionColumns | OutcomeColumns) -> Iterator[tuple[int, int, int]]:
    """(project, context, arm) of each."""
    return zip(*(column.tolist() for column in (rows.project, rows.context, rows.arm)), strict=True)
