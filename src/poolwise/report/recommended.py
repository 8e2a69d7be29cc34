"""Projects that explore by recommendation: what it changed, and what that earned, from each project's own log."""

import html
import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from poolwise import ope
from poolwise.engine import Engine
from poolwise.engine.insight.explain import chances
from poolwise.engine.insight.trials import trials
from poolwise.engine.safeguards import recommended
from poolwise.objective import Objective, speed_up
from poolwise.policy.parsing import parse
from poolwise.policy.view import CUSTOM, Policy
from poolwise.report.page import as_html
from poolwise.report.tables import rows
from poolwise.store.base import Store

MOST = 4_000
"""Decisions of a project that are looked at, the newest."""
DIFFERENT = 0.001
"""Probability that must have moved for a decision to count as changed."""
ESTIMATOR, CONFIDENCE = "DR", 0.9
CAPTION = (
    "Changed: decisions in which the recommendation moved more than 0.1&nbsp;% of the probability. Moved: how much on "
    "average (total variation distance). Earned: by what factor its jobs ran faster than with the default's "
    "probabilities in their place, from the project's own log (doubly robust estimate with its 90&nbsp;% interval); "
    "what trials taught for later jobs is not in it."
)


class Logged(NamedTuple):
    """Decisions of a project with what served and what the default would have done."""

    frame: pd.DataFrame
    """Rows of `trials`."""
    served: pd.DataFrame
    """(decisions, arms) probabilities."""
    default: pd.DataFrame


def table(engine: Engine) -> pd.DataFrame:
    """A row per project for which there is a recommendation: project, since (decisions of all projects before it),
    explores (constants for those of the default), learned_from, decisions (of the project since), changed (share of
    these), moved (mean total variation distance from the default), earned, low, high (`CAPTION`; NaN where the log
    cannot tell), why (the recommendation was made, or the log cannot tell)."""
    frame, found = trials(engine.store), []
    for project, body in engine.recommendations.made().items():
        shown = recommended.row(body, engine.policy.params)
        row = {name: shown[name] for name in ("project", "since", "explores", "learned_from")}
        mine = frame[(frame["project"] == project) & (frame["time"] >= body["time"])]
        logged = compared(engine.store, mine, engine.policy)
        found.append({**row, **_changed(logged), **_earned(engine, logged, body)})
    return pd.DataFrame(found)


def compared(store: Store, frame: pd.DataFrame, default: Policy) -> Logged:
    """Of decisions with their views; those of a policy of the user's own are left out."""
    made = store.decisions()
    views = pd.DataFrame({"decision": made.id, "view": made.view})
    kept = frame.tail(MOST).merge(views[views["view"] > 0], on="decision")

    @cache
    def both(key: int) -> tuple[dict[str, float], dict[str, float]]:
        logged = store.view(key)
        spec, params = store.policy(logged.policy)
        if spec == CUSTOM or default.spec == CUSTOM:
            return {}, {}
        pair = (chances(policy, logged)[1].tolist() for policy in (parse(spec, params), default))
        served, usual = (dict(zip(logged.arms, one, strict=True)) for one in pair)
        return served, usual

    known = np.array([bool(both(key)[0]) for key in kept["view"].tolist()], bool)
    kept = kept[known]
    served, usual = (pd.DataFrame([both(key)[k] for key in kept["view"].tolist()]).fillna(0.0) for k in (0, 1))
    return Logged(kept.reset_index(drop=True), served, usual)


def _changed(logged: Logged) -> dict[str, Any]:
    moved = 0.5 * np.abs(logged.served.to_numpy(float) - logged.default.to_numpy(float)).sum(axis=1)
    if not len(moved):
        return {"decisions": 0, "changed": math.nan, "moved": math.nan}
    return {"decisions": len(moved), "changed": float((moved > DIFFERENT).mean()), "moved": float(moved.mean())}


def _earned(engine: Engine, logged: Logged, body: dict[str, Any]) -> dict[str, Any]:
    unknown = dict.fromkeys(("earned", "low", "high"), math.nan)
    if not body["params"] or logged.frame.empty:
        return {**unknown, "why": body["why"]}
    objective: Objective = engine.settings.known_objective
    made, _ = ope.from_frame(
        logged.frame,
        logged.default,
        behaviour=logged.served,
        baseline=engine.space.baseline,
        objective=objective,
    )
    found = ope.compare(made, np.asarray(made.behaviour), CONFIDENCE)
    if found.diagnosis.veto:
        return {**unknown, "why": f"{body['why']} What it earned its log cannot tell: {found.diagnosis.veto}"}
    less = found.differences[ESTIMATOR]
    ends = (float(speed_up(-end, objective)) for end in (less.value, less.high, less.low))
    return {**dict(zip(unknown, ends, strict=True)), "why": body["why"]}


def sentences(found: pd.DataFrame) -> list[str]:
    """One for every project."""
    return [_sentence(row) for row in rows(found)]


def _sentence(row: Any) -> str:
    start = f"{row.project}, since decision {row.since}"
    if row.explores == "as the default":
        return f"{start}: nothing was promoted, the default stays. {row.why}"
    text = f"{start}: explores with {row.explores}, learned from {row.learned_from}. {row.why}"
    if not row.decisions:
        return text
    text += f" It changed {row.changed:.0%} of {row.decisions} decisions, moving {row.moved:.1%} of the probability"
    if math.isnan(row.earned):
        return text + "."
    if row.low <= 1 <= row.high:
        told = "its own log cannot tell that from nothing"
    else:
        told = "for certain a gain" if row.low > 1 else "for certain a loss"
    return f"{text}; its jobs ran at {row.earned:.3f} times the speed ({row.low:.3f} to {row.high:.3f}): {told}."


def recommended_section(engine: Engine) -> str:
    """HTML of the section; empty where nothing was recommended."""
    found = table(engine)
    if found.empty:
        return ""
    said = "".join(f"<p>{html.escape(one)}</p>" for one in sentences(found))
    note = f"<p class='note'>{CAPTION}</p>"
    return "\n".join(
        ["<h2>How projects explore by recommendation</h2>", said, as_html(found.drop(columns="why")), note]
    )
