"""What the schema of PostgreSQL has beside its tables: guards of what can only grow, and the writer's fence."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

_GUARD = """
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('poolwise.unguarded', true), '') <> TG_TABLE_NAME || ' ' || lower(TG_OP) THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
"""
_FENCE = """
CREATE FUNCTION fence(its_epoch bigint, its_mark bigint, its_rows bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE writer SET mark = its_mark, changed = its_rows WHERE epoch = its_epoch AND NOT over;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another process has become the writer' USING ERRCODE = 'PW001';
    END IF;
    RETURN its_rows;
END $$
"""


_SHORT = {"name": "kind", "record": "kind", "checkpoint": "name", "counter": "name"}
_LONG = {"name": ("name", "kind_name"), "arm_list": ("arms", "arms"), "layout": ("line", "line")}


def loosen() -> None:
    """Texts of any length: an index of the usual kind takes 2,700 bytes, and the one writer keeps them unique."""
    for table, column in _SHORT.items():
        op.execute(f"ALTER TABLE {table} ALTER {column} TYPE text")
    for table, (column, constraint) in _LONG.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_{constraint}_key")
        op.execute(f"CREATE INDEX {table}_{column} ON {table} USING hash ({column})")


def number_decisions() -> None:
    """In the order in which they come; that an outcome's decision is there is checked by the statement that adds it."""
    op.execute("ALTER TABLE outcome DROP CONSTRAINT outcome_decision_fkey")
    op.execute("ALTER TABLE decision DROP CONSTRAINT decision_pkey, ADD UNIQUE (id), ADD sequence bigint PRIMARY KEY")


def guard(tables: Sequence[str]) -> None:
    """Rows of these are neither changed nor deleted, but where the store itself takes something back."""
    op.execute(_GUARD)
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )


def add_writer() -> None:
    """One row for every writer there ever was."""
    op.create_table(
        "writer",
        sa.Column("epoch", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("mark", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("over", sa.Boolean, nullable=False),
        postgresql_with={"fillfactor": 10},
    )
    op.execute(_FENCE)
