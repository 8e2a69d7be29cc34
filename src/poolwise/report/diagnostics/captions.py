"""What each plot of a refit's page says: what good looks like, and whether this one is."""

import html
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from poolwise.refit.draws.convergence import e_bfmi, mixing
from poolwise.refit.gate_thresholds import DEFAULT_THRESHOLDS
from poolwise.report.diagnostics import inference, plots
from poolwise.report.diagnostics.inference import CELL, LeftOut
from poolwise.report.plots import forest, shrinkage

PANELS = 4
"""Quantities whose chains are shown: those that mixed worst."""
PLACES = 14
"""Rows of a forest plot: the (project, context) with most outcomes."""


class Section(NamedTuple):
    """A plot with its heading, the sentence under it, and whether it looks as it should."""

    name: str
    title: str
    figure: Figure
    sentence: str
    good: bool


def sections(data: xr.DataTree) -> list[Section]:
    """Everything that can be shown of a refit's draws, in the order of the page."""
    return [*chains(data), *beliefs(data), *predictions(data)]


def chains(data: xr.DataTree) -> Iterator[Section]:
    """Rank, trace and energy plots, where there are chains, and the scales before and after."""
    found = inference.scales(data.posterior)
    if not found:
        return
    made = {name: mixing(values[:, :, None]) for name, values in found.items()}
    order = sorted(found, key=lambda name: -float(np.nan_to_num(made[name].r_hat[0], nan=0.0)))
    worst = {name: found[name] for name in order[:PANELS]}
    r_hat = max(float(np.nan_to_num(one.r_hat[0])) for one in made.values())
    bulk = min(float(np.nan_to_num(one.bulk[0], nan=np.inf)) for one in made.values())
    diverging = data.sample_stats.get("diverging")
    if diverging is not None and len(diverging) > 1:
        good = r_hat <= DEFAULT_THRESHOLDS.r_hat
        text = f"the largest R-hat of any scale is {r_hat:.3f}, {_than(good, DEFAULT_THRESHOLDS.r_hat)}"
        says = _said("bars of equal height for every chain, near the dashed line", good, text)
        yield Section("rank", "Do the chains agree?", plots.ranks(worst), says, good)
    if diverging is not None:
        share, good = float(diverging.mean()), bulk >= DEFAULT_THRESHOLDS.bulk_ess
        text = f"the slowest scale is worth {bulk:.0f} independent draws, {100 * share:.1f} % of the steps diverged"
        good = good and share <= DEFAULT_THRESHOLDS.divergences
        says = _said("paths that cross each other like grass, without trends or long pauses", good, text)
        yield Section("trace", "How did they move?", plots.traces(worst), says, good)
    if "energy" in data.sample_stats:
        values = np.asarray(data.sample_stats["energy"], dtype=np.float64)
        lowest = float(e_bfmi(values).min())
        good = lowest >= DEFAULT_THRESHOLDS.e_bfmi
        text = f"the smallest E-BFMI is {lowest:.2f}, where {DEFAULT_THRESHOLDS.e_bfmi:g} is the least"
        says = _said("two hills of nearly the same width", good, text)
        yield Section("energy", "Does the energy mix?", plots.energy(values), says, good)
    before = inference.scales(data.prior) if "prior" in data else {}
    yield _scales(found, before)


def _scales(found: dict[str, np.ndarray], before: dict[str, np.ndarray]) -> Section:
    learned = [
        name
        for name, values in found.items()
        if name in before and np.log(values).std() < 0.8 * np.log(before[name]).std()
    ]
    shared = [name for name in found if name in before]
    edge = [name for name in shared if not _overlap(before[name], found[name])]
    good = not edge
    text = f"outcomes narrowed {len(learned)} of {len(shared)} scales by a fifth or more"
    text += f"; outside of what was thought possible: {', '.join(edge)}" if edge else ", and none left its prior behind"
    says = _said("blue intervals that are shorter than the grey ones and lie within their reach", good, text)
    return Section("scales", "What was learned about the scales?", plots.scales(before, found), says, good)


def beliefs(data: xr.DataTree) -> Iterator[Section]:
    """Forest and shrinkage plots of the utility given success, as speed-ups."""
    table = inference.cells(data)
    if not (table["count"] > 0).any():
        return
    best = _favourites(table)
    clear = int((best["low"] > 1).sum())
    baseline = str(data.posterior.attrs.get("baseline", ""))
    settled = best[best["arm"] != baseline]
    good = bool(len(settled) == 0 or clear >= len(settled) / 2)
    says = _said(
        "intervals beyond the dashed line wherever the baseline itself is not best",
        good,
        f"{clear} of the {len(settled)} places that prefer another arm are sure of it"
        + ("" if good else ", the others need more outcomes")
        if len(settled)
        else "the baseline is believed best everywhere",
    )
    yield Section("forest", "What is believed best?", forest(best, list(best["project"].unique())), says, good)
    moved = _moved(table)
    if len(moved):
        shift = (np.log(moved["raw"]) - np.log(moved["pooled"])).abs().groupby(moved["group"]).mean()
        few, many = (float(shift.get(name, np.nan)) for name in ("few trials", "many trials"))
        good = not few < many
        text = "; ".join(f"those of {name} moved by a factor of {np.exp(value):.2f}" for name, value in
                         (("few trials", few), ("many trials", many)) if np.isfinite(value))  # fmt: skip
        says = _said("estimates from few trials that move far and estimates from many that hardly do", good, text)
        yield Section("shrinkage", "What does sharing do?", shrinkage(moved), says, good)


def _favourites(table: pd.DataFrame) -> pd.DataFrame:
    """As `report.plots.forest` wants them: the arm with the best mean in the places with most outcomes."""
    best = table.loc[table.groupby(["project", "context"], sort=False)["mean"].idxmax()]
    jobs = table.groupby(["project", "context"])["count"].sum().sort_values(ascending=False).head(PLACES)
    best = best.merge(jobs.rename("jobs").reset_index(), on=["project", "context"]).sort_values(["context", "project"])
    speeds = {name: np.exp(best[column]) for name, column in (("speed_up", "mean"), ("low", "low"), ("high", "high"))}
    trials = best["count"].round().astype(int)
    return best[list(CELL)].assign(trials=trials, **speeds).reset_index(drop=True)


def _moved(table: pd.DataFrame, each: int = 8, few: int = 2) -> pd.DataFrame:
    """As `report.plots.shrinkage` wants them: cells of few trials that moved most, and those of most trials."""
    seen = table[table["count"] > 0]
    rare, often = seen[seen["count"] <= few], seen[seen["count"] > few]
    rare = rare.loc[(rare["observed"] - rare["mean"]).abs().sort_values(ascending=False).index[:each]]
    often = often.sort_values("count", ascending=False).head(each)
    parts = [part.assign(group=name) for part, name in ((rare, "few trials"), (often, "many trials")) if len(part)]
    chosen = pd.concat(parts, ignore_index=True)
    trials = chosen["count"].round(1).map("{:g}".format)
    return chosen.assign(raw=np.exp(chosen["observed"]), pooled=np.exp(chosen["mean"]), trials=trials)


def predictions(data: xr.DataTree) -> Iterator[Section]:
    """Predictive, calibration and leave-one-out plots, and that of success."""
    if "mean" in data.log_likelihood and data.log_likelihood["mean"].shape[-1] > 1:
        table, left = inference.predicted(data), inference.left_out(data)
        inside = float(((table["observed"] >= table["low"]) & (table["observed"] <= table["high"])).mean())
        good = inside >= DEFAULT_THRESHOLDS.coverage
        text = f"{100 * inside:.0f} % are, of {len(table)} cells"
        text += ", so the bars are wider than need be" if inside > 0.9 + 2.5 * np.sqrt(0.09 / len(table)) else ""
        says = _said("about nine of ten dots on their bars, or more", good, text)
        title = "Does it predict what was seen?"
        yield Section("predictive", title, plots.predictions(table), says, good)
        yield _calibration(left)
        yield _reliability(left)
    tried = float(np.asarray(data.constant_data["tried"]).sum())
    lost = tried - float(np.asarray(data.observed_data["successes"]).sum())
    if lost >= 1 and "chance" in data.posterior:
        table = inference.success(data)
        gap = (table["believed"] - table["observed"]).abs()
        error = np.sqrt(np.maximum(table["believed"] * (1 - table["believed"]), 1e-4) / table["outcomes"])
        good = bool(np.sqrt(np.mean((gap / error) ** 2)) <= 1.645)
        mean = 100 * float(np.average(gap, weights=table["outcomes"]))
        text = f"believed and observed shares differ by {mean:.1f} points on average"
        says = _said("dots on the diagonal, within their bars", good, text)
        yield Section("success", "Are chances of success right?", plots.success(table), says, good)


def _calibration(left: LeftOut) -> Section:
    order, n = np.sort(left.pit), len(left.pit)
    steps = np.arange(n + 1) / n
    off = float(np.abs(np.concatenate([steps[1:] - order, steps[:-1] - order])).max())
    middle = float(((left.pit > 0.05) & (left.pit < 0.95)).mean())
    narrow = middle < 0.9 - 2.5 * np.sqrt(0.09 / n)
    outside = off > 1.358 / np.sqrt(n)
    good = bool(not narrow and (not outside or middle >= 0.9))
    text = f"{100 * middle:.0f} % of the cells lie in the 90 % interval that all others predict"
    if narrow or outside:
        text += ": wider than need be" if middle >= 0.9 else ": too narrow, or off centre"
    says = _said(
        "a line inside the grey band, or outside it where intervals are too wide, never too narrow", good, text
    )
    return Section("calibration", "Are intervals as wide as they should be?", plots.calibration(left), says, good)


def _reliability(left: LeftOut) -> Section:
    bad = float((left.k > 0.7).mean())
    good = bad <= 0.1
    text = f"{100 * bad:.0f} % of the cells lie above it; elpd {left.elpd:.1f}, standard error {left.error:.1f}"
    text += "" if good else ": cells that decide much of their own prediction, take the two plots above with care"
    says = _said("nearly all cells below the dashed line", good, text)
    return Section("loo", "Can leaving a cell out be computed by reweighting?", plots.reliability(left), says, good)


def _said(good: str, is_good: bool, text: str) -> str:
    """One sentence, escaped: what good looks like, and whether this one is."""
    verdict = "here it does" if is_good else "here it does not"
    return f"Good looks like {good}; <strong>{verdict}</strong>: {html.escape(text)}."


def _than(good: bool, limit: float) -> str:
    return f"{'not above' if good else 'above'} {limit:g}"


def _overlap(before: np.ndarray, after: np.ndarray) -> bool:
    low, high = np.quantile(before, [0.001, 0.999])
    return bool(low <= np.median(after) <= high)
