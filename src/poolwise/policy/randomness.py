"""The one place where chance enters a decision: a uniform number that is a function of (seed, decision id).

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) as a counter-based generator: no state, so any decision can be drawn
again alone, on any machine, one by one or a million at once.
"""

import numpy as np

_MASK = 0xFFFFFFFFFFFFFFFF
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def uniform(seed: int, decision: int) -> float:
    """A number in [0, 1) with 53 random bits.

    >>> uniform(0, 1) == uniforms(0, np.array([1])).item()
    True
    """
    x = (seed * _FIRST + decision * _STEP) & _MASK
    x = ((x ^ (x >> 30)) * _FIRST) & _MASK
    x = ((x ^ (x >> 27)) * _SECOND) & _MASK
    return ((x ^ (x >> 31)) >> 11) * 2.0**-53


def uniforms(seed: int, decisions: np.ndarray) -> np.ndarray:
    """`uniform` of many decision ids at once: (n,) int -> (n,) float64."""
    x = decisions.astype(np.uint64) * np.uint64(_STEP) + np.uint64((seed * _FIRST) & _MASK)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
