"""What happened over time: curves over the decisions of a run, pure functions from a table of trials to figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from poolwise.names import shortened
from poolwise.report.palette import GRID, MUTED, SERIES, Blank, figure, styled
from poolwise.report.plots import ABOVE, MOST, colours, factors
from poolwise.report.tables import rows

WINDOW = 60
"""Decisions of one project that a running figure averages over."""


@styled
def speed_up(table: pd.DataFrame, blank: Blank = figure) -> Figure:
    """Running geometric mean of the speed-up, per project, over all decisions."""
    made = blank(3.6)
    axes, ends = made.subplots(), []
    for project, part, colour in _projects(table):
        mean = np.exp(part["gain"].rolling(WINDOW, min_periods=min(15, len(part))).mean())
        axes.plot(part.index + 1, mean, color=colour, linewidth=1.8)
        ends.append((project, float(mean.iloc[-1])))
    axes.axhline(1, color=MUTED, linewidth=1, dashes=(4, 3))
    axes.set_yscale("log")
    factors(axes, "y")
    _end_labels(axes, ends, table)
    axes.set(xlabel="decisions", ylabel="speed-up")
    return made


@styled
def savings(table: pd.DataFrame, blank: Blank = figure) -> Figure:
    """Total cost saved so far, per project, of the jobs whose costs are known."""
    made = blank(3.2)
    axes, ends = made.subplots(), []
    for project, part, colour in _projects(table):
        saved = (part["baseline_cost"] - part["cost"]).fillna(0.0).cumsum()
        axes.plot(part.index + 1, saved, color=colour, linewidth=1.8)
        ends.append((project, float(saved.iloc[-1])))
    axes.axhline(0, color=MUTED, linewidth=1, dashes=(4, 3))
    _end_labels(axes, ends, table)
    axes.set(xlabel="decisions", ylabel="cost saved so far")
    return made


@styled
def exploration(table: pd.DataFrame, blank: Blank = figure) -> Figure:
    """Running share of the decisions that took another arm than the favourite, over all projects."""
    return _one_share(table, table["explored"], SERIES[0], "not the favourite", blank)


@styled
def slower(table: pd.DataFrame, blank: Blank = figure) -> Figure:
    """Running share of the jobs that ran below 0.95 of the baseline's speed, over all projects."""
    return _one_share(table, ~table["safe"], SERIES[1], "slower than the baseline", blank)


@styled
def exploration_and_safety(table: pd.DataFrame) -> Figure:
    """Both shares, one above the other, with the arrivals of projects."""
    made = figure(3.6)
    upper, lower = made.subplots(2, sharex=True)
    _share(upper, table["explored"], SERIES[0])
    _share(lower, ~table["safe"], SERIES[1])
    for number, (names, first) in enumerate(_arrivals(table)):
        for axes in (upper, lower):
            axes.axvline(first, color=GRID, linewidth=1, zorder=0)
        place = {**ABOVE, "xytext": (3, 3 + 11 * (number % 2))}  # Neighbours in two rows, so that none covers another
        upper.annotate(_listed(names), (first, 1), xycoords=("data", "axes fraction"), **place)
    upper.set_ylabel("not the favourite")
    lower.set(ylabel="slower", xlabel="decisions")
    return made


def _one_share(table: pd.DataFrame, happened: pd.Series, colour: str, label: str, blank: Blank) -> Figure:
    made = blank(2.6)
    axes = made.subplots()
    _share(axes, happened, colour)
    axes.set(xlabel="decisions", ylabel=label)
    return made


def _share(axes: Axes, happened: pd.Series, colour: str) -> None:
    window = min(2 * WINDOW, max(len(happened) // 4, 1))
    share = 100 * happened.astype(float).rolling(window, min_periods=min(20, window)).mean()
    axes.plot(happened.index + 1, share, color=colour, linewidth=1.8)
    axes.fill_between(happened.index + 1, 0, share, color=colour, alpha=0.12, linewidth=0)
    axes.set_ylim(0, max(10.0, 1.15 * float(share.max())))
    axes.yaxis.set_major_formatter("{x:.0f} %")
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _projects(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame, str]]:
    """Every project with its trials and its colour, in the order of arrival."""
    colour = colours(list(table["project"].unique()))
    return [(str(name), part, colour[str(name)]) for name, part in table.groupby("project", sort=False)]


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


def _end_labels(axes: Axes, ends: list[tuple[str, float]], table: pd.DataFrame) -> None:
    """Names at the ends of the lines, pushed apart so that none covers another."""
    to, back = (np.log, np.exp) if axes.get_yscale() == "log" else (float, float)
    low, high = map(to, axes.get_ylim())
    gap, last = 0.075 * (high - low), -np.inf
    colour = {name: shade for name, _, shade in _projects(table)}
    for name, value in sorted(ends, key=lambda end: end[1]):
        last = max(to(value), last + gap)
        place = (1.01, back(last))
        label: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "color": colour[name],
            "va": "center",
            "fontsize": 9,
        }
        axes.annotate(shortened(name, MOST), place, **label)
