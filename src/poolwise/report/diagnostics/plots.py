"""The plots of a refit's page: pure functions from draws and tables to figures, in colours that the page resolves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from poolwise.report.diagnostics.inference import LeftOut
from poolwise.report.palette import GRID, MUTED, SERIES, figure, logarithmic, styled
from poolwise.report.tables import rows

RANK_BINS = 20
SHOWN = 120
"""Cells in the plot of predictions: of more, an even selection in the order of what was predicted."""


@styled
def ranks(draws: Mapping[str, np.ndarray]) -> Figure:
    """Of every quantity (chain, draw): in which twentieth of all draws those of each chain fall."""
    made = figure(1.9 * -(-len(draws) // 2) + 0.3)
    panels = np.ravel(made.subplots(-(-len(draws) // 2), 2, squeeze=False))
    for axes, (name, values) in zip(panels, draws.items(), strict=False):
        order = values.ravel().argsort().argsort().reshape(values.shape)
        for chain, own in enumerate(order):
            count = np.bincount(own * RANK_BINS // values.size, minlength=RANK_BINS)
            axes.step(np.arange(RANK_BINS + 1) / RANK_BINS, [*count, count[-1]], where="post",
                      color=SERIES[chain % len(SERIES)], linewidth=1.4)  # fmt: skip
        axes.axhline(values.shape[1] / RANK_BINS, color=MUTED, linewidth=1, dashes=(4, 3))
        axes.set(ylim=(0, None), title=name)
        axes.title.set_fontsize(9.5)
    _blank(panels[len(draws) :])
    return made


@styled
def traces(draws: Mapping[str, np.ndarray]) -> Figure:
    """Every chain's path, one panel a quantity."""
    made = figure(1.5 * len(draws) + 0.3)
    panels = np.ravel(made.subplots(len(draws), 1, squeeze=False, sharex=True))
    for axes, (name, values) in zip(panels, draws.items(), strict=True):
        for chain, own in enumerate(values):
            axes.plot(own, color=SERIES[chain % len(SERIES)], linewidth=0.6, alpha=0.8)
        axes.set_title(name, fontsize=9.5)
        if name.startswith(("tau_", "sigma", "kappa_", "spread")):
            logarithmic(axes, "y")
            axes.minorticks_off()
    panels[-1].set_xlabel("draw")
    return made


@styled
def energy(values: np.ndarray) -> Figure:
    """Energies (chain, draw) around their mean, and their changes from draw to draw."""
    made = figure(2.6)
    axes = made.subplots()
    marginal, change = (values - values.mean(axis=1, keepdims=True)).ravel(), np.diff(values, axis=1).ravel()
    reach = np.quantile(np.abs(np.concatenate([marginal, change])), 0.998)
    grid = np.linspace(-reach, reach, 60).tolist()
    for name, part, colour in (("energy", marginal, SERIES[0]), ("change from draw to draw", change, SERIES[1])):
        axes.hist(part, grid, density=True, histtype="stepfilled", color=colour, alpha=0.35, label=name)
        axes.hist(part, grid, density=True, histtype="step", color=colour, linewidth=1.4)
    axes.legend(frameon=False, fontsize=9)
    axes.set(xlabel="nats around the mean", yticks=[])
    return made


@styled
def scales(prior: Mapping[str, np.ndarray], posterior: Mapping[str, np.ndarray]) -> Figure:
    """90 % intervals and medians of every scale, before (grey) and after."""
    made = figure(0.3 * len(posterior) + 0.9)
    axes = made.subplots()
    for place, (name, values) in enumerate(posterior.items()):
        for drawn, colour, off, width in ((prior.get(name), MUTED, 0.18, 1.2), (values, SERIES[0], -0.08, 2.4)):
            if drawn is None:
                continue
            low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95])
            axes.plot([low, high], [place + off] * 2, color=colour, linewidth=width, alpha=0.7)
            axes.plot(middle, place + off, "o", color=colour, markersize=4)
    logarithmic(axes, "x")
    axes.set_yticks(range(len(posterior)), list(posterior))
    axes.set_ylim(len(posterior) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("standard deviation in log units; pseudo-counts for kappa")
    return made


@styled
def predictions(table: pd.DataFrame) -> Figure:
    """Predicted 90 % intervals of mean outcomes in their order, and what was observed."""
    made = figure(3.4)
    axes = made.subplots()
    ordered = table.sort_values("middle", ignore_index=True)
    shown = ordered.iloc[:: max(1, -(-len(ordered) // SHOWN))].reset_index(drop=True)
    axes.vlines(shown.index, shown["low"], shown["high"], color=SERIES[0], alpha=0.35, linewidth=2.2)
    inside = (shown["observed"] >= shown["low"]) & (shown["observed"] <= shown["high"])
    for which, colour in ((inside, SERIES[0]), (~inside, SERIES[1])):
        axes.plot(shown.index[which], shown["observed"][which], "o", color=colour, markersize=3.2)
    axes.set(xlabel="cells, by what was predicted", ylabel="mean utility", xticks=[])
    return made


@styled
def calibration(found: LeftOut) -> Figure:
    """Share of cells below each probability minus the probability, with a 95 % band for all of them together."""
    made = figure(2.8)
    axes = made.subplots()
    order, n = np.sort(found.pit), len(found.pit)
    band = 1.358 / np.sqrt(n)
    axes.fill_between([0, 1], -band, band, color=GRID, alpha=0.6, linewidth=0)
    axes.step([0, *order, 1], [0, *(np.arange(1, n + 1) / n - order), 0], where="post", color=SERIES[0], linewidth=1.6)
    axes.axhline(0, color=MUTED, linewidth=1, dashes=(4, 3))
    axes.set(xlabel="predicted probability of less", ylabel="too many (+) or too few", xlim=(0, 1))
    return made


@styled
def reliability(found: LeftOut) -> Figure:
    """Pareto k of every cell against its number of outcomes."""
    made = figure(2.6)
    axes = made.subplots()
    bad = found.k > 0.7
    for which, colour in ((~bad, SERIES[0]), (bad, SERIES[1])):
        axes.plot(found.outcomes[which], found.k[which], "o", color=colour, markersize=3, alpha=0.7)
    axes.axhline(0.7, color=MUTED, linewidth=1, dashes=(4, 3))
    logarithmic(axes, "x")
    axes.set(xlabel="outcomes in the cell", ylabel="Pareto k")
    return made


@styled
def success(table: pd.DataFrame) -> Figure:
    """Believed against observed share of successes, in groups of equally many outcomes."""
    made = figure(3.4)
    axes = made.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, dashes=(4, 3))
    for row in rows(table):
        error = 1.645 * np.sqrt(max(row.believed * (1 - row.believed), 1e-4) / row.outcomes)
        axes.plot([row.believed] * 2, [row.observed - error, row.observed + error], color=SERIES[0], alpha=0.4)
        axes.plot(row.believed, row.observed, "o", color=SERIES[0], markersize=4)
    low = max(0.0, min(0.9, float(table[["believed", "observed"]].min().min()) - 0.05))
    axes.set(xlabel="believed", ylabel="observed", xlim=(low, 1.01), ylim=(low, 1.01))
    return made


def _blank(panels: np.ndarray) -> None:
    for axes in panels:
        axes.set_axis_off()
