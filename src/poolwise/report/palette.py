"""The colours of all figures. On a page each stands for a variable of its style, which has a light and a dark
meaning; elsewhere they are what they are."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

INK, MUTED, GRID = "#22262b", "#6b7178", "#dfe1e0"
SERIES = ("#2a6f97", "#c2571a", "#3c8a4e", "#8a4f9e", "#a08412", "#b23a5e")
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)
}
SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.axisbelow": True,
    "text.color": INK,
    "text.parse_math": False,
}


WIDTH = 7.6
"""Of every figure, in inches: a page stretches them to its own width, so that letters are of one size in all."""

styled = mpl.rc_context(SETTINGS)
"""Decorator of every function that draws."""


Blank = Callable[[float], Figure]
"""What makes an empty figure of so many inches."""


def figure(height: float) -> Figure:
    """An empty figure of so many inches, as wide as the page, laid out so that nothing is clipped."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def svg(made: Figure, name: str) -> str:
    """The figure as an SVG element for inside a page; `name` keeps its ids apart from those of other figures."""
    out = io.StringIO()
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # Text stays text: the reader's fonts have it.
        made.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text


def logarithmic(axes: Axes, which: str) -> None:
    """A logarithmic axis, `x` or `y`, with plain numbers: powers in mathematical type are not set, since names are
    never read as formulas."""
    getattr(axes, f"set_{which}scale")("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
