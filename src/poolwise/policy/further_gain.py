"""When to stop looking: what the trials that remain are still expected to add to the best configuration known."""

import math

import numpy as np

from poolwise.policy.optimality import expected_best
from poolwise.policy.rules.knowledge_gradient import excess_of, knowledge
from poolwise.policy.view import View


def expected_further_gain(view: View) -> float:
    """Log units by which the best arm is expected to be better once R more trials were made, for one view in NumPy:

        min(sum of the R largest E[max(0, change_a - gap_a)],  E[max_a theta_a] - max_a mean_a)

    of the allowed arms; changes as in `knowledge` of a single trial. Both are too large where arms are alike, so that a
    search that stops below a threshold stops late rather than early.
    """
    trials = max(math.floor(view.context.remaining), 1)
    once = np.ones_like(view.mean[..., :1])
    share = 1.0 if view.contrast is None else view.contrast
    gains = knowledge(view.mean, view.scale, view.noise, once, view.allowed, share, excess=excess_of(view))
    most = float(expected_best(view.mean, view.scale, view.allowed)[0] - view.mean[view.allowed].max())
    return max(min(float(np.sort(gains * view.allowed)[-trials:].sum()), most), 0.0)
