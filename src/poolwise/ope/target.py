"""The policy to evaluate, from how it is named: probabilities for every logged decision."""

import re
from typing import Any

import numpy as np
import pandas as pd

from poolwise import policy as policies
from poolwise.errors import ConfigError, DataError, InputError
from poolwise.names import checked, shown
from poolwise.objective import Objective
from poolwise.ope.frame import chances, tidy
from poolwise.progress import Progress, silent
from poolwise.replay.replay_posterior import ReplayPosterior, chances_of
from poolwise.schema import CHANCES, family_of
from poolwise.table import numbers

NEED_BASELINE = {"safe", "gated", "paid", "budgeted"}
"""Layers that treat the baseline apart."""


def target_policy(
    frame: pd.DataFrame,
    wanted: Any,
    baseline: str | None = None,
    objective: Objective = "ratio",
    progress: Progress = silent,
) -> pd.DataFrame:
    """(decisions, arms) probabilities of a policy on a log as `from_frame` reads it, a column per arm.

    wanted: the name of an arm of the log, chosen always; a table with a column per arm and a row per decision, which
    is taken as it is; or a policy, or its spec (`policy.parse`). A policy is asked what it would have done with what
    the log had shown before each decision (each `seed` of a replay's log apart), so no decision is judged by its own
    outcome.
    baseline: its arm, for policies that treat it apart; None: the arm whose utilities are all 0. objective: what such a
    policy optimises; `total` needs a baseline. progress: told how many decisions such a policy has made. Raises
    DataError and ConfigError.
    """
    frame = tidy(frame)
    arms = arms_of(frame)
    if isinstance(wanted, pd.DataFrame):
        if len(wanted) != len(frame):
            raise DataError(f"{len(wanted)} rows of probabilities for {len(frame)} decisions; give one row for each")
        return chances(wanted)
    if isinstance(wanted, policies.Policy):
        home = baseline_of(frame, arms, baseline, wanted.spec, objective)
        return pd.DataFrame(replay_probabilities(frame, arms, wanted, home, objective, progress), columns=arms)
    wanted = checked("the policy", wanted)
    if wanted in arms:
        return pd.DataFrame(np.tile(np.eye(len(arms))[arms.index(wanted)], (len(frame), 1)), columns=arms)
    if wanted == "uniform":
        return pd.DataFrame(np.full((len(frame), len(arms)), 1 / len(arms)), columns=arms)
    try:
        policy = policies.parse(wanted)
    except ConfigError as error:
        known = f"the log's arms ({', '.join(map(str, arms[:6]))}{', ..' if len(arms) > 6 else ''})"
        raise InputError(f"{shown(wanted)} is neither one of {known} nor a policy: {error}") from error
    home = baseline_of(frame, arms, baseline, policy.spec, objective)
    return pd.DataFrame(replay_probabilities(frame, arms, policy, home, objective, progress), columns=arms)


def arms_of(frame: pd.DataFrame) -> list[str]:
    """Arms that were chosen, and those that could have been where columns `p:ARM` say so."""
    stated = [name for name in map(str, frame.columns) if name.startswith(CHANCES)]
    open_to = [name for name in stated if (pd.to_numeric(frame[name], errors="coerce") > 0).any()]
    return sorted({*frame["arm"], *(name.removeprefix(CHANCES) for name in open_to)})


def baseline_of(
    frame: pd.DataFrame, arms: list[Any], named: str | None, spec: str, objective: Objective = "ratio"
) -> int | None:
    """Index of the baseline; refused where a policy needs it and none can be told."""
    if named is not None:
        if named not in arms:
            raise DataError(f"the baseline {named!r} is no arm of the log: {', '.join(map(str, arms[:8]))}")
        return arms.index(named)
    zero = frame.groupby("arm")["utility"].apply(lambda part: bool((part == 0).all()))
    found = [arm for arm in arms if zero.get(arm, False)]
    if len(found) == 1:
        return arms.index(found[0])
    if NEED_BASELINE & set(re.findall(r"\w+", spec)) or objective == "total":
        raise DataError(f"the policy {spec} treats the baseline apart: name it ({len(found)} arms could be it)")
    return None


def replay_probabilities(
    frame: pd.DataFrame,
    arms: list[Any],
    policy: policies.Policy,
    baseline: int | None,
    objective: Objective = "ratio",
    progress: Progress = silent,
) -> np.ndarray:
    """(decisions, arms): probabilities of the policy, from the outcomes that the log shows before each decision."""
    arm = pd.Index(arms).get_indexer(frame["arm"])
    known = dict(zip(frame["arm"], frame["family"], strict=True)) if "family" in frame else {}
    family = pd.factorize(pd.Series([known.get(name, family_of(name)) for name in arms]))[0]
    homes, done = baseline_costs(frame) if objective == "total" else np.zeros(len(frame)), 0
    present, found, raw = np.ones(len(arms), bool), np.empty((len(frame), len(arms))), known_of_jobs(frame)
    for rows in runs(frame):
        project, context = (pd.factorize(frame[key].to_numpy()[rows])[0] for key in ("project", "context"))
        sizes = int(project.max()) + 1, int(context.max()) + 1
        total = objective == "total"
        believer = ReplayPosterior(family, baseline, *sizes, None, total=total, features=raw.shape[1])
        utility = frame["utility"].to_numpy(float)[rows]
        for row, p, c, a, value, home in zip(rows, project, context, arm[rows], utility, homes[rows], strict=True):
            found[row] = chances_of(policy, believer.view(int(p), int(c), present, raw[row]))
            believer.update(int(p), int(c), int(a), float(value), float(home), raw[row])
            believer.estimate_when_due()
            done += 1
            progress("decisions", done, len(frame))
    return found


def known_of_jobs(frame: pd.DataFrame) -> np.ndarray:
    """(decisions, columns): features, from columns `f_NAME`; of texts, one for each that occurs. NaN: not known."""
    parts = [np.zeros((len(frame), 0))]
    for name in frame.columns:
        if str(name).startswith("f_"):
            values = frame[name].astype(object)
            missing, texts = values.isna().to_numpy(), values.map(lambda value: isinstance(value, str)).any()
            part = pd.get_dummies(values).to_numpy(float) if texts else numbers(values.astype(float))[:, None]
            parts.append(np.where(missing[:, None] | np.isinf(part), np.nan, part))
    return np.concatenate(parts, axis=1)


def baseline_costs(frame: pd.DataFrame) -> np.ndarray:
    """(decisions,): on its job, or on average where it is not known; 1 where none is."""
    found = numbers(frame["baseline_cost"]) if "baseline_cost" in frame else np.full(len(frame), np.nan)
    known = np.isfinite(found)
    return np.where(known, found, found[known].mean() if known.any() else 1.0)


def runs(frame: pd.DataFrame) -> list[np.ndarray]:
    """Rows that belong to one stream of decisions."""
    if "seed" not in frame:
        return [np.arange(len(frame))]
    return [np.flatnonzero(frame["seed"].to_numpy() == seed) for seed in frame["seed"].unique()]
