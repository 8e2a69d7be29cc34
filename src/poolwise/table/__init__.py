"""A table of real outcomes in one tidy form: every unit (job) with every arm that could have been chosen for it.

`from_rows` is the only way in, and it refuses what is malformed with file, row and column. Arms may be absent from
whole projects (a solver that does not read a logic), never from some units of a project.
"""

from poolwise.table.checks import as_names, plain, raise_at_row, replaced
from poolwise.table.columns import flags, names, nulls, numbers
from poolwise.table.files import read_rows
from poolwise.table.rows import from_rows
from poolwise.table.table import ABSENT, Table, available, average_cost, take, total, utility

__all__ = [
    "ABSENT",
    "Table",
    "as_names",
    "available",
    "average_cost",
    "flags",
    "from_rows",
    "names",
    "nulls",
    "numbers",
    "plain",
    "raise_at_row",
    "read_rows",
    "replaced",
    "take",
    "total",
    "utility",
]
