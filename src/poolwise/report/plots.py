"""What is believed, as figures: pure functions of tables."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from poolwise.names import shortened
from poolwise.report.palette import INK, MUTED, SERIES, Blank, figure, styled
from poolwise.report.tables import rows

MOST = 24
"""Characters of a name of a project or context: pictures have to stay pictures."""


def colours(projects: Sequence[str]) -> dict[str, str]:
    """A colour for every project, in the order of arrival."""
    return {project: SERIES[k % len(SERIES)] for k, project in enumerate(projects)}


@styled
def forest(favourites: pd.DataFrame, projects: Sequence[str], blank: Blank = figure) -> Figure:
    """The arm believed best, per context and project: speed-up with its 90 % interval."""
    contexts = list(favourites["context"].unique())
    made = blank(0.26 * len(favourites) + 0.42 * len(contexts) + 0.6)
    axes, place, ticks = made.subplots(), 0.0, []
    for context in contexts:
        axes.annotate(shortened(context, MOST), (0, place), xycoords=("axes fraction", "data"), **_HEADING)
        for row in rows(favourites[favourites["context"] == context]):
            place += 1
            colour = colours(projects)[row.project]
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2, alpha=0.45)
            axes.plot(row.speed_up, place, "o", color=colour, markersize=5)
            ticks.append((place, f"{shortened(row.project, MOST)}: {short(row.arm)}"))
            axes.annotate(str(row.trials), (1.01, place), xycoords=("axes fraction", "data"), **_BESIDE)
        place += 1.6
    axes.annotate("trials", (1.01, -0.1), xycoords=("axes fraction", "data"), **_BESIDE)
    axes.set_yticks([at for at, _ in ticks], [label for _, label in ticks])
    _speed_axis(axes, favourites[["low", "high"]], place)
    return made


@styled
def shrinkage(cells: pd.DataFrame, blank: Blank = figure) -> Figure:
    """Mean of an arm's own trials (open) -> what is believed with everything shared (filled)."""
    made = blank(0.28 * len(cells) + 1.3)
    axes, place, ticks = made.subplots(), 0.0, []
    for title, part in cells.groupby("group", sort=False):
        axes.annotate(shortened(str(title), MOST), (0, place), xycoords=("axes fraction", "data"), **_HEADING)
        for row in rows(part):
            place += 1
            axes.plot([row.raw, row.pooled], [place, place], color=MUTED, linewidth=1.2, alpha=0.6, zorder=1)
            axes.plot(row.raw, place, "o", markerfacecolor="none", markeredgecolor=SERIES[1], markersize=6)
            axes.plot(row.pooled, place, "o", color=SERIES[0], markersize=6)
            ticks.append((place, cell_label(row)))
            axes.annotate(str(row.trials), (1.01, place), xycoords=("axes fraction", "data"), **_BESIDE)
        place += 1.6
    axes.annotate("trials", (1.01, -0.1), xycoords=("axes fraction", "data"), **_BESIDE)
    axes.set_yticks([at for at, _ in ticks], [label for _, label in ticks])
    _speed_axis(axes, cells[["raw", "pooled"]], place)
    return made


def short(arm: str, limit: int = 38) -> str:
    """An arm's id in few words: values without their names, switches by name, cut where it is still too long.

    >>> short("smt(level=2,units=False)")
    'smt(2, no units)'
    """
    family, _, inside = arm.rstrip(")").partition("(")
    pairs = [pair.partition("=") for pair in inside.split(",")]
    switches = {"True": "", "False": "no "}
    values = [f"{switches[value]}{name}" if value in switches else value for name, _, value in pairs]
    text = f"{family}({', '.join(values)})" if inside else family
    return text if len(text) <= limit else text[: limit - 1] + "…"


_SMALL: dict[str, Any] = {"textcoords": "offset points", "color": MUTED, "fontsize": 8.5}
ABOVE: dict[str, Any] = {**_SMALL, "xytext": (3, 3), "va": "bottom"}
_BESIDE: dict[str, Any] = {**_SMALL, "xytext": (2, 0), "va": "center"}
_HEADING: dict[str, Any] = {
    "xytext": (-6, 0),
    "textcoords": "offset points",
    "color": INK,
    "fontsize": 9.5,
    "fontweight": "bold",
    "ha": "right",
    "va": "center",
}


def cell_label(row: Any) -> str:
    """Of a row with a project, a context and an arm."""
    return f"{shortened(row.project, MOST)}, {shortened(row.context, MOST)}: {short(row.arm, 26)}"


def _speed_axis(axes: Axes, values: pd.DataFrame, places: float) -> None:
    axes.axvline(1, color=MUTED, linewidth=1, dashes=(4, 3), zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(min(0.9, 0.9 * float(values.min().min())), max(2.0, 1.12 * float(values.max().max())))
    factors(axes, "x")
    axes.set_ylim(places - 0.8, -0.8)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("speed-up over the baseline")


def factors(axes: Axes, which: str) -> None:
    """Plain factors on a log axis: 0.5, 1, 2, 5, 10."""
    low, high = axes.get_ylim() if which == "y" else axes.get_xlim()
    fine: tuple[float, ...] = () if high > 20 * low else (0.7, 1.5, 3, 7)
    fine += () if high > 2 * low else (0.8, 0.9, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8)
    ladder = sorted((0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, *fine))
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_ticks([tick for tick in ladder if low <= tick <= high])
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}×")
