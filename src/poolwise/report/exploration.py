"""How a run explored: what it came to, how much is known in each context, what each phase of learning cost, and
what not knowing the best way costs as it is believed now."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from poolwise.engine.insight.explain import view_of
from poolwise.engine.insight.trials import trials
from poolwise.policy.learning_phase import PHASES, phase
from poolwise.store.base import Store

SUCCESS, DISCOVERY = math.log(1.05), math.log(1.8)
"""Utility above which a job was worth the choice, and above which it is news."""
STATE = ["importance", "phase", "doubt", "confidence", "curiosity", "coverage"]
"""What is taken from `Engine.overview` of a context."""
DRAWS = 400
CELL = ["project", "context"]


def totals(table: pd.DataFrame) -> pd.DataFrame:
    """One row: decisions, geometric mean of the speed-up, `saved`, the share of the baselines' total cost that was
    saved (NaN where costs are not known), shares of jobs above SUCCESS and of `safe` ones, number of discoveries (jobs
    above DISCOVERY) and of jobs that failed or timed out."""
    gain = table["gain"]
    row = {
        "decisions": len(table),
        "speed_up": float(np.exp(gain.mean())),
        "saved": saved(table),
        "success": float((gain > SUCCESS).mean()),
        "safe": float(table["safe"].mean()),
        "discoveries": int((gain > DISCOVERY).sum()),
        "failures": int((table["status"] != "ok").sum()),
    }
    return pd.DataFrame([row])


def saved(table: pd.DataFrame) -> float:
    """1 - total cost / total cost of the baselines, of the jobs of which both are known: one job that takes sixteen
    times as long counts as much as it cost."""
    known = table[table["cost"].notna() & table["baseline_cost"].notna()]
    return float(1 - known["cost"].sum() / known["baseline_cost"].sum()) if len(known) else math.nan


def contexts(table: pd.DataFrame, places: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Per (project, context): jobs, the share of them that explored, and from `places`, rows of `Engine.overview`,
    what is in `STATE`: curiosity is the mean score of its arms, coverage the share of them that was tried there."""
    cell = ["project", "context"]
    jobs = table.groupby(cell)["explored"].agg(jobs="size", explored="mean").reset_index()
    found = pd.DataFrame(list(places), columns=[*cell, *STATE])
    return jobs.merge(found, on=cell).sort_values("jobs", ascending=False, ignore_index=True)


def phases(stores: Iterable[Store]) -> pd.DataFrame:
    """Per phase of learning, as it was when each decision was made: decisions, the share of them that explored,
    geometric mean of the speed-up, and the share below 0.95 of the baseline's speed. Decisions without a logged view
    are left out."""
    table = pd.concat([trials(store).merge(_phases(store), on="decision") for store in stores], ignore_index=True)
    table = table.assign(slower=~table["safe"])
    table["phase"] = pd.Categorical(table["phase"], PHASES)
    grouped = table.groupby("phase", observed=True)
    made = grouped.agg(
        decisions=("gain", "size"),
        explored=("explored", "mean"),
        speed_up=("gain", lambda gain: float(np.exp(gain.mean()))),
        slower=("slower", "mean"),
    )
    return made.reset_index().astype({"phase": str})


def _phases(store: Store) -> pd.DataFrame:
    """decision, phase."""
    made = store.decisions()
    seen = made.view > 0
    keys, which = np.unique(made.view[seen], return_inverse=True)
    names = np.array([phase(view_of(store.view(int(key)))) for key in keys], dtype=object)
    return pd.DataFrame({"decision": made.id[seen], "phase": names[which] if len(keys) else np.zeros(0, dtype=object)})


def regret(table: pd.DataFrame, beliefs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """By what factor jobs cost more than with the arm that is believed best in their cell now: geometric mean over all
    jobs, and over the last third of them.

        exp mean_i (theta[cell_i, best] - theta[cell_i, a_i]),    theta ~ Normal(mean, sd^2) of the beliefs

    What an arm that is hardly known may gain beyond the best one is no part of it: that is the doubt of a context.
    Columns: of, jobs, over_best, low, high (median and 90 % interval over draws). Decisions for arms that are no longer
    offered are left out.
    """
    parts = {"all jobs": table, "the last third": table.tail(max(len(table) // 3, 1))}
    known = beliefs.groupby(CELL, sort=False)
    rng = np.random.default_rng(seed)
    total, jobs = {name: np.zeros(DRAWS) for name in parts}, dict.fromkeys(parts, 0)
    for cell in table[CELL].drop_duplicates().itertuples(index=False):
        belief = known.get_group(tuple(cell)).set_index("arm")
        theta = belief["mean"].to_numpy() + belief["sd"].to_numpy() * rng.standard_normal((DRAWS, len(belief)))
        lost = theta[:, [int(belief["mean"].to_numpy().argmax())]] - theta
        for name, part in parts.items():
            here = (part["project"] == cell[0]) & (part["context"] == cell[1])
            chosen = part.loc[here, "arm"].value_counts()
            count = chosen.reindex(belief.index, fill_value=0).to_numpy()
            total[name] += lost @ count
            jobs[name] += int(count.sum())
    rows = [(name, jobs[name], *_interval(total[name] / max(jobs[name], 1))) for name in parts]
    return pd.DataFrame(rows, columns=["of", "jobs", "over_best", "low", "high"])


def _interval(draws: np.ndarray) -> tuple[float, ...]:
    return tuple(np.exp(np.quantile(draws, [0.5, 0.05, 0.95])).tolist())
