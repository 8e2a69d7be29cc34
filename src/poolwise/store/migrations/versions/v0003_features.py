"""Third version: what was known of a job before it was decided."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("decision", sa.Column("features", sa.LargeBinary))
