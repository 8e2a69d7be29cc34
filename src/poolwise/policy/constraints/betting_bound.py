"""A lower bound of a sum of unknown means that holds at every time at once, by betting.

Outcomes X_i >= 0 with means m_i, which may depend on everything before. A gambler who stakes the share l on outcome i
beating a forecast x_i (both fixed beforehand, l x_i < 1) and pays exp(l (m_i - x_i)) for it has the fortune

    K_n(l) = prod_i (1 + l (X_i - x_i)) exp(-l (m_i - x_i)),

on average never more than the 1 it began with, since 1 + l (m - x) <= exp(l (m - x)); so the mean fortune over several
stakes exceeds 1 / delta at any time with probability at most delta. The bound is the sum of means at which it would,

    mean_l exp(A_n(l) - l least) = 1 / delta,    A_n(l) = sum_i log(1 + l (X_i - x_i)) + l x_i,

or an earlier bound, if that was higher: later means are >= 0. Nothing is assumed of what is above 0: one absurd outcome
adds a logarithm. Source: Ville (1939); Fan, Grama and Liu (2015); Waudby-Smith and Ramdas, Estimating means of bounded
random variables by betting (2024).
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.policy.view import Array, namespace

STAKES, WEIGHTS = np.array([0.1, 0.3, 0.9]), np.array([0.05, 0.15, 0.8])
"""In units of 1 / (usual outcome), and how the fortune is divided: bold play proves most from few outcomes, caution
from many."""
RUIN = 0.95
"""Most that a stake can lose: its forecast is cut to that."""
STEPS = 4
"""Of Newton's method, from below: each gives a valid bound."""


class ConfidenceSequence(NamedTuple):
    """What the outcomes so far prove; scalars, or arrays of equal shape for many accounts at once."""

    number: Array
    total: Array
    log_wealth: Array
    """(..., stakes): A_n of every stake."""
    least: Array
    """Lower bound of the sum of the means."""


def start(xp: Any, shape: tuple[int, ...] = ()) -> ConfidenceSequence:
    """Nothing seen yet; `xp` is numpy or jax.numpy."""
    return ConfidenceSequence(xp.zeros(shape), xp.zeros(shape), xp.zeros((*shape, len(STAKES))), xp.zeros(shape))


def update(account: ConfidenceSequence, value: Array, counts: Array, usual: float, delta: float) -> ConfidenceSequence:
    """The account after an outcome `value` >= 0, where `counts` is 1; unchanged where it is 0.

    `usual` > 0 is the size of an outcome for which stakes are made. The forecast is the mean so far: forecasts from
    each arm's own mean were tried, and proved no more.
    """
    xp = namespace(value)
    forecast, counts = (account.total + usual) / (account.number + 1.0), xp.asarray(counts)
    stakes = xp.asarray(STAKES / usual)
    guess = xp.clip(forecast[..., None], 0.0, RUIN / stakes)
    gained = xp.log1p(stakes * (value[..., None] - guess)) + stakes * guess
    log_wealth = account.log_wealth + counts[..., None] * gained
    least = xp.maximum(account.least, xp.where(counts > 0, bound(log_wealth, stakes, delta), 0.0))
    return ConfidenceSequence(account.number + counts, account.total + counts * value, log_wealth, least)


def bound(log_wealth: Array, stakes: Array, delta: float) -> Array:
    """Sum of means at which the mean fortune would be 1 / delta; evidence (..., stakes)."""
    xp = namespace(log_wealth)
    needed = -xp.log(delta * WEIGHTS)
    least = ((log_wealth - needed) / stakes).max(axis=-1)
    for _ in range(STEPS):
        fortune = xp.exp(xp.minimum(log_wealth - needed - stakes * least[..., None], 0.0))
        whole = fortune.sum(axis=-1)
        least = least + xp.log(whole) * whole / (fortune * stakes).sum(axis=-1)
    return least
