"""Hyperparameters of the crossed-effects model: one scale per block of effects, and the noise.

Every arm has an effect vector v[a] of q = 1 + C + P coordinates (level, contexts, projects). It is drawn around the
vector of its family, which is drawn around the global one:

    v[a] ~ N(z[f(a)], diag),  z[f] ~ N(z0, diag),  z0 ~ N((mean, 0 .. 0), diag)

with one standard deviation per tier (arm, family, globe) and block (level, context, project).
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array


class Tier(NamedTuple):
    """Standard deviations of one tier's effects around the tier above, in units of the utility."""

    level: Array
    context: Array
    project: Array


class Hyper(NamedTuple):
    """`noise`: (arms,) standard deviation of one outcome; `cell`: of a cell around the sum of its effects."""

    arm: Tier
    family: Tier
    globe: Tier
    cell: Array
    noise: Array
    mean: Array = 0.0


class Prior(NamedTuple):
    """Weak log-normal hyperpriors: medians, and the width of the logarithm of every scale."""

    median: Hyper = Hyper(Tier(0.25, 0.35, 0.15), Tier(0.3, 0.25, 0.15), Tier(0.5, 0.2, 0.1), 0.1, 0.25)
    width: float = 0.7
    noise_width: float = 1.5
    """Of the noise that all families share; that of each family around it is `width`."""


PRIOR = Prior()


def to_dict(hyper: Hyper) -> dict[str, Any]:
    """JSON numbers and lists; `from_dict` is its inverse, bit for bit."""
    tiers = {name: [float(value) for value in getattr(hyper, name)] for name in ("arm", "family", "globe")}
    return {**tiers, "cell": float(hyper.cell), "mean": float(hyper.mean), "noise": np.asarray(hyper.noise).tolist()}


def from_dict(body: dict[str, Any]) -> Hyper:
    tiers = {name: Tier(*body[name]) for name in ("arm", "family", "globe")}
    return Hyper(**tiers, cell=body["cell"], mean=body["mean"], noise=np.array(body["noise"]))
