"""Tables and progress for people, on a terminal or in a file."""

import math
import sys
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from poolwise.names import escaped
from poolwise.report.formatting import formatted

WIDTH = 150
"""Columns of a table that goes to a file."""
console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else WIDTH)
"""Names may look like markup: text is printed as it is."""


def print_table(table: pd.DataFrame, title: str) -> None:
    """A table with its title above it."""
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(as_table(table))


def as_table(table: pd.DataFrame) -> Table:
    """A table of `report.tables` in words, names in full."""
    made = Table(box=None, pad_edge=False)
    body = formatted(table)
    for column in body.columns:
        made.add_column(column, justify="left" if column in ("project", "context", "arm") else "right", overflow="fold")
    for row in body.itertuples(index=False):
        made.add_row(*(Text(escaped(str(cell))) for cell in row))
    return made


def print_summary(tables: Mapping[str, pd.DataFrame]) -> None:
    """What a run ends with."""
    titles = {
        "totals": "What it came to: success is a speed-up above 1.05, safe at least 0.95, a discovery above 1.8",
        "thirds": "Speed-up over the baseline, first against last third of each project's decisions",
        "regret": "Regret: by what factor jobs cost more than with the arm that is believed best now",
        "favourites": "Best arm of each context, as believed now",
        "contexts": "What is known of each context: doubt is what could still be gained, as a share of the gain",
        "phases": "Exploration by phase: early while half of the gain or more is in doubt, mature from a tenth on",
        "borrowed": "What the newest project was given: belief before its first job there, and what it came to",
    }
    for name, title in titles.items():
        if len(tables[name]):
            console.print()
            print_table(tables[name], title)


def print_overview(places: Mapping[str, Any]) -> None:
    """Contexts with their phase, and whatever limits them."""
    titles = {
        "contexts": "Contexts: how far learning has come, and how much of the decisions explores",
        "ahead": "Decisions to come, as exploring counts on them: expected, and from where to where with 80 %",
        "recommended": "How projects explore by recommendation, and what share of regret that is expected to save",
        "priors": "Stated priors: how far they are believed since outcomes came",
        "quarantined": "Kept away after harm, or back on probation",
        "budgets": "Budgets: what is left",
        "coverage": "Important contexts that lack informative trials",
        "shadow": "In the shadow: gain believed, in log units",
        "features": "Features: share of the differences between arms, and what larger values speak for and against",
    }
    for name, title in titles.items():
        if places.get(name):
            console.print()
            print_table(pd.DataFrame(places[name]), title)
    for order in places.get("orders", ()):
        console.print(escaped(f"order in force: {order}"))


def progress(done: int, total: int, table: pd.DataFrame, favourites: pd.DataFrame, rest: str) -> RenderableType:
    """What is seen while a run goes on."""
    bar = Table.grid(padding=(0, 2))
    bar.add_row(ProgressBar(total=total, completed=done, width=20), Text(line(done, total, table) + rest))
    return Group(bar, as_table(favourites))


def bar(quiet: bool) -> Progress:
    """For long pieces of work on a terminal."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=quiet)


def line(done: int, total: int, table: pd.DataFrame) -> str:
    """Progress in one line: decisions, speed-up so far and lately, share of safe decisions."""
    if table.empty:
        return f"{done} of {total} decisions"
    so_far, lately = (math.exp(part["gain"].mean()) for part in (table, table.tail(200)))
    safe = 100 * float(table["safe"].mean())
    return f"{done} of {total} decisions   speed-up {so_far:.2f} (last 200: {lately:.2f})   safe {safe:.1f} %"
