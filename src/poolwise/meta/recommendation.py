"""Which setting of a policy to explore with in a new project, from how settings did in histories like it.

    w_h = exp(-d_h^2 / 2) / m_h,   precision of setting k in history h:  w_h / (error_hk^2 + tau_k^2)

with d_h the distance of the characteristics that are known, each in units of WIDTH times its spread over histories, m_h
the number of histories in its group (variants of one table are one piece of evidence), and tau_k the standard deviation
of a setting's log ratio between such histories beyond its errors. Luck that projects lived through together share is
added. The setting with the least upper bound of the mean
log ratio is chosen; the default, for which it is 0, is always among them. Source: collaborative filtering by neighbours
(Resnick et al., 1994); random effects (DerSimonian and Laird, 1986).
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from poolwise.meta.meta_features import MetaFeatures

WIDTH = 1.0
"""Of likeness, in spreads of a characteristic."""
BOUND = 1.28
"""Standard errors above the mean."""
LEAST_SPREAD = 0.5
"""Of a characteristic over the histories."""
ROOM = 0.5
"""Beyond either end of the histories that a characteristic may lie."""
STATED = ("arms", "contexts", "concentration", "noise", "deviation", "skew")
"""What a project comes to show; not how long it goes on."""


class Recommendation(NamedTuple):
    """For H histories and S settings."""

    setting: int
    log_ratio: np.ndarray
    """(S,) expected."""
    error: np.ndarray
    """(S,) its standard error."""
    weight: np.ndarray
    """(H,) of the histories, 1: exactly like this one, and alone in its group."""


class Found(NamedTuple):
    """Of H histories."""

    groups: np.ndarray
    """(H,)."""
    rows: np.ndarray
    """(H, characteristics)."""
    log_ratio: np.ndarray
    """(H, S), as `error`."""
    error: np.ndarray
    luck: np.ndarray
    """(S,) error of the mean that no number of histories makes smaller."""


def recommend(known: MetaFeatures, found: Found) -> Recommendation:
    """known: characteristics, NaN where one is not known yet."""
    groups, rows, log_ratio, error, luck = found
    _, place, size = np.unique(groups, return_inverse=True, return_counts=True)
    weight = similarity(np.array(known), rows) / size[place]
    share = (weight / weight.sum())[:, None]
    freedom = max(1.0 - float((share**2).sum()), 0.1)
    between = (share * (log_ratio - (share * log_ratio).sum(axis=0)) ** 2).sum(axis=0) / freedom
    between = np.maximum(between - (share * error**2).sum(axis=0), 0.0)
    precision = weight[:, None] / np.maximum(error**2 + between, 1e-12)
    total = np.maximum(precision.sum(axis=0), 1e-12)
    mean, deviation = (precision * log_ratio).sum(axis=0) / total, np.hypot(total**-0.5, luck)
    mean[0] = deviation[0] = 0.0
    return Recommendation(int((mean + BOUND * deviation).argmin()), mean, deviation, weight)


def similarity(known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(H,) in (0, 1]; 1 everywhere where nothing is known."""
    there = np.isfinite(known)
    if not there.any():
        return np.ones(len(rows))
    spread = np.maximum(rows.std(axis=0), LEAST_SPREAD)
    apart = ((known - rows) / (WIDTH * spread))[:, there]
    return np.exp(-0.5 * (apart**2).sum(axis=1))


def outside(known: MetaFeatures, rows: np.ndarray) -> list[str]:
    """Sentences about characteristics that no history is like."""
    found = []
    for name, value, least, most in zip(known._fields, known, rows.min(axis=0), rows.max(axis=0), strict=True):
        if value < least - ROOM or value > most + ROOM:
            shown = np.exp([value, least, most]) if name not in ("concentration", "skew") else (value, least, most)
            found.append(f"{name} is {shown[0]:.3g}, learned from {shown[1]:.3g} to {shown[2]:.3g}")
    return found


def left_out(found: Found, stated: Collection[str] = STATED) -> tuple[np.ndarray, np.ndarray]:
    """(H,) setting that the histories of all other groups recommend where the `stated` characteristics are known, and
    its log ratio; 0, the default, where fewer than two other histories are left."""
    unknown = np.array([name not in stated for name in MetaFeatures._fields])
    chosen = np.zeros(len(found.rows), int)
    for h, row in enumerate(np.where(unknown, np.nan, found.rows)):
        others = found.groups != found.groups[h]
        left = Found(found.groups[others], found.rows[others], found.log_ratio[others], found.error[others], found.luck)
        known = MetaFeatures(*row)
        if len(left.rows) > 1 and not outside(known, left.rows):
            chosen[h] = recommend(known, left).setting
    return chosen, found.log_ratio[np.arange(len(found.rows)), chosen]
