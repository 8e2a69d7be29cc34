"""The plots of a run's page: pure functions from tables to figures, in colours that the page resolves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from poolwise.names import shortened
from poolwise.report.palette import GRID, INK, MUTED, SERIES, figure, styled
from poolwise.report.tables import rows

MOST = 24
"""Characters of a name of a project or context: pictures have to stay pictures."""
WINDOW = 60
"""Decisions of one project that a running figure averages over."""


def colours(projects: Sequence[str]) -> dict[str, str]:
    """A colour for every project, in the order of arrival."""
    return {project: SERIES[k % len(SERIES)] for k, project in enumerate(projects)}


@styled
def speed_up(table: pd.DataFrame) -> Figure:
    """Running geometric mean of the speed-up, per project, over all decisions."""
    made = figure(3.6)
    axes = made.subplots()
    ends = []
    for project, part in table.groupby("project", sort=False):
        mean = np.exp(part["effort"].rolling(WINDOW, min_periods=min(15, len(part))).mean())
        axes.plot(part.index + 1, mean, color=colours(list(table["project"].unique()))[str(project)], linewidth=1.8)
        ends.append((str(project), float(mean.iloc[-1])))
    axes.axhline(1, color=MUTED, linewidth=1, dashes=(4, 3))
    axes.set_yscale("log")
    _factors(axes, "y")
    _end_labels(axes, ends, colours(list(table["project"].unique())))
    axes.set(xlabel="decisions", ylabel="speed-up")
    return made


@styled
def exploration_and_safety(table: pd.DataFrame) -> Figure:
    """Running shares, over all projects: another arm than the favourite; below 0.95 of the baseline's speed."""
    made = figure(3.6)
    upper, lower = made.subplots(2, sharex=True)
    window = min(2 * WINDOW, max(len(table) // 4, 1))
    for axes, column, colour in ((upper, table["explored"], SERIES[0]), (lower, ~table["safe"], SERIES[1])):
        share = 100 * column.astype(float).rolling(window, min_periods=min(20, window)).mean()
        axes.plot(table.index + 1, share, color=colour, linewidth=1.8)
        axes.fill_between(table.index + 1, 0, share, color=colour, alpha=0.12, linewidth=0)
        axes.set_ylim(0, max(10.0, 1.15 * float(share.max())))
        axes.yaxis.set_major_formatter("{x:.0f} %")
        axes.yaxis.set_major_locator(MaxNLocator(4))
    for number, (names, first) in enumerate(_arrivals(table)):
        for axes in (upper, lower):
            axes.axvline(first, color=GRID, linewidth=1, zorder=0)
        place = {**_ABOVE, "xytext": (3, 3 + 11 * (number % 2))}  # Neighbours in two rows, so that none covers another
        upper.annotate(_listed(names), (first, 1), xycoords=("data", "axes fraction"), **place)
    upper.set_ylabel("not the favourite")
    lower.set(ylabel="slower", xlabel="decisions")
    return made


@styled
def forest(favourites: pd.DataFrame, projects: Sequence[str]) -> Figure:
    """The arm believed best, per context and project: speed-up with its 90 % interval."""
    contexts = list(favourites["context"].unique())
    made = figure(0.26 * len(favourites) + 0.42 * len(contexts) + 0.6)
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
def shrinkage(cells: pd.DataFrame) -> Figure:
    """Mean of an arm's own trials (open) -> what is believed with everything shared (filled)."""
    made = figure(0.28 * len(cells) + 1.3)
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
_ABOVE: dict[str, Any] = {**_SMALL, "xytext": (3, 3), "va": "bottom"}
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


def _listed(names: Sequence[str]) -> str:
    return shortened(", ".join(shortened(name, MOST) for name in names), 3 * MOST)


def _arrivals(table: pd.DataFrame) -> list[tuple[list[str], int]]:
    """Projects with the decision at which they came; those that came at nearly the same time stand together."""
    groups: list[tuple[list[str], int]] = []
    for row in rows(table.drop_duplicates("project")):
        if groups and row.Index - groups[-1][1] < 0.1 * len(table):
            groups[-1][0].append(row.project)
        else:
            groups.append(([row.project], row.Index + 1))
    return groups


def _speed_axis(axes: Axes, values: pd.DataFrame, places: float) -> None:
    axes.axvline(1, color=MUTED, linewidth=1, dashes=(4, 3), zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(min(0.9, 0.9 * float(values.min().min())), max(2.0, 1.12 * float(values.max().max())))
    _factors(axes, "x")
    axes.set_ylim(places - 0.8, -0.8)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("speed-up over the baseline")


def _factors(axes: Axes, which: str) -> None:
    """Plain factors on a log axis: 0.5, 1, 2, 5, 10."""
    low, high = axes.get_ylim() if which == "y" else axes.get_xlim()
    fine: tuple[float, ...] = () if high > 20 * low else (0.7, 1.5, 3, 7)
    fine += () if high > 2 * low else (0.8, 0.9, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8)
    ladder = sorted((0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, *fine))
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_ticks([tick for tick in ladder if low <= tick <= high])
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}×")


def _end_labels(axes: Axes, ends: list[tuple[str, float]], colour: dict[str, str]) -> None:
    """Names at the ends of the lines, pushed apart so that none covers another."""
    low, high = np.log(axes.get_ylim())
    gap, last = 0.075 * (high - low), -np.inf
    for name, value in sorted(ends, key=lambda end: end[1]):
        last = max(np.log(value), last + gap)
        axes.annotate(
            shortened(name, MOST),
            (1.01, np.exp(last)),
            xycoords=("axes fraction", "data"),
            color=colour[name],
            va="center",
            fontsize=9,
        )
