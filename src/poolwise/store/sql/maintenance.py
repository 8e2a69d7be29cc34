"""Every statement by which rows are taken back, archived or pruned; as `definitions`."""

from typing import Any

from sqlalchemy import Float, Select, Table, Text, delete, exists, func, literal_column, null, select, update
from sqlalchemy.sql.base import Executable

from poolwise.store.sql.definitions import among, d, given, number, o
from poolwise.store.sql.statements import WITHDRAWN
from poolwise.store.sql.tables import arm_list, checkpoint, decision, layout, name, outcome, policy, record, view

EVENTS = {"outcome": outcome, "decision": decision}


def removal() -> dict[str, Executable]:
    """Withdrawing and forgetting."""
    own = outcome.c.decision.in_(select(decision.c.id).where(decision.c.project == given("project")))
    withdrawn = (
        update(outcome)
        .values(status=outcome.c.status + number(WITHDRAWN))
        .where(
            outcome.c.status < number(WITHDRAWN),
            outcome.c.decision.between(given("low"), given("high")),
            outcome.c.time >= given("since", Float),
            outcome.c.time < given("until", Float),
        )
    )
    empty: dict[str, Any] = {c.name: number(0 if c.name in ("probability", "view", "time") else -1) for c in decision.c}
    empty["features"] = null()
    kinds = record.c.kind == given("kind", Text)
    return {
        "WITHDRAW": withdrawn,
        "WITHDRAW_OF": withdrawn.where(own),
        "PROJECT_DECISIONS": select(decision.c.id).where(decision.c.project == given("project")),
        "FORGET_OUTCOMES": update(outcome)
        .values(status=number(WITHDRAWN), utility=number(0), cost=null(), baseline_cost=null(), time=number(0))
        .where(own),
        "FORGET_DECISIONS": update(decision)
        .values({key: value for key, value in empty.items() if key not in ("sequence", "id")})
        .where(decision.c.project == given("project")),
        "FORGET_VIEWS": delete(view).where(view.c.project == given("project")),
        "ONLY_CONTEXT": _only_of("context"),
        "ONLY_JOB": _only_of("job"),
        "RENAME": update(name)
        .values(name=given("text", Text))
        .where(name.c.kind == given("kind", Text), name.c.position == given("position")),
        "RECORD_AT": select(record.c.id).where(kinds).order_by(record.c.id).limit(number(1)).offset(given("place")),
        "REPLACE_RECORD": update(record).values(body=given("body", Text)).where(record.c.id == given("id")),
        "DELETE_CHECKPOINTS": delete(checkpoint),
    }


def _only_of(kind: str) -> Select:
    """Names that no decision of another project bears."""
    one = decision.c[kind]
    own = select(one).where(decision.c.project == given("project"))
    others = select(one).where(decision.c.project != given("other"))
    return select(name.c.name).where(name.c.kind == given("kind", Text), name.c.position.in_(own.except_(others)))


def pruning() -> dict[str, Executable]:
    """What is left of the first events."""
    return {key: value for label, table in EVENTS.items() for key, value in _left(label, table).items()}


def _left(label: str, table: Table) -> dict[str, Executable]:
    one, before = table.alias("one"), table.alias("before")
    gap = ~exists(select(number(1)).where(before.c.sequence == one.c.sequence - number(1)))
    whole = select(func.coalesce(func.max(one.c.sequence), number(1)) - number(1)).where(gap)
    return {
        f"THERE_{label.upper()}": select(number(1)).where(table.c.sequence == given("sequence")),
        f"WHOLE_{label.upper()}": whole,
    }


def retention() -> dict[str, Executable]:
    """Archiving."""
    v = view.alias("v")
    last_use = func.max(d.c.time) < given("before", Float)
    used = select(v.c.id).join_from(v, d, d.c.view == v.c.id).group_by(v.c.id).having(last_use)
    newest = select(func.max(view.c.id)).group_by(view.c.project, view.c.context)
    answered = d.outerjoin(o, o.c.decision == d.c.id)
    late = o.outerjoin(d, d.c.id == o.c.decision)
    first_late = select(func.min(o.c.sequence)).select_from(late)
    old = (d.c.sequence <= given("decision"), func.coalesce(o.c.sequence, number(0)) <= given("outcome"))
    return {
        "OLD_VIEWS": used.where(v.c.id.not_in(newest)).order_by(v.c.id),
        "NAMED_VIEWS": _named_views(),
        "NAMED_DECISIONS": _named_decisions(),
        "ARCHIVED_OUTCOMES": select(outcome).where(among(outcome.c.decision)).order_by(outcome.c.sequence),
        "LEARNED": select(checkpoint).order_by(checkpoint.c.outcomes.desc()),
        "FIRST_DECISION": select(func.min(decision.c.sequence)).where(decision.c.time >= given("before", Float)),
        "FIRST_OUTCOME": first_late.where((o.c.time >= given("before", Float)) | (d.c.sequence > given("decision"))),
        "OLD_DECISIONS": select(d.c.id).select_from(answered).where(*old).order_by(d.c.sequence),
        "DELETE_VIEW": delete(view).where(among(view.c.id)),
        "DELETE_DECISION": delete(decision).where(among(decision.c.id)),
        "DELETE_OUTCOME": delete(outcome).where(among(outcome.c.decision)),
    }


def _called(kind: str, position: Any) -> tuple[Any, Any]:
    names = name.alias(f"{kind}_name")
    return names, (names.c.kind == literal_column(f"'{kind}'")) & (names.c.position == position)


def _named_views() -> Select:
    v = view.alias("v")
    project, is_project = _called("project", v.c.project)
    context, is_context = _called("context", v.c.context)
    places = v.join(project, is_project).join(context, is_context).join(policy, policy.c.id == v.c.policy)
    whole = places.join(arm_list, arm_list.c.id == v.c.arm_list).outerjoin(layout, layout.c.id == v.c.layout)
    columns = (project.c.name, context.c.name, policy.c.spec, policy.c.params, v.c.snapshot, v.c.outcomes)
    rows = select(v.c.id, *columns, arm_list.c.arms, v.c.arrays, layout.c.line).select_from(whole)
    return rows.where(among(v.c.id)).order_by(v.c.id)


def _named_decisions() -> Select:
    found: Any = d
    names = []
    for kind in ("project", "context", "arm", "reason", "job"):
        table, is_it = _called(kind, d.c[kind])
        found = found.join(table, is_it, isouter=kind == "job")
        names.append(table.c.name)
    rows = select(d.c.sequence, d.c.id, *names, d.c.probability, d.c.view, d.c.time, d.c.features).select_from(found)
    return rows.where(among(d.c.id)).order_by(d.c.sequence)
