"""Which setting would have let a log answer: said with every veto that more exploring would have prevented."""

import math

import numpy as np

from poolwise.ope.logged import Log
from poolwise.ope.moments import effective, judged

STEPS = 16
"""Halvings, on a logarithmic scale, between which the least minimum is found."""
LOWEST = 1e-9


def sentence(logged: Log, least: float) -> str:
    """In one line, for whoever sets up the next log."""
    found = minimum(logged, least)
    if found is not None and found <= LOWEST:
        return "this log says less than is to be expected of one like it: log more decisions"
    if found is not None:
        less = "" if logged.behaviour is not None else " or less"
        return f"a floor would have let this log answer: floored(..) with minimum = {found:.2g}{less}"
    wanted = math.ceil(least * len(logged.action) / effective(judged(logged), even(logged)))
    return f"no floor would have let so few decisions answer: log {wanted:,} with uniform, or more with any other"


def minimum(logged: Log, least: float) -> float | None:
    """The least probability of every arm, rounded up to two digits, with which the effective sample size of this log
    would have been `least`; None where that of arms chosen evenly is less."""
    needed, logging = judged(logged), known_part(logged)
    arms = needed.shape[1]
    enough = lambda share: effective(needed, share + (1.0 - arms * share) * logging) >= least
    if not enough(1.0 / arms):
        return None
    if enough(LOWEST):
        return LOWEST
    low, high = math.log(LOWEST), math.log(1.0 / arms)
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if enough(math.exp(middle)) else (middle, high)
    unit = 10.0 ** (math.floor(high / math.log(10.0)) - 1)
    return min(math.ceil(math.exp(high) / unit - 1e-9) * unit, 1.0 / arms)


def known_part(logged: Log) -> np.ndarray:
    """(n, arms) of the logging policy; where only that of the arm chosen is known, 0 for the others, the worst case."""
    if logged.behaviour is not None:
        return logged.behaviour
    return np.where(np.arange(logged.evaluation.shape[1]) == logged.action[:, None], logged.propensity[:, None], 0.0)


def even(logged: Log) -> np.ndarray:
    return np.full_like(logged.evaluation, 1.0 / logged.evaluation.shape[1])
