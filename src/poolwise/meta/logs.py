"""Logs as histories: projects that can be lived through again one after another, as they came, or one alone.

A log tells of the chosen arm alone; what the others would have done is drawn from what is believed at its end, with
the log's own standardised residuals as noise, so that tails are those of the real outcomes. What trials in one project
are worth to those after it shows only where these are played with it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from poolwise.meta import meta_features
from poolwise.meta.histories import LITTLE, History, Played, believed, lived
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy.view import Policy
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters
from poolwise.replay.replay_posterior import LIMIT
from poolwise.table import Table

LEAST, OTHERS = 30, 10
"""Outcomes that a project must have to be lived through again, and those of other arms than the baseline among them."""


class Log(NamedTuple):
    """n decisions in the order in which they were made, and what is believed at their end; it can be sent."""

    names: tuple[str, ...]
    """Of its projects."""
    project: np.ndarray
    """(n,), as `context`."""
    context: np.ndarray
    family: np.ndarray
    """(arms,)."""
    baseline: int
    mean: np.ndarray
    """[project, context, arm] of utility, as `scale`; 0 of the baseline and of cells that were not met."""
    scale: np.ndarray
    noise: np.ndarray
    residual: np.ndarray
    """(outcomes of other arms than the baseline,) in units of noise."""
    scales: GaussianHyperparameters


def read(frame: pd.DataFrame, baseline: str) -> Log:
    """Columns: project, context, arm, family and utility."""
    (project, names), (context, _) = (pd.factorize(frame[key]) for key in ("project", "context"))
    arms = sorted({*frame["arm"], baseline})
    arm, home = pd.Index(arms).get_indexer(frame["arm"]), arms.index(baseline)
    families = dict(zip(frame["arm"], frame["family"], strict=True))
    family = pd.factorize(np.array([families.get(name, name) for name in arms], dtype=object))[0]
    value = np.clip(frame["utility"].to_numpy(float), -LIMIT, LIMIT)
    posterior = believed(project, context, arm, value, family, home).posterior
    shape = len(names), int(context.max()) + 1, len(arms)
    mean, scale, noise = np.zeros(shape), np.zeros(shape), np.ones(shape)
    for p, c in np.unique(np.stack([project, context]), axis=1).T.tolist():
        seen = posterior.predict_given_success(p, c)
        mean[p, c], scale[p, c], noise[p, c] = seen.mean, seen.scale, posterior.predict(p, c).noise
    mean[..., home] = scale[..., home] = 0.0
    place = project, context, arm
    residual = ((value - mean[place]) / noise[place])[arm != home]
    residual = residual - residual.mean() if len(residual) else np.zeros(1)
    scales = posterior.hyperparameters.gaussian.scales
    return Log(tuple(names), project, context, family, home, mean, scale, noise, residual, scales)


def lasting(frame: pd.DataFrame, baseline: str, told: Callable[[str], None] = lambda text: None) -> list[str]:
    """Projects with enough outcomes, in their order; column `probability`: of the arm that was chosen. told: of those
    that are left out, and why."""
    found = []
    for project, rows in frame.groupby("project", sort=False):
        chance, others = rows["probability"], int((rows["arm"] != baseline).sum())
        if not ((chance > 0) & (chance <= 1)).all():
            told(f"{project} is left out: decisions without a propensity; log the probability of each chosen arm")
        elif len(rows) < LEAST or others < OTHERS:
            why = f"{len(rows)} outcomes, {others} of other arms than the baseline; {LEAST} and {OTHERS} are needed"
            told(f"{project} is left out: {why}")
        else:
            found.append(str(project))
    return found


def of_projects(log: Log, names: Sequence[str]) -> Log:
    """The decisions of these projects alone, in their order."""
    chosen = [k for k, name in enumerate(log.names) if name in names]
    rows, code = np.isin(log.project, chosen), np.zeros(len(log.names), int)
    code[chosen] = np.arange(len(chosen))
    cells = {name: getattr(log, name)[chosen] for name in ("mean", "scale", "noise")}
    kept = tuple(log.names[k] for k in chosen)
    return log._replace(names=kept, project=code[log.project[rows]], context=log.context[rows], **cells)


def together(log: Log, how: Played) -> History:
    """All projects, as they came: a history that tells them apart."""
    return History("the projects of a log", "a log", like(log), partial(regret, log, how), log.names)


def like(log: Log) -> MetaFeatures:
    """What a project of it is like, on average."""
    frequency, every = np.bincount(log.context), float(len(log.project))
    frequency = frequency[frequency > 0]
    length = every / len(log.names)
    return meta_features.of(log.scales, len(log.family), frequency, np.ones(len(frequency)), length, every)


def regret(log: Log, how: Played, policy: Policy, seeds: Sequence[int]) -> np.ndarray:
    """(seeds, projects) expected, per decision, as `History.play`; each seed has outcomes of its own."""
    return np.stack([_lost(log, how, policy, seed) for seed in seeds])


def _lost(log: Log, how: Played, policy: Policy, seed: int) -> np.ndarray:
    table, expected = completed(log, seed)
    (made,) = lived(table, np.arange(len(log.project))[None], policy, [seed], how)
    lost = expected.max(axis=1) - np.take_along_axis(expected, made.arm[:, None], axis=1)[:, 0]
    unit = float(np.std(table.reward)) or 1.0
    return np.bincount(log.project, lost) / np.bincount(log.project) / unit + LITTLE


def completed(log: Log, seed: int) -> tuple[Table, np.ndarray]:
    """A table with a utility for every arm of every decision, and what is expected of each, (n, arms).

    theta[p, c, a] ~ Normal(mean, scale), 0 of the baseline; utility = theta plus noise[p, c, a] times a residual, drawn
    with replacement from all.
    """
    rng = np.random.default_rng((seed, 41))
    place, home = (log.project, log.context), log.baseline
    expected = (log.mean + log.scale * rng.standard_normal(log.mean.shape))[place]
    outcome = expected + log.noise[place] * rng.choice(log.residual, expected.shape)
    outcome[:, home] = 0.0
    code, family = (np.unique(part, return_inverse=True)[1] for part in (log.context, log.family))
    units, arms = outcome.shape
    number = lambda kind, count: tuple(f"{kind} {k}" for k in range(count))
    made = Table(
        "project", "utility", number("job", units), number("project", len(log.names)),
        number("context", code.max() + 1), number("family", family.max() + 1), number("arm", arms), ({},) * arms,
        log.project, code, np.ones(units), family, outcome, np.zeros((units, arms), np.int8), home,
    )  # fmt: skip
    return made, expected
