"""The levels of all arms as one normal vector per run: arms are related by family, and by likeness of parameters.

    L ~ N(0, K),   K = globe 1 1' + family [same family] + arm (SMOOTH likeness + (1 - SMOOTH) I)

With evidence of precision w and information r about every arm, W = diag(w):

    S = K - K W^1/2 (I + W^1/2 K W^1/2)^-1 W^1/2 K,   mean = S r

One more outcome changes one w and some r: a rank-one update of S, then mean' = mean + S' (dr - dw mean_a e_a).
"""

from typing import NamedTuple

import numpy as np

from poolwise.posterior.block import Kin
from poolwise.posterior.run_scales import Scales

SMOOTH = 0.5
"""Part of an arm's own level that is smooth in its parameters, where arms have any."""


class Level(NamedTuple):
    """Posterior of the levels; `covariance` (runs, arms, arms) is changed in place."""

    mean: np.ndarray
    variance: np.ndarray
    covariance: np.ndarray


def prior(scales: Scales, kin: Kin, likeness: np.ndarray | None) -> np.ndarray:
    """K, (runs, arms, arms)."""
    arms = np.eye(len(kin.index))
    own = arms if likeness is None else SMOOTH * likeness + (1 - SMOOTH) * arms
    made = scales.globe[0][:, None, None] + scales.arm[0][:, None, None] * own
    if kin.member is None:
        return made
    return made + scales.family[0][:, None, None] * (kin.index[:, None] == kin.index)


def solved(
    scales: Scales, kin: Kin, likeness: np.ndarray | None, precision: np.ndarray, information: np.ndarray
) -> Level:
    """From all evidence, (runs, arms). Costs O(runs arms^2 m), m the largest number of arms with evidence in a run."""
    before = prior(scales, kin, likeness)
    most = int((precision > 0).sum(1).max(initial=0))
    if most:
        tried = np.argsort(precision <= 0, axis=1, kind="stable")[:, :most]
        rows = np.arange(len(precision))[:, None]
        root = np.sqrt(np.maximum(precision, 0))[rows, tried]
        reach = root[:, :, None] * before[rows, tried]
        inner = np.eye(most) + np.take_along_axis(reach, tried[:, None], 2) * root[:, None]
        half = np.linalg.inv(np.linalg.cholesky(inner)) @ reach
        before -= np.swapaxes(half, 1, 2) @ half
    mean = (before @ information[..., None])[..., 0]
    return Level(mean, _diagonal(before), before)


def absorbed(level: Level, precision: np.ndarray, information: np.ndarray) -> Level:
    """After changes of the evidence, (runs, arms), of the precision of one arm per run at most."""
    covariance, rows = level.covariance, np.arange(len(precision))
    arm = np.abs(precision).argmax(axis=1)
    more = precision[rows, arm]
    column = covariance[rows, :, arm]
    gain = more / (1 + more * column[rows, arm])
    covariance -= (gain[:, None] * column)[:, :, None] * column[:, None]
    news = information.copy()
    news[rows, arm] -= more * level.mean[rows, arm]
    return Level(level.mean + (covariance @ news[..., None])[..., 0], _diagonal(covariance), covariance)


def _diagonal(covariance: np.ndarray) -> np.ndarray:
    return np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 1e-300)
