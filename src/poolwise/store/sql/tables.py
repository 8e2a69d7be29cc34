"""The schema, stated once; `migrations/` says how a file of any earlier version gets there, `database.columns` repeats
the names of its columns for whoever opens a file that is up to date."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")

name = Table(
    "name",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    UniqueConstraint("kind", "name"),
)
policy = Table("policy", metadata, Column("id", _Key, primary_key=True), Column("spec", Text), Column("params", Text))
arm_list = Table("arm_list", metadata, Column("id", _Key, primary_key=True), Column("arms", Text, unique=True))
view = Table(
    "view",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("project", Integer, nullable=False),
    Column("context", Integer, nullable=False),
    Column("policy", Integer, nullable=False),
    Column("snapshot", _Key, nullable=False),
    Column("outcomes", _Key, nullable=False),
    Column("arm_list", Integer, nullable=False),
    Column("arrays", LargeBinary, nullable=False),
    Column("layout", Integer),
)
"""Without a layout: written by the first version, the arrays say themselves what they are."""
decision = Table(
    "decision",
    metadata,
    Column("sequence", _Key, primary_key=True),
    Column("id", _Key, nullable=False, unique=True),
    Column("project", Integer, nullable=False),
    Column("context", Integer, nullable=False),
    Column("arm", Integer, nullable=False),
    Column("probability", Float(53), nullable=False),
    Column("view", _Key, nullable=False),
    Column("time", Float(53), nullable=False),
    Column("reason", Integer, nullable=False),
    Column("job", Integer, nullable=False),
    Column("features", LargeBinary),
)
"""features: a number of 8 bytes, the lowest first, for every column that was known; none: nothing was."""
outcome = Table(
    "outcome",
    metadata,
    Column("sequence", _Key, primary_key=True),
    Column("decision", _Key, ForeignKey("decision.id"), nullable=False, unique=True),
    Column("status", Integer, nullable=False),
    Column("utility", Float(53), nullable=False),
    Column("cost", Float(53)),
    Column("baseline_cost", Float(53)),
    Column("time", Float(53), nullable=False),
)
record = Table(
    "record",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Index("record_kind", "kind"),
)
layout = Table("layout", metadata, Column("id", _Key, primary_key=True), Column("line", Text, unique=True))
"""Names, types and shapes of the arrays of a view, which many views have in common."""
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("outcomes", _Key, nullable=False),
    Column("decisions", _Key, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What can be computed again from events, and need not be; replaced as a whole."""
counter = Table(
    "counter", metadata, Column("name", String(16), primary_key=True), Column("value", BigInteger, nullable=False)
)
"""The only table besides that is updated: the next free decision id, and how many outcomes were repeated."""

APPEND_ONLY = ("name", "policy", "arm_list", "layout", "view", "decision", "outcome", "record")
