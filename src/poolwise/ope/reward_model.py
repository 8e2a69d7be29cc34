"""The hierarchical belief as the outcome model of the estimators that need one, cross-fitted."""

from typing import Any

import numpy as np

from poolwise.errors import DataError
from poolwise.inputs import whole
from poolwise.posterior.arguments import rows, sizes
from poolwise.posterior.crossed import batch


def cross_fitted(
    project: Any, context: Any, action: Any, reward: Any, arms: int, folds: int = 3, seed: int = 0
) -> np.ndarray:
    """(n, arms) predicted reward of every arm for every decision, by a belief that did not see the decision.

    `project`, `context` and `action` are (n,) integer codes. The decisions are dealt into `folds` at random; the
    belief is fitted to all folds but one and read off in that one (Chernozhukov et al. 2018). With folds=1 every
    decision is predicted from all. Raises InputError for codes that are none and lengths that differ, DataError where
    there are fewer decisions than folds.
    """
    codes = (("project", project), ("context", context), ("action", action))
    (project, context, action), reward, _ = rows(codes, reward, 1.0)
    arms, folds, seed = (
        whole("arms", arms, 1, 2**27),
        whole("folds", folds, 1, 2**31),
        whole("seed", seed, 0, 2**63 - 1),
    )
    if not len(reward):
        raise DataError("there are no decisions to learn from: give one at least")
    if folds > len(reward):
        raise DataError(f"{folds} folds for {len(reward)} decisions; give between 1 and the number of decisions")
    shape = sizes([int(project.max()) + 1, int(context.max()) + 1, arms], (project, context, action))
    fold = np.random.default_rng(seed).permutation(len(reward)) % folds
    one_family = np.zeros(arms, int)  # one noise for all arms: an arm whose rewards are all equal has none of its own
    q_hat = np.empty((len(reward), arms))
    for number in range(folds):
        held = fold == number
        used = ~held if folds > 1 else held
        stats = batch.SufficientStatistics.of(project[used], context[used], action[used], reward[used], shape=shape)
        belief = batch.marginals(batch.fit(stats, one_family), stats)
        q_hat[held] = belief.mean[project[held], context[held]]
    return q_hat
