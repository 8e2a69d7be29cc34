"""From what is known to what a page shows: pure functions, data in, the variables of a template out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from poolwise.engine.state.tables import NORMAL_95
from poolwise.policy.learning_phase import PHASES
from poolwise.service.console.history import COLUMNS, History
from poolwise.service.console.kept import Look
from poolwise.service.console.shown import charts
from poolwise.service.console.shown.alerts import alerts
from poolwise.service.console.shown.charts import Interval

TOP, ROWS, ARMS, TABLED = 8, 50, 40, 24
"""Rows of a short list, of a page, arms of a page, and rows of figures below a picture."""


def overview(look: Look) -> dict[str, Any]:
    """The first page of a workspace."""
    past, contexts = look.history, look.overview["contexts"]
    return {
        "look": look,
        "alerts": alerts(look.status, look.overview),
        "figures": figures(look),
        "pictures": pictures(past),
        "table": table(past),
        "projects": busiest(past, look.projects),
        "wanting": sorted(contexts, key=lambda row: -row["doubt"] * row["decisions"])[:TOP],
        "phases": {phase: sum(row["phase"] == phase for row in contexts) for phase in PHASES},
        "limited": {name: rows[:TOP] for name, rows in limited(look.overview).items()},
        "more": {name: max(0, len(rows) - TOP) for name, rows in limited(look.overview).items()},
    }


def limited(found: dict[str, Any]) -> dict[str, list[Any]]:
    """What holds decisions back, by its kind; budgets that have most left are left out."""
    budgets = sorted(found.get("budgets", []), key=lambda row: row["left"])
    return {
        "orders": found.get("orders", []),
        "quarantined": found.get("quarantined", []),
        "budgets": [row for row in budgets if row["left"] <= 1.0 or len(budgets) <= TOP],
        "coverage": found.get("coverage", []),
        "shadow": found.get("shadow", []),
        "priors": [row for row in found.get("priors", []) if row["contradicted"]],
    }


def figures(look: Look) -> dict[str, float | None]:
    """Numbers at the head of the page; None where nothing is known yet."""
    past = look.history
    late = past.bins[-max(1, len(past.bins) // 10) :]
    total = dict(zip(COLUMNS, past.bins.sum(0).tolist(), strict=True))
    lately = dict(zip(COLUMNS, late.sum(0).tolist(), strict=True))
    return {
        "gain": _share(total["gain"], total["known"]),
        "gain_lately": _share(lately["gain"], lately["known"]),
        "exploring": _share(total["explored"], total["decisions"]),
        "exploring_lately": _share(lately["explored"], lately["decisions"]),
        "unsafe": _share(total["unsafe"], total["known"]),
        "unsafe_lately": _share(lately["unsafe"], lately["known"]),
        "failed": _share(total["outcomes"] - total["ok"], total["outcomes"]),
    }


def pictures(past: History) -> dict[str, charts.Chart] | None:
    """Gain, exploring and safety over time; None where nothing has happened yet."""
    if past.total("decisions") + past.total("outcomes") == 0:
        return None
    mean, error = gains(past)
    low, high = (np.exp(mean + side * NORMAL_95 * error) for side in (-1, 1))
    found = {"gain": charts.line(past.times, np.exp(mean), low, high, unit="×", reference=1.0, most=1e6)}
    for name, part, whole in (("exploring", "explored", "decisions"), ("unsafe", "unsafe", "known")):
        share, size = _shares(past.column(part), past.column(whole)), past.column(whole)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(np.maximum(share * (1 - share), 0) / size)
        ends = (share - NORMAL_95 * error, share + NORMAL_95 * error)
        found[name] = charts.line(past.times, share, *ends, unit="%", least=0.0, most=1.0)
    return found


def gains(past: History) -> tuple[np.ndarray, np.ndarray]:
    """(bins,) mean log speed-up and its standard error; NaN where there is none."""
    number = past.column("known")
    mean = _shares(past.column("gain"), number)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.maximum(past.column("square") / number - mean**2, 0.0)
        error = np.where(number > 1, np.sqrt(spread / np.maximum(number - 1, 1)), np.nan)
    return mean, error


def table(past: History) -> list[dict[str, Any]]:
    """The figures of the pictures as rows, few enough to read; the newest last."""
    every = max(1, math.ceil(len(past.bins) / TABLED))
    rows = []
    for start in range(0, len(past.bins), every):
        part = dict(zip(COLUMNS, past.bins[start : start + every].sum(0).tolist(), strict=True))
        if part["decisions"] + part["outcomes"]:
            shares = {"gain": ("gain", "known"), "exploring": ("explored", "decisions"), "unsafe": ("unsafe", "known")}
            shown = {name: _share(part[one], part[other]) for name, (one, other) in shares.items()}
            rows.append({"time": float(past.times[start]), **part, **shown})
    return rows


def busiest(past: History, names: Sequence[str]) -> list[dict[str, Any]]:
    """Projects with most decisions; largest: their part of the largest."""
    made = past.projects[:, 0]
    order = [k for k in np.argsort(-made, kind="stable").tolist() if made[k] > 0 and k < len(names)]
    return [{**_of_project(past, k), "project": names[k], "part": made[k] / made[order[0]]} for k in order[:TOP]]


def _of_project(past: History, k: int) -> dict[str, Any]:
    sums = dict(zip(COLUMNS, past.projects[k].tolist(), strict=True))
    return {
        "decisions": sums["decisions"],
        "outcomes": sums["outcomes"],
        "gain": _share(sums["gain"], sums["known"]),
        "exploring": _share(sums["explored"], sums["decisions"]),
        "unsafe": _share(sums["unsafe"], sums["known"]),
    }


def cell(rows: Sequence[dict[str, Any]], baseline: str, page: int) -> dict[str, Any]:
    """The forest of one context: arms by what is believed of them, best first, the baseline always among them."""
    order = sorted(rows, key=lambda row: -row["mean"])
    part = order[(page - 1) * ARMS : page * ARMS]
    home = [row for row in order if row["arm"] == baseline]
    shown = [*part, *(row for row in home if row not in part)] if part else home
    ends = [
        row[name] for row in shown for name in ("low", "high") if row["arm"] != baseline and math.isfinite(row[name])
    ]
    axis = charts.speeds(min(ends, default=-0.1), max(ends, default=0.1))
    arms = [{**row, "picture": charts.forest(axis, _intervals(row, baseline)), "bar": charts.bar(row["own"])}
            for row in shown]  # fmt: skip
    return {
        "axis": axis,
        "arms": arms,
        "pages": max(1, math.ceil(len(order) / ARMS)),
        "total": len(order),
        "best": order[0],
        "n": sum(row["n"] for row in rows),
    }


def _intervals(row: dict[str, Any], baseline: str) -> list[Interval]:
    if row["arm"] == baseline:
        return []
    found = [Interval("belief", row["mean"], row["low"], row["high"])]
    for name in ("project", "elsewhere"):
        reach = NORMAL_95 * row[f"{name}_sd"]
        found.append(Interval(name, row[name], row[name] - reach, row[name] + reach))
    return found


def part_of(rows: Sequence[Any], page: int) -> dict[str, Any]:
    """A page of a list that is in memory."""
    pages = max(1, math.ceil(len(rows) / ROWS))
    page = min(page, pages)
    return {"rows": rows[(page - 1) * ROWS : page * ROWS], "page": page, "pages": pages, "total": len(rows)}


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1e-300), np.nan)
