"""How arms fare along a feature of jobs: a figure for each that matters, and the page's part about them."""

import html

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from poolwise.engine import Engine
from poolwise.engine.insight import features
from poolwise.objective import speed_up
from poolwise.report.page import as_html
from poolwise.report.palette import MUTED, SERIES, Blank, figure, logarithmic, styled, svg
from poolwise.report.plots import factors, short
from poolwise.report.tables import rows

MOST = len(SERIES)
"""Arms that are drawn: those that are best somewhere, and those that are best on average."""
CAPTION = (
    "Speed-up over the baseline that is believed of each way, by {name}, all else of a job being unknown, in the "
    "context with most jobs; bands are 90&nbsp;% intervals."
)


def features_section(engine: Engine) -> str:
    """HTML of the section; empty where no features are declared."""
    found = engine.overview().get("features", [])
    if not found:
        return ""
    drawn = [
        f"<figure>{svg(curve(curves(engine, name), name, log=_log(engine, name)), f'feature_{k}_plot')}"
        f"<figcaption>{CAPTION.format(name=html.escape(name))}</figcaption></figure>"
        for k, name in enumerate(features.leading(engine.serving.belief))
    ]
    said = "Which numbers known of a job before it is decided explain where ways differ, and in whose favour."
    table = as_html(pd.DataFrame(found).head(12))
    return "\n".join(["<h2>What features of jobs say</h2>", f"<p>{said}</p>", *drawn, table])


def curves(engine: Engine, name: str) -> pd.DataFrame:
    """x, arm, mean, low, high: speed-ups along a feature; see `insight.features.curves`."""
    table = features.curves(engine.serving, name)
    objective = engine.settings.known_objective
    return table.assign(**{column: speed_up(table[column], objective) for column in ("mean", "low", "high")})


@styled
def curve(table: pd.DataFrame, name: str, blank: Blank = figure, *, log: bool = False) -> Figure:
    """One line for every arm that is worth a look, with its band."""
    made = blank(3.6)
    axes = made.subplots()
    for colour, arm in zip(SERIES, _arms(table), strict=False):
        part = table[table["arm"] == arm]
        axes.fill_between(part["x"], part["low"], part["high"], color=colour, alpha=0.12, linewidth=0)
        axes.plot(part["x"], part["mean"], color=colour, linewidth=1.8, label=short(arm))
    axes.axhline(1, color=MUTED, linewidth=1, dashes=(4, 3), zorder=0)
    if log and (table["x"] > 0).all():
        logarithmic(axes, "x")
    axes.set_yscale("log")
    factors(axes, "y")
    axes.set(xlabel=name, ylabel="speed-up")
    axes.legend(frameon=False, fontsize=8.5)
    return made


def _arms(table: pd.DataFrame) -> list[str]:
    """Those that are best somewhere, then those that are best on average."""
    best = [row.arm for row in rows(table.loc[table.groupby("x")["mean"].idxmax()])]
    average = np.log(table["mean"]).groupby(table["arm"]).mean().sort_values(ascending=False)
    return [str(arm) for arm in dict.fromkeys([*best, *average.index])][:MOST]


def _log(engine: Engine, name: str) -> bool:
    known = engine.serving.name_index.features.declared
    return name in known and known[name].log
