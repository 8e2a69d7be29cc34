"""The plot of a replay: how the utility earned grows with the decisions, beside the choices made in hindsight."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from poolwise.errors import InputError
from poolwise.targets import target

SUFFIXES = (".png", ".svg", ".pdf")
POOLWISE, BEST, MUTED = "#4c78a8", "#59a14f", "#888888"


def curves(log: pd.DataFrame, title: str) -> Figure:
    """Running mean of the utility, mean over seeds with the range between them, and of the best arm in hindsight."""
    figure = Figure(figsize=(7.6, 4.0), layout="constrained")
    axes = figure.subplots()
    earned, best = (running(log, column) for column in ("earned", "best"))
    steps = np.arange(1, earned.shape[1] + 1)
    axes.plot(steps, best.mean(axis=0), color=BEST, label="best arm of the project and context, in hindsight")
    axes.plot(steps, earned.mean(axis=0), color=POOLWISE, label="policy")
    axes.fill_between(steps, earned.min(axis=0), earned.max(axis=0), color=POOLWISE, alpha=0.15, linewidth=0)
    axes.axhline(0, color=MUTED, linewidth=1, label="baseline")
    axes.set(xlabel="decisions", ylabel="utility over the baseline, mean so far", title=title)
    axes.legend(frameon=False)
    return figure


def running(log: pd.DataFrame, column: str) -> np.ndarray:
    """(seeds, steps) mean of a column over the decisions so far."""
    table = log.pivot(index="seed", columns="step", values=column).to_numpy()
    return table.cumsum(axis=1) / np.arange(1, table.shape[1] + 1)


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the form that the suffix names. Raises InputError where that is not possible."""
    target(path, "plot")
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a plot is written as one of {', '.join(SUFFIXES)}; name such a file")
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
