"""From what is believed to decisions that are stored: view -> policy -> probabilities -> pick -> log.

A decision is counted once it is stored. Where the store cannot be written, `unlogged` decides from the same belief and
says so: such a decision has a negative id, and its outcome cannot be reported.
"""

import secrets
import time
from collections.abc import Iterable

import numpy as np

from poolwise.engine.safeguards.safeguards import Safeguards
from poolwise.engine.state import tables
from poolwise.engine.state.cached_decision import CachedDecision, cumulative
from poolwise.engine.state.serving import Serving, shorten
from poolwise.policy.constraints.constraints import Constraints, to_arrays
from poolwise.policy.randomness import uniform, uniforms
from poolwise.policy.view import View
from poolwise.schema import Decision, LoggedView
from poolwise.space import ArmSpace
from poolwise.store.base import DecisionColumns
from poolwise.views import COMPILED

UNLOGGED = "; unlogged"
"""At the end of a decision's reason: the store could not be written."""


def one(
    serving: Serving,
    project: str,
    context: str,
    job: str | None,
    available: Iterable[str] | None,
    known: np.ndarray | None = None,
) -> Decision:
    """Decide one job; see `Engine.decide`. known: its features, as they are stored."""
    store = serving.store
    if available is None and known is None:
        cell = ready(serving, project, context)
    else:
        cell = _look(serving, project, context, available, known)
    id = store.reserve(1)
    decision = _drawn(cell, id, store.seed, project, context, job, known)
    store.append_decision(decision)
    serving.counted(cell.project, cell.context, decision)
    return decision


def unlogged(
    serving: Serving,
    project: str,
    context: str,
    job: str | None,
    available: Iterable[str] | None,
    known: np.ndarray | None = None,
    *,
    free: bool,
) -> Decision:
    """Decide without the store. free: as the policy would; otherwise the baseline, or what stands in for it."""
    name_index = serving.name_index
    at = name_index.place(project, context)
    allowed = name_index.allowed(available, serving.policy_gate.trusted)
    if not free and allowed[name_index.baseline]:
        allowed = np.arange(len(allowed)) == name_index.baseline
    cell, _, _ = _made_ready(serving, (project, context), at, allowed, known)
    decision = _drawn(cell, -1 - secrets.randbits(62), serving.store.seed, project, context, job, known)
    return decision._replace(reason=decision.reason + UNLOGGED)


def baseline_alone(space: ArmSpace, project: str, context: str, job: str | None, *_: object) -> Decision:
    """The baseline, where neither store nor belief is at hand, whatever else is known."""
    arm, id = space.arm(space.baseline), -1 - secrets.randbits(62)
    reason = f"baseline only{UNLOGGED}"
    return Decision(id, project, context, arm.family, dict(arm.params), arm.id, 1.0, reason, time.time(), job, 0)


def many(
    serving: Serving, keys: list[tuple[str, str]], which: np.ndarray, known: np.ndarray | None = None
) -> DecisionColumns:
    """Decide a job for every entry of `which`, an index into `keys` of (project, context). known: features of each."""
    store = serving.store
    if serving.policy_gate.safeguards is not None:
        return _one_by_one(serving, serving.policy_gate.safeguards, keys, which, known)
    if known is None:
        cells = [ready(serving, *key) for key in keys]
    else:
        kinds, which = _alike(which, known)
        cells = [_known_ready(serving, keys[key], known[row]) for key, row in kinds]
    first = store.reserve(len(which))
    ids = np.arange(first, first + len(which), dtype=np.int64)
    columns = tables.draw(cells, which, ids, uniforms(store.seed, ids), serving.name_index, time.time())
    stored = serving.name_index.coded(columns)
    store.append_decisions(stored, known)
    serving.counted_together(ids)
    uses = np.bincount(which, minlength=len(cells)).tolist()
    places = [(cell.project, cell.context) for cell in cells]
    serving.usage.decided_together(columns.project, zip(places, uses, strict=True))
    return stored


def _alike(which: np.ndarray, known: np.ndarray) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Jobs of one key and the same features: the key and first row of each kind, and the kind of every job."""
    bits = np.column_stack([which, known.view(np.int64)])
    _, rows, kinds = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return list(zip(which[rows].tolist(), rows.tolist(), strict=True)), kinds.ravel()


def _known_ready(serving: Serving, key: tuple[str, str], known: np.ndarray | None) -> CachedDecision:
    """As `ready`, of a job with these features."""
    if known is None or np.isnan(known).all():
        return ready(serving, *key)
    return _look(serving, *key, None, known)


def _one_by_one(
    serving: Serving,
    safeguards: Safeguards,
    keys: list[tuple[str, str]],
    which: np.ndarray,
    known: np.ndarray | None,
) -> DecisionColumns:
    """`many` where each decision may change what the next one is allowed."""
    store, now, rows = serving.store, time.time(), []
    first = store.reserve(len(which))
    serving.torn = True
    for id, number in enumerate(which.tolist(), start=first):
        cell = _known_ready(serving, keys[number], None if known is None else known[id - first])
        k = cell.pick(uniform(store.seed, id))
        arm, reason = serving.name_index.arm[cell.arms[k].id], cell.reasons[k]
        rows.append((id, cell.project, cell.context, arm, cell.probabilities[k], cell.view, now, reason, -1))
        safeguards.decided(cell.project, cell.context, arm, reason)
    columns = tables.decision_columns(rows, serving.name_index)
    stored = serving.name_index.coded(columns)
    store.append_decisions(stored, known)
    serving.counted_together(columns.id)
    serving.usage.decided_together(columns.project, tables.counted(columns.project, columns.context))
    serving.torn = False
    return stored


def _drawn(
    cell: CachedDecision,
    id: int,
    seed: int,
    project: str,
    context: str,
    job: str | None,
    known: np.ndarray | None,
) -> Decision:
    k = cell.pick(uniform(seed, id))
    arm, chance, reason = cell.arms[k], cell.probabilities[k], cell.reasons[k]
    params, view = dict(arm.params), cell.view
    features = None if known is None else tuple(known.tolist())
    return Decision(id, project, context, arm.family, params, arm.id, chance, reason, time.time(), job, view, features)


def ready(serving: Serving, project: str, context: str) -> CachedDecision:
    """The probabilities of a cell as they are now, computed again where anything has changed."""
    cell, safeguards = serving.cells.get((project, context)), serving.policy_gate.safeguards
    if (
        cell is None
        or cell.version != serving.belief.version
        or serving.usage.decisions(cell.project, cell.context) >= cell.refresh
        or (safeguards is not None and safeguards.permissions(cell.project, cell.context) != cell.gate)
    ):
        cell = serving.cells[project, context] = _look(serving, project, context, None)
        shorten(serving.cells)
    return cell


def _look(
    serving: Serving,
    project: str,
    context: str,
    available: Iterable[str] | None,
    known: np.ndarray | None = None,
) -> CachedDecision:
    """Compute and log the view of one cell, and the probabilities that follow from it."""
    name_index = serving.name_index
    allowed = name_index.allowed(available, serving.policy_gate.trusted)  # Before names are numbered: it may refuse.
    at = name_index.project(project), name_index.context(context)
    cell, view, limits = _made_ready(serving, (project, context), at, allowed, known)
    if not serving.settings.log_views:
        return cell
    return cell._replace(view=_log(serving, project, context, view, limits, cell.compiled))


def _made_ready(
    serving: Serving, names: tuple[str, str], at: tuple[int, int], allowed: np.ndarray, known: np.ndarray | None
) -> tuple[CachedDecision, View, Constraints | None]:
    own = serving.policy_gate.meet(names[0], serving.usage.of_project(at[0]))
    view, chances = serving.belief.view(at, allowed, np.array(serving.usage.context(*at)), known, own.constants)
    found = serving.policy_gate.choice(names, at, view, chances)
    cell = CachedDecision(
        project=at[0],
        context=at[1],
        arms=found.answers,
        probabilities=found.propensities,
        cumulative=cumulative(found.probabilities),
        reasons=found.reasons,
        view=0,
        version=serving.belief.version,
        refresh=max(4 * serving.usage.decisions(*at), 16),
        gate=found.gate,
        compiled=chances is not None,
    )
    return cell, view, found.limits


def _log(serving: Serving, project: str, context: str, view: View, limits: Constraints | None, compiled: bool) -> int:
    arrays = {name: value for name, value in zip(View._fields, view, strict=True) if value is not None}
    arrays["baseline"], arrays["context"] = np.asarray(view.baseline), np.array(view.context, dtype=np.float64)
    if limits is not None:
        arrays.update(to_arrays(limits))
    if compiled:
        arrays[COMPILED] = np.asarray(1)
    belief, own, ids = serving.belief, serving.policy_gate.own(project), serving.name_index.ids
    key = serving.policies.get(bits := own.constants.tobytes())
    if key is None:
        key = serving.policies[bits] = serving.store.add_policy(own.policy.spec, own.policy.params)
    return serving.store.append_view(
        LoggedView(0, project, context, key, belief.snapshot, belief.outcomes, ids, arrays)
    )
