"""The page's part about projects: in what projects differ, which are alike."""

import html

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from poolwise.engine import Engine
from poolwise.report.page import as_html
from poolwise.report.palette import INK, MUTED, SERIES, Blank, figure, styled, svg
from poolwise.report.plots import cell_label, short
from poolwise.report.projects.tables import clear
from poolwise.report.tables import rows

_MOST = 16
"""Differences between projects that are drawn."""


def projects_section(trials: pd.DataFrame, engine: Engine) -> str:
    """HTML of the section; empty where there is but one project."""
    if trials["project"].nunique() < 2:
        return ""
    differences, places = clear(engine.across.deviations(), 3), engine.across.positions()
    parts = [
        _part(
            "In what projects differ",
            _differences_sentence(differences, trials),
            svg(forest(differences), "difference_plot") if len(differences) else "",
            "Factor by which a way is better or worse in one project than elsewhere, shrunk to 1 where trials are few; "
            "bars are 90&nbsp;% intervals.",
        ),
        _part(
            "Which projects resemble each other",
            _map_sentence(places),
            svg(factor_map(places), "factor_plot") if len(places) else "",
            "Projects near each other react alike to the same ways; bars are one standard deviation. Directions have "
            "no names.",
        ),
    ]
    table = engine.projects()[["project", "decisions", "contexts", "noise", "gain", "gave", "took", "nearest"]]
    return "\n".join([*parts, as_html(table.rename(columns={"decisions": "jobs", "nearest": "most like"}))])


def _part(title: str, sentence: str, drawn: str, caption: str) -> str:
    """A heading, one sentence, and the figure where there is one."""
    shown = f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>" if drawn else ""
    return f"<h2>{title}</h2>\n<p>{sentence}</p>\n{shown}"


@styled
def forest(differences: pd.DataFrame, blank: Blank = figure) -> Figure:
    """The clearest differences, as factors with intervals."""
    size = np.abs(np.log(differences["factor"]))
    shown = differences.loc[size.sort_values(ascending=False).index[:_MOST]].sort_values(["project", "factor"])
    made = blank(0.27 * len(shown) + 1.0)
    axes = made.subplots()
    axes.axvline(1, color=MUTED, linewidth=1, dashes=(4, 3), zorder=0)
    for place, row in enumerate(rows(shown)):
        colour = SERIES[0] if row.factor > 1 else SERIES[1]
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2, alpha=0.45)
        axes.plot(row.factor, place, "o", color=colour, markersize=5)
    labels = [cell_label(row) for row in rows(shown)]
    axes.set_yticks(range(len(shown)), labels)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter("{x:g}×")
    axes.set_xlabel("better or worse here than elsewhere")
    return made


@styled
def factor_map(places: pd.DataFrame, blank: Blank = figure) -> Figure:
    """Positions of projects on the first two factors, or on the only one."""
    made = blank(4.2 if "u_2" in places else 2.4)
    axes = made.subplots()
    second, deviation = (
        (places["u_2"], places["sd_2"]) if "u_2" in places else (0.0 * places["u_1"], 0.0 * places["u_1"])
    )
    axes.errorbar(places["u_1"], second, xerr=places["sd_1"], yerr=deviation, fmt="none", ecolor=MUTED, alpha=0.35)
    axes.plot(places["u_1"], second, "o", color=SERIES[0], markersize=6)
    # Neighbours on either side of their points, so that no name covers another.
    order = np.argsort(np.lexsort((places["u_1"], second)))
    for name, x, y, number in zip(places["project"], places["u_1"], second, order, strict=True):
        side, lift = (
            (1, "left") if number % 2 == 0 else (-1, "right"),
            6 + 11 * (number // 2 % 4) * ("u_2" not in places),
        )
        axes.annotate(
            short(str(name), 18),
            (x, y),
            textcoords="offset points",
            xytext=(5 * side[0], lift),
            ha=side[1],
            color=INK,
            fontsize=8.5,
        )
    axes.set_xlabel("first factor")
    if "u_2" in places:
        axes.set_ylabel("second factor")
    else:
        axes.set_yticks([])
        axes.set_ylim(-0.5, 1.0)
    axes.margins(x=0.12)
    return made


def _differences_sentence(differences: pd.DataFrame, trials: pd.DataFrame) -> str:
    if differences.empty:
        return "Nothing is clearly better or worse in one project than in the others: what holds here holds there."
    top = differences.loc[np.abs(np.log(differences["factor"])).idxmax()]
    side = "better" if top.factor > 1 else "worse"
    factor = top.factor if top.factor > 1 else 1 / top.factor
    return (
        f"{differences['project'].nunique()} of {trials['project'].nunique()} projects differ clearly from the others "
        f"in something; most of all {_name(top.arm)}, which in {_name(top.project)} is {factor:.2f} times {side} for "
        f"{_name(top.context)} than elsewhere."
    )


def _map_sentence(places: pd.DataFrame) -> str:
    if places.empty:
        return (
            "No common pattern in which projects differ would predict a new one better than treating each as its own "
            "(this takes five projects at least)."
        )
    number = "One pattern" if "u_2" not in places else "Two patterns"
    return (
        f"{number} in which projects differ would have helped to predict projects that were left out, so a few jobs of "
        "a new project tell which others it is like, and what to expect of all other kinds of jobs."
    )


def _name(name: object) -> str:
    return html.escape(str(name))
