"""Every statement of a store, once, for SQLite and PostgreSQL; `texts` makes the text for each.

Values are given by position, in the order in which a statement names them.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Select,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.types import NullType

from poolwise.store.sql.statements import WITHDRAWN
from poolwise.store.sql.tables import (
    arm_list,
    checkpoint,
    counter,
    decision,
    layout,
    name,
    outcome,
    policy,
    record,
    view,
)

d, o = decision.alias("d"), outcome.alias("o")
_OUTCOME = [c for c in outcome.c if c.name != "sequence"]
_MADE = [c for c in decision.c if c.name not in ("sequence", "features")]
there = decision.c.project >= literal_column("0")


class among(ColumnElement[Any]):
    """Whether a column holds one of the numbers of a JSON list."""

    type, inherit_cache = NullType(), False
    """With truth values, which SQLite lacks, it would be given a comparison with 1."""

    def __init__(self, column: ColumnElement[int]) -> None:
        self.column = column


@compiles(among, "sqlite")
def _in_json(element: among, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} IN (SELECT value FROM json_each({_ids(compiler)}))"


@compiles(among, "postgresql")
def _in_array(element: among, compiler: Any, **options: Any) -> str:
    column, ids = compiler.process(element.column, **options), _ids(compiler)
    return f"{column} = ANY (CAST(translate({ids}, '[]', '{{}}') AS BIGINT[]))"


def _ids(compiler: Any) -> str:
    return str(compiler.process(bindparam("ids", type_=Text)))


def number(value: int) -> ColumnElement[int]:
    """A number that is part of the text."""
    return literal_column(str(value), BigInteger)


def given(label: str, kind: Any = BigInteger) -> Any:
    """A value that comes with every execution."""
    return bindparam(f"the_{label}", type_=kind)


def last(column: ColumnElement[int]) -> Select:
    return select(func.coalesce(func.max(column), number(0)))


def between(column: ColumnElement[int]) -> ColumnElement[bool]:
    return column.between(given("low"), given("high"))


def reads() -> dict[str, Executable]:
    """What is asked in serving."""
    made = select(*_MADE)
    known = select(decision.c.id, decision.c.features).where(decision.c.features.is_not(None), there)
    reported = select(*_OUTCOME)
    chosen = select(*(decision.c[one] for one in ("id", "project", "context", "arm", "job"))).order_by(decision.c.id)
    joined = select(
        *(d.c[one] for one in ("id", "project", "context", "arm", "job")), *(o.c[c.name] for c in _OUTCOME[1:])
    )
    unanswered = d.outerjoin(o, o.c.decision == d.c.id)
    is_open = (o.c.decision.is_(None), d.c.project >= number(0))
    first, end = given("first"), given("end")
    text = {one: given(one, Text) for one in ("spec", "params", "arms", "line", "kind", "name")}
    kinds, named = record.c.kind == text["kind"], name.c.kind == text["kind"]
    logged = view.join(arm_list, arm_list.c.id == view.c.arm_list).outerjoin(layout, layout.c.id == view.c.layout)
    kept = (view.c.project, view.c.context, view.c.policy, view.c.snapshot, view.c.outcomes, view.c.arrays)
    saved = (checkpoint.c.outcomes, checkpoint.c.decisions, checkpoint.c.body, checkpoint.c.checksum)
    counts = [select(func.count()).select_from(table).scalar_subquery() for table in (decision, outcome)]
    forgotten = select(func.count()).select_from(decision).where(decision.c.project < number(0))
    withdrawn = select(func.count()).select_from(outcome).where(outcome.c.status >= number(WITHDRAWN))
    held = o.c.status < number(WITHDRAWN)
    before = d.c.time < given("before", Float)
    one_policy = (policy.c.spec == text["spec"], policy.c.params == text["params"])
    all_records = select(record.c.id, record.c.body).where(kinds).order_by(record.c.id)
    newest = select(record.c.body).where(kinds).order_by(record.c.id.desc()).limit(number(1)).offset(number(0))
    next_name = func.coalesce(func.max(name.c.position) + number(1), number(0))
    return {
        "POLICY_KEY": select(policy.c.id).where(*one_policy),
        "POLICY_OF": select(policy.c.spec, policy.c.params).where(policy.c.id == given("id")),
        "ARMS_KEY": select(arm_list.c.id).where(arm_list.c.arms == text["arms"]),
        "LAYOUT_KEY": select(layout.c.id).where(layout.c.line == text["line"]),
        "LOGGED": select(*kept, arm_list.c.arms, layout.c.line).select_from(logged).where(view.c.id == given("id")),
        "VIEWS_AMONG": select(view.c.id).where(among(view.c.id)),
        "DECISION_OF": select(*_MADE, decision.c.features).where(decision.c.id == given("id"), there),
        "FEATURES_AMONG": known.where(among(decision.c.id)),
        "FEATURES_BETWEEN": known.where(between(decision.c.id)),
        "DECISIONS": _placed(made, decision, first, end).where(there).order_by(decision.c.sequence),
        "LAST_DECISION": last(decision.c.sequence),
        "LAST_OUTCOME": last(outcome.c.sequence),
        "CHOSEN_ARMS": select(decision.c.arm).distinct().where(decision.c.arm >= number(0)).order_by(decision.c.arm),
        "OPEN_DECISIONS": select(d.c.id).select_from(unanswered).where(*is_open, before).order_by(d.c.id),
        "OPEN": select(func.count()).select_from(unanswered).where(*is_open),
        "UNANSWERED": select(counts[0] - counts[1]),
        "TAKEN": select(forgotten.scalar_subquery(), withdrawn.scalar_subquery()),
        "KNOWN_AMONG": select(decision.c.id).where(among(decision.c.id), there),
        "KNOWN_BETWEEN": select(decision.c.id).where(between(decision.c.id), there),
        "REPORTED": reported.where(outcome.c.decision == given("id")),
        "REPORTED_AMONG": reported.where(among(outcome.c.decision)),
        "REPORTED_BETWEEN": reported.where(between(outcome.c.decision)),
        "CHOSEN_AMONG": chosen.where(among(decision.c.id)),
        "CHOSEN_BETWEEN": chosen.where(between(decision.c.id)),
        "OUTCOMES": _placed(joined.join_from(o, d, d.c.id == o.c.decision), o, first, end)
        .where(held)
        .order_by(o.c.sequence),
        "RECORD_COUNT": select(func.count()).select_from(record).where(kinds),
        "RECORDS": all_records.limit(given("limit")).offset(given("after")),
        "NEWEST_RECORD": newest,
        "COUNTER": select(counter.c.value).where(counter.c.name == text["name"]),
        "CHECKPOINT_OF": select(*saved).where(checkpoint.c.name == text["name"]),
        "CODE": select(name.c.position).where(named, name.c.name == text["name"]),
        "NAMES": select(name.c.name).where(named).order_by(name.c.position),
        "NAME_OF": select(name.c.name).where(named, name.c.position == given("position")),
        "NEXT_NAME": select(next_name).where(named),
    }


def _placed(rows: Select, table: Any, first: Any, end: Any) -> Select:
    return rows.where(table.c.sequence > first, table.c.sequence <= end)


def writes(insert: Callable[[Any], Any], numbered: bool) -> dict[str, Executable]:
    """What is written in serving. numbered: whether a statement counts sequences and says of what type its values are;
    SQLite does the first by itself, and needs no second."""

    def event(table: Any) -> Any:
        place = last(table.c.sequence).scalar_subquery() + number(1)
        return insert(table).values(sequence=place) if numbered else insert(table)

    own = [cast(given(c.name, c.type), c.type) if numbered else given(c.name) for c in _OUTCOME]
    place = [last(outcome.c.sequence).scalar_subquery() + number(1)] if numbered else []
    known = exists(select(number(1)).where(decision.c.id == given("id"), there))
    columns = [*([outcome.c.sequence] if numbered else []), *_OUTCOME]
    saved = insert(checkpoint)
    counted, leased = insert(counter), insert(counter)
    mine = counter.c.value == given("own")
    free = ~counter.c.value.between(given("now"), leased.excluded.value)
    return {
        "DECISION": event(decision),
        "OUTCOME": event(outcome),
        "KNOWN_OUTCOME": insert(outcome)
        .from_select(columns, select(*place, *own).where(known))
        .on_conflict_do_nothing(),
        "VIEW": insert(view).on_conflict_do_nothing(),
        "NAME": insert(name),
        "RECORD": insert(record),
        "POLICY": insert(policy).returning(policy.c.id),
        "ARMS": insert(arm_list).returning(arm_list.c.id),
        "LAYOUT": insert(layout).returning(layout.c.id),
        "CHECKPOINT": saved.on_conflict_do_update(
            index_elements=["name"], set_={c.name: saved.excluded[c.name] for c in checkpoint.c if c.name != "name"}
        ),
        "COUNT": counted.on_conflict_do_update(
            index_elements=["name"], set_={"value": counter.c.value + counted.excluded.value}
        ).returning(counter.c.value),
        "TAKE_LEASE": leased.on_conflict_do_update(
            index_elements=["name"],
            set_={"value": leased.excluded.value},
            where=free | mine,
        ),
        "RELEASE_LEASE": update(counter)
        .values(value=number(0))
        .where(counter.c.name == given("name", Text), counter.c.value == given("own")),
    }
