"""One self-contained page about a run, for readers who have never heard of bandits."""

import html
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

import pandas as pd

from poolwise.errors import InputError
from poolwise.objective import Objective
from poolwise.report import plots, running
from poolwise.report.formatting import formatted
from poolwise.report.palette import svg
from poolwise.report.sentences import headline, sentences
from poolwise.report.tables import shrunk
from poolwise.targets import target

TEXT = ("project", "context", "arm", "check")
"""Columns of words; the others are numbers."""
EMPTY = "<p class='note'>Nothing to show yet.</p>"


BELIEVED: dict[Objective, str] = {
    "ratio": "",
    "total": " What is optimised is the total cost: a speed-up that is believed is what the baseline would cost in "
    "all, over what the way costs in all.",
}
"""What a speed-up means where it is believed, and not measured."""
Tables = Mapping[str, pd.DataFrame]


def write_page(
    path: str | Path,
    trials: pd.DataFrame,
    beliefs: pd.DataFrame,
    tables: Tables,
    trust: str = "",
    projects: str = "",
    objective: Objective = "ratio",
    goal: str = "",
) -> None:
    """Write `page` to a file. Raises InputError where that cannot be done."""
    file = target(path, "report")
    text = page(trials, beliefs, tables, trust, projects, objective, goal)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the report {path}: {error.strerror}") from error


def page(
    trials: pd.DataFrame,
    beliefs: pd.DataFrame,
    tables: Tables,
    trust: str = "",
    projects: str = "",
    objective: Objective = "ratio",
    goal: str = "",
) -> str:
    """The page as HTML. `trials` as in `engine.insight.trials`, `tables` as `report.tables.summary` gives them, `trust`
    as `section.diagnostics_section` does, `projects` as `section.projects_section` does, `goal` in words.

    Raises InputError where there are no trials.
    """
    if trials.empty:
        raise InputError("there is no outcome to report on yet: run some decisions first")
    names, figured = list(trials["project"].unique()), headline(trials, tables, objective)
    cells = shrunk(trials, beliefs)
    figures = {
        "speed_plot": running.speed_up(trials),
        "saved_plot": running.savings(trials),
        "cost_plot": running.exploration_and_safety(trials),
        "forest_plot": plots.forest(tables["favourites"], names),
        "shrinkage_plot": plots.shrinkage(cells),
    }
    return asset("page.html").substitute(
        style=asset("style.css").template,
        decisions=f"{len(trials):,}",
        window=running.WINDOW,
        trust=trust,
        beliefs_note=BELIEVED[objective],
        across=projects,
        goal_sentence=html.escape(goal),
        figures="".join(f"<div><dd>{value}</dd><dt>{what}</dt></div>" for value, what in figured),
        borrowed_table=as_html(tables["borrowed"].drop(columns="project", errors="ignore")),
        **{f"{name}_table": as_html(tables[name]) for name in ("totals", "regret", "thirds", "phases", "contexts")},
        **{name: svg(made, name) for name, made in figures.items()},
        **sentences(trials, cells, tables),
    )


def as_html(table: pd.DataFrame) -> str:
    """A table of `report.tables` as HTML, every name escaped."""
    if table.empty:
        return EMPTY
    body = formatted(table.assign(arm=table["arm"].map(plots.short)) if "arm" in table else table)
    marks = ["" if name in TEXT else " class='number'" for name in body.columns]
    head = _row("th", list(body.columns), marks)
    rows = "".join(_row("td", list(row), marks) for row in body.itertuples(index=False))
    return f"<div class='scroll'><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>"


def _row(tag: str, cells: list[str], marks: list[str]) -> str:
    inside = "".join(f"<{tag}{mark}>{html.escape(str(cell))}</{tag}>" for cell, mark in zip(cells, marks, strict=True))
    return f"<tr>{inside}</tr>"


def asset(name: str) -> Template:
    """A template of this package."""
    return Template(resources.files("poolwise.report").joinpath(name).read_text(encoding="utf-8"))
