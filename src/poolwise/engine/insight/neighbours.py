"""From which configurations a belief was borrowed: those like it that had been tried, from what was logged."""

from typing import Any

import numpy as np

from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.objective import Objective, speed_up
from poolwise.posterior.gp.coregionalisation import arm_correlation, from_dict, model_at
from poolwise.posterior.gp.gp_marginal_likelihood import initial_components
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.schema import LoggedView
from poolwise.store.base import Store

ALIKE = 0.5
"""Least correlation of what is smooth about two arms that counts as being neighbours."""
SHOWN = 3


def neighbours(
    store: Store, belief: ServingPosterior, logged: LoggedView, k: int, objective: Objective
) -> dict[str, Any] | None:
    """Of the k-th arm of a view: how many tried neighbours it had here, their outcomes, the average of what was
    believed of them, by likeness, and the nearest; None where arms stand alone. Likeness is that of the snapshot which
    served then."""
    ground, known = belief.frame.ground, belief.name_index.arm.get(logged.arms[k])
    if ground is None or known is None or ground.patch[known] < 0:
        return None
    served = [one for one in store.snapshots() if one.id == logged.snapshot]
    scales, start = initial_components(HYPERPRIOR, ground.family, ground)
    smooth = from_dict(belief.aligned(served[0]).get("smooth") if served else None, start) or start
    offered = [belief.name_index.arm.get(name) for name in logged.arms]
    every = arm_correlation(model_at(scales, smooth, ground), np.array([known]))[0]
    likeness = np.array([0.0 if place is None else every[place] for place in offered])
    likeness[k] = 0.0
    count, mean = logged.arrays["count"], logged.arrays["mean"]
    near = np.flatnonzero((likeness >= ALIKE) & (count > 0))
    if not len(near):
        return {"arms": 0, "outcomes": 0.0, "mean": 0.0, "speed_up": 1.0, "nearest": []}
    average = float(np.average(mean[near], weights=likeness[near]))
    first = near[np.argsort(-likeness[near], kind="stable")][:SHOWN].tolist()
    return {
        "arms": len(near),
        "outcomes": round(float(count[near].sum()), 1),
        "mean": average,
        "speed_up": float(speed_up(average, objective)),
        "nearest": [
            {
                "arm": logged.arms[a],
                "likeness": float(likeness[a]),
                "outcomes": round(float(count[a]), 1),
                "mean": float(mean[a]),
                "speed_up": float(speed_up(mean[a], objective)),
            }
            for a in first
        ],
    }
