"""What was known of a job and what it says, which features matter for which arms, and how arms fare along one."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from poolwise.engine.insight.cells import Place
from poolwise.engine.state.serving import Serving
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.lazy import pandas as pd
from poolwise.schema import Decision
from poolwise.space.features import Feature
from poolwise.space.jobs import JobFeatures
from poolwise.store.base import Store

RECENT, FEW, POINTS = 5_000, 3, 25
"""Decisions with which a job is compared, features that are told of, and places along one."""
LEADING = 0.05
"""Relevance of a feature that is worth a figure."""


def shown(belief: ServingPosterior, decision: Decision) -> dict[str, Any]:
    """What was known of the job of a decision, by name."""
    return belief.name_index.features.shown(decision.features)


def told(store: Store, belief: ServingPosterior, decision: Decision) -> list[dict[str, Any]]:
    """A row for everything that was known of a job: feature, value, the share of the jobs so far of which it is larger
    (for a choice: that have it), its relevance, its effect in log units on what is believed now of the arm that was
    chosen, and the arm that it speaks for most, with that effect. Those that matter most come first."""
    known, own = belief.name_index.features, decision.features
    if own is None:
        return []
    row, jobs = known.padded(np.array([own]))[0], recent(store, known, decision.id)
    effects, found = belief.posterior.feature_effects(), []
    chosen, arms = belief.name_index.arm[decision.arm], belief.name_index.known
    for label, name, feature, k in columns(known):
        if math.isnan(row[k]) or (feature.type == "choice" and row[k] != 1.0):
            continue
        score, share = _standing(row[k], jobs[:, k], choice=feature.type == "choice")
        slopes = np.zeros(len(arms)) if effects is None else effects.mean[k, : len(arms)] * score
        best = int(np.argmax(slopes))
        found.append(
            {
                "feature": name,
                "column": label,
                "value": known.shown(row)[name],
                "larger_than": share,
                "relevance": 0.0 if effects is None else float(effects.relevance[k]),
                "effect": float(slopes[chosen]),
                "speaks_for": arms[best],
                "by": float(slopes[best]),
            }
        )
    return sorted(found, key=lambda one: -abs(one["effect"]) * one["relevance"])


def sentences(rows: list[dict[str, Any]], arm: str) -> list[str]:
    """Of the rows that `told` gives."""
    return [_sentence(row, arm) for row in rows[:FEW]]


def summary(belief: ServingPosterior) -> list[dict[str, Any]]:
    """A row per feature, those that explain most of the differences between arms first: the arms that larger values
    speak for and against most, in log units per normal score. Empty where there are none."""
    known, effects = belief.name_index.features, belief.posterior.feature_effects()
    if not known.columns or effects is None:
        return []
    arms, rows = belief.name_index.known, []
    for label, _, _, k in columns(known):
        slopes = effects.mean[k, : len(arms)]
        best, worst = int(np.argmax(slopes)), int(np.argmin(slopes))
        rows.append(
            {
                "feature": label,
                "relevance": float(effects.relevance[k]),
                "speaks_for": arms[best] if slopes[best] > 0 else "",
                "by": float(max(slopes[best], 0.0)),
                "against": arms[worst] if slopes[worst] < 0 else "",
                "down": float(min(slopes[worst], 0.0)),
            }
        )
    return sorted(rows, key=lambda row: -row["relevance"])


def curves(now: Serving, feature: str, place: Place | None = None) -> pd.DataFrame:
    """What is believed of every offered arm along one number, all else of a job being unknown: x, arm, mean, low and
    high (90 % interval). place: the cell, None: the one with most decisions; empty where nothing varies."""
    known, belief = now.name_index.features, now.belief
    k = known.columns.index(feature)
    seen = recent(now.store, known)[:, k]
    seen = np.unique(seen[~np.isnan(seen)])
    at = _busiest(now) if place is None else place[2:]
    rows: list[dict[str, Any]] = []
    for x in np.unique(np.quantile(seen, np.linspace(0.02, 0.98, POINTS))).tolist() if len(seen) > 1 else ():
        job = np.full(len(known.columns), np.nan)
        job[k] = x
        found = belief.predict(*at, job)
        for arm, mean, sd in zip(now.name_index.ids, found.mean.tolist(), found.scale.tolist(), strict=True):
            rows.append({"x": x, "arm": arm, "mean": mean, "low": mean - 1.645 * sd, "high": mean + 1.645 * sd})
    return pd.DataFrame(rows, columns=["x", "arm", "mean", "low", "high"])


def leading(belief: ServingPosterior, most: int = FEW) -> list[str]:
    """The columns that are worth a figure: numbers that explain a part of the differences between arms."""
    found, rows = numbers(belief), summary(belief)
    return [row["feature"] for row in rows if row["relevance"] >= LEADING and row["feature"] in found][:most]


def numbers(belief: ServingPosterior) -> list[str]:
    """Features that are numbers."""
    every = belief.name_index.features.declared.items()
    return [name for name, feature in every if feature.type in ("real", "integer")]


def columns(known: JobFeatures) -> list[tuple[str, str, Feature, int]]:
    """Label, feature's name, feature and place of every column."""
    place = {label: k for k, label in enumerate(known.columns)}
    every = known.declared.items()
    return [(label, name, feature, place[label]) for name, feature in every for label in feature.labels(name)]


def recent(store: Store, known: JobFeatures, but: int = 0) -> np.ndarray:
    """(jobs, columns) of the last decisions, but one."""
    made = store.decisions(max(store.made() - RECENT, 0)).id
    return known.padded(store.features(made[made != but]))


def _standing(value: float, jobs: np.ndarray, *, choice: bool) -> tuple[float, float]:
    """Normal score of a value among those of other jobs, and the share of these that are smaller, or the same."""
    seen = jobs[~np.isnan(jobs)]
    below, same = float((seen < value).sum()), float((seen == value).sum())
    rank = (below + 0.5 * same + 0.5) / (len(seen) + 1)
    share = (same if choice else below) / max(len(seen), 1)
    return NormalDist().inv_cdf(min(max(rank, 1e-6), 1 - 1e-6)), share


def _sentence(row: dict[str, Any], arm: str) -> str:
    value = f"{row['value']:g}" if isinstance(row["value"], float) else str(row["value"])
    if row["column"] == row["feature"]:
        text = f"{row['feature']} is {value}, larger than in {row['larger_than']:.0%} of the jobs so far"
    else:
        text = f"{row['feature']} is {value}, as in {row['larger_than']:.0%} of the jobs so far"
    if abs(row["effect"]) < 0.005:
        return f"{text}; as is believed now, that hardly matters for {arm}."
    side, by = ("for", math.expm1(row["effect"])) if row["effect"] > 0 else ("against", -math.expm1(row["effect"]))
    more = (
        ""
        if row["speaks_for"] == arm or row["by"] < 0.005
        else f", and most for {row['speaks_for']} ({math.expm1(row['by']):.0%})"
    )
    return f"{text}; as is believed now, that speaks {side} {arm} by {by:.0%}{more}."


def _busiest(now: Serving) -> tuple[int, int]:
    sizes = now.name_index.size("project"), now.name_index.size("context")
    cells = [(p, c) for p in range(sizes[0]) for c in range(sizes[1])]
    return max(cells, key=lambda cell: now.usage.decisions(*cell), default=(0, 0))
