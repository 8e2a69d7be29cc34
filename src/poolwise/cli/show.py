"""Tables and progress for people, on a terminal or in a file."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

SHARES = ("slower", "explored")
TITLES = {
    "speed_up": "speed-up",
    "speed_up_first": "speed-up, first third",
    "speed_up_last": "last third",
    "wall_speed_up_first": "by wall time, first",
    "wall_speed_up_last": "last",
    "slower_first": "below 0.95, first",
    "slower_last": "last",
    "explored_first": "explored, first",
    "explored_last": "last",
    "low": "90 % from",
    "high": "to",
    "before_low": "90 % from",
    "before_high": "to",
    "now_low": "90 % from",
    "now_high": "to",
}
console = Console(highlight=False)


def print_table(table: pd.DataFrame, title: str) -> None:
    """A table with its title above it."""
    console.print(as_table(table, title))


def as_table(table: pd.DataFrame, title: str = "") -> Table:
    """Speed-ups with two digits, shares in per cent, names in full."""
    made = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in table.columns:
        numeric = pd.api.types.is_numeric_dtype(table[column])
        made.add_column(TITLES.get(column, column), justify="right" if numeric else "left", overflow="fold")
    for row in table.itertuples(index=False):
        made.add_row(*(_written(column, value) for column, value in zip(table.columns, row, strict=True)))
    return made


def _written(column: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return "-"
    return f"{100 * value:.1f} %" if column.startswith(SHARES) else f"{value:.2f}"


def print_summary(tables: Mapping[str, pd.DataFrame]) -> None:
    """What a run ends with."""
    titles = {
        "thirds": "Speed-up over the baseline, first against last third of each project's decisions",
        "favourites": "Best arm of each context, as believed now",
        "borrowed": "What the newest project was given: belief before its first job there, and what it came to",
    }
    for name, title in titles.items():
        if len(tables[name]):
            console.print()
            print_table(tables[name], title)


def progress(done: int, total: int, table: pd.DataFrame, favourites: pd.DataFrame) -> RenderableType:
    """What is seen while a run goes on."""
    bar = Table.grid(padding=(0, 2))
    bar.add_row(ProgressBar(total=total, completed=done, width=40), Text(line(done, total, table)))
    return Group(bar, as_table(favourites))


def line(done: int, total: int, table: pd.DataFrame) -> str:
    """Progress in one line: decisions, speed-up so far and lately, share of safe decisions."""
    if table.empty:
        return f"{done} of {total} decisions"
    so_far, lately = (float(part["effort"].mean()) for part in (table, table.tail(200)))
    safe = 100 * float(table["safe"].mean())
    speeds = pd.Series([so_far, lately]).map(lambda x: f"{2.718281828459045**x:.2f}").tolist()
    return f"{done} of {total} decisions   speed-up {speeds[0]} (last 200: {speeds[1]})   safe {safe:.1f} %"
