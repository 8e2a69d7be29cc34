"""Second version: decisions in the order in which they came, one layout line for many views, checkpoints with a
checksum, and whose file it is."""

import sqlalchemy as sa
from alembic import op

from poolwise.store.migrations import postgresql

revision = "0002"
down_revision = "0001"
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_KEPT = ("id", "project", "context", "arm", "probability", "view", "time", "reason", "job")
_APPLICATION = 0x506F6F6C


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        _order_decisions()
    else:
        postgresql.number_decisions()
    op.create_table("layout", sa.Column("id", _KEY, primary_key=True), sa.Column("line", sa.Text, unique=True))
    op.add_column("view", sa.Column("layout", sa.Integer))
    op.create_table(
        "checkpoint",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("outcomes", _KEY, nullable=False),
        sa.Column("decisions", _KEY, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    if sqlite:
        for table in ("decision", "layout"):
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        op.execute(f"PRAGMA application_id = {_APPLICATION}")
    else:
        postgresql.loosen()
        postgresql.guard(("name", "policy", "arm_list", "layout", "view", "decision", "outcome", "record"))
        postgresql.add_writer()


def _order_decisions() -> None:
    """Until now by id: those of several processes came in blocks."""
    op.create_table(
        "ordered",
        sa.Column("sequence", _KEY, primary_key=True),
        sa.Column("id", _KEY, nullable=False, unique=True),
        *(sa.Column(column, sa.Integer, nullable=False) for column in ("project", "context", "arm")),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.Column("view", _KEY, nullable=False),
        sa.Column("time", sa.Float(53), nullable=False),
        *(sa.Column(column, sa.Integer, nullable=False) for column in ("reason", "job")),
    )
    kept = ", ".join(_KEPT)
    op.execute(f"INSERT INTO ordered ({kept}) SELECT {kept} FROM decision ORDER BY time, id")
    op.drop_table("decision")
    op.rename_table("ordered", "decision")
