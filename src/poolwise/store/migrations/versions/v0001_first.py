"""First version: names, policies, views, decisions, outcomes, records, counters; events can only be appended."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_APPEND_ONLY = ("name", "policy", "arm_list", "view", "decision", "outcome", "record")


def upgrade() -> None:
    op.create_table(
        "name",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.UniqueConstraint("kind", "name"),
    )
    op.create_table(
        "policy", sa.Column("id", _KEY, primary_key=True), sa.Column("spec", sa.Text), sa.Column("params", sa.Text)
    )
    op.create_table("arm_list", sa.Column("id", _KEY, primary_key=True), sa.Column("arms", sa.Text, unique=True))
    codes, counts = ("project", "context", "policy"), ("snapshot", "outcomes")
    op.create_table(
        "view",
        sa.Column("id", _KEY, primary_key=True),
        *(sa.Column(column, sa.Integer, nullable=False) for column in codes),
        *(sa.Column(column, _KEY, nullable=False) for column in counts),
        sa.Column("arm_list", sa.Integer, nullable=False),
        sa.Column("arrays", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision",
        sa.Column("id", _KEY, primary_key=True, autoincrement=False),
        *(sa.Column(column, sa.Integer, nullable=False) for column in ("project", "context", "arm")),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.Column("view", _KEY, nullable=False),
        sa.Column("time", sa.Float(53), nullable=False),
        *(sa.Column(column, sa.Integer, nullable=False) for column in ("reason", "job")),
    )
    op.create_table(
        "outcome",
        sa.Column("sequence", _KEY, primary_key=True, autoincrement=False),
        sa.Column("decision", _KEY, sa.ForeignKey("decision.id"), nullable=False, unique=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("utility", sa.Float(53), nullable=False),
        sa.Column("cost", sa.Float(53)),
        sa.Column("baseline_cost", sa.Float(53)),
        sa.Column("time", sa.Float(53), nullable=False),
    )
    op.create_table(
        "record",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("record_kind", "record", ["kind"])
    op.create_table(
        "counter",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for table in _APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
