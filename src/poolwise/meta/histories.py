"""Pasts that a policy can live through again: tables of outcomes, logs completed by their model, simulated projects.

In a replay of them scales are estimated on the way, and the time before they are known costs most in short histories.
A log tells of the chosen arm alone; what the others would have done is drawn from what is believed at its end, with
the log's own standardised residuals as noise, so that tails are those of the real outcomes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from poolwise.meta import meta_features
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy.view import CUSTOM, Policy
from poolwise.replay.arrival import orders
from poolwise.replay.hindsight import PER_CELL, references
from poolwise.replay.loop import run_many
from poolwise.replay.replay_posterior import LIMIT, ReplayPosterior
from poolwise.replay.settings import Settings
from poolwise.table import Table, available, utility

LEAST, OTHERS = 30, 10
"""Outcomes that a project must have to be a history, and those of other arms than the baseline among them."""
LITTLE = 1e-3
"""Added to every regret, in standard deviations of utility, so that ratios stay finite."""


class History(NamedTuple):
    """One past."""

    name: str
    group: str
    """Project, table or domain: histories of a group are judged by what others teach."""
    known: MetaFeatures
    play: Callable[[Policy, Sequence[int]], np.ndarray]
    """(seeds,) mean regret per decision of a policy, in standard deviations of utility; the same seed, the same luck.
    It can be sent."""


class Played(NamedTuple):
    """How a history is lived through again."""

    horizon_known: bool = False
    """The policy is told how many decisions there are."""
    compiled: bool = True
    """By loops that take seconds to compile; otherwise step by step in NumPy, which some runs alone are sooner over
    with."""


AS_SERVED = Played()


def of_table(table: Table, group: str | None = None, how: Played = AS_SERVED) -> History:
    """A table of real outcomes, its units in random order."""
    return History(table.name, group or table.name, characteristics(table), partial(regret, table, how=how))


def regret(table: Table, policy: Policy, seeds: Sequence[int], how: Played = AS_SERVED) -> np.ndarray:
    """(seeds,) against the best fixed arm of every project and context, as `History.play`."""
    gain = utility(table)
    best = gain[np.arange(len(gain)), references(table)[PER_CELL]]
    settings = Settings(horizon=float(len(gain)) if how.horizon_known else None)
    chosen = policy if how.compiled else policy._replace(spec=CUSTOM)
    made = run_many(table, orders(table, "shuffled", seeds), chosen, seeds, settings)
    lost = np.array([(best[one.unit] - gain[one.unit, one.arm]).mean() for one in made])
    return np.maximum(lost / float(np.nanstd(gain)), 0.0) + LITTLE


def characteristics(table: Table) -> MetaFeatures:
    """Of a whole table, all arms of all units taken to be known."""
    unit, arm = np.nonzero(available(table))
    value = utility(table)[unit, arm]
    believer = believed(table.project[unit], table.context[unit], arm, value, table.family, table.baseline)
    scales = believer.posterior.hyperparameters.gaussian.scales
    frequency, projects = np.bincount(table.context), len(np.unique(table.project))
    worth = np.ones(len(frequency))
    if table.cost is not None:
        worth = np.bincount(table.context, table.cost[:, table.baseline]) / np.maximum(frequency, 1)
    met, every = frequency > 0, float(len(table.units))
    return meta_features.of(scales, len(table.arms), frequency[met], worth[met], every / projects, every)


def believed(
    project: np.ndarray, context: np.ndarray, arm: np.ndarray, value: np.ndarray, family: np.ndarray, baseline: int
) -> ReplayPosterior:
    """What is believed after all outcomes, with scales estimated from them."""
    made = ReplayPosterior(family, baseline, int(project.max()) + 1, int(context.max()) + 1, None)
    value = np.clip(value, -LIMIT, LIMIT)
    made.posterior.update_many(project, context, arm, value, np.ones(len(value), bool))
    made.posterior.reestimate()
    return made


def of_log(
    frame: pd.DataFrame,
    baseline: str,
    seed: int,
    told: Callable[[str], None] = lambda text: None,
    how: Played = AS_SERVED,
) -> list[History]:
    """Every project of a log with enough outcomes, as a table of all arms. Columns: project, context, arm, family,
    probability (of the arm that was chosen) and utility. told: of the projects that are left out, and why. No name of
    the log's is kept."""
    tables = completed(frame, baseline, seed)
    found = []
    for number, (project, rows) in enumerate(frame.groupby("project", sort=False), start=1):
        chance, others = rows["probability"], int((rows["arm"] != baseline).sum())
        if not ((chance > 0) & (chance <= 1)).all():
            told(f"{project} is left out: decisions without a propensity; log the probability of each chosen arm")
        elif len(rows) < LEAST or others < OTHERS:
            why = f"{len(rows)} outcomes, {others} of other arms than the baseline; {LEAST} and {OTHERS} are needed"
            told(f"{project} is left out: {why}")
        else:
            found.append(of_table(tables[number - 1]._replace(name=f"project {number}"), how=how))
    return found


def completed(frame: pd.DataFrame, baseline: str, seed: int) -> list[Table]:
    """A table per project of a log, in its order, with a utility for every arm of every decision.

    theta[p, c, a] ~ Normal(mean, scale) of what is believed at the end, 0 of the baseline; utility = theta plus
    noise[c, a] times a residual (utility - mean) / noise, drawn with replacement from all outcomes of other arms.
    """
    rng = np.random.default_rng((seed, 41))
    project, context = (pd.factorize(frame[key])[0] for key in ("project", "context"))
    arms = sorted({*frame["arm"], baseline})
    arm, home = pd.Index(arms).get_indexer(frame["arm"]), arms.index(baseline)
    families = dict(zip(frame["arm"], frame["family"], strict=True))
    family = pd.factorize(np.array([families.get(name, name) for name in arms], dtype=object))[0]
    value = np.clip(frame["utility"].to_numpy(float), -LIMIT, LIMIT)
    mean, scale, noise = _cells(believed(project, context, arm, value, family, home), project, context, len(arms))
    place = project, context, arm
    residual = ((value - mean[place]) / noise[place])[arm != home]
    residual = residual - residual.mean() if len(residual) else np.zeros(1)
    theta = mean + scale * rng.standard_normal(mean.shape)
    found = []
    for p in range(project.max() + 1):
        own = context[project == p]
        outcome = theta[p, own] + noise[p, own] * rng.choice(residual, (len(own), len(arms)))
        outcome[:, home] = 0.0
        found.append(alone(outcome, own, family, home))
    return found


def _cells(
    believer: ReplayPosterior, project: np.ndarray, context: np.ndarray, arms: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, scale and noise, [project, context, arm], of the cells that the log met; 0, 0 and 1 elsewhere."""
    shape = int(project.max()) + 1, int(context.max()) + 1, arms
    mean, scale, noise = np.zeros(shape), np.zeros(shape), np.ones(shape)
    for p, c in np.unique(np.stack([project, context]), axis=1).T.tolist():
        seen = believer.posterior.predict_given_success(p, c)
        mean[p, c], scale[p, c] = seen.mean, seen.scale
        noise[p, c] = believer.posterior.predict(p, c).noise
    mean[..., believer.baseline] = scale[..., believer.baseline] = 0.0
    return mean, scale, noise


def alone(outcome: np.ndarray, context: np.ndarray, family: np.ndarray, baseline: int) -> Table:
    """The table of one project. outcome: (units, arms) utilities; context: (units,); family: (arms,)."""
    code, family = (np.unique(part, return_inverse=True)[1] for part in (context, family))
    units, arms = outcome.shape
    number = lambda kind, count: tuple(f"{kind} {k}" for k in range(count))
    return Table(
        "project", "utility", number("job", units), ("project",), number("context", code.max() + 1),
        number("family", family.max() + 1), number("arm", arms), ({},) * arms, np.zeros(units, int), code,
        np.ones(units), family, outcome, np.zeros((units, arms), np.int8), baseline,
    )  # fmt: skip
