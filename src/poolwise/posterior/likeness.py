"""How alike arms are by their parameters: what one configuration does tells something of those near it.

    likeness[a, b] = (mean over the parameters that a or b has of: 1 - distance) ^ 2

Numbers stand at the rank of their value among all values of the parameter, scaled to [0, 1], so that units and
logarithms do not matter; other values are equal or not; a parameter that only one of the two has counts 0. In [0, 1],
1 for equal configurations: the covariance of the parts of the arms' effects that are smooth in the parameters. The
square lets pairs of parameters act together (a polynomial kernel).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

POWER = 2


def likeness(params: Sequence[dict[str, Any]]) -> np.ndarray | None:
    """(arms, arms), or None where no parameter tells any two arms apart.

    >>> likeness([{"level": 1}, {"level": 2}, {"level": 9}])
    array([[1.  , 0.25, 0.  ],
           [0.25, 1.  , 0.25],
           [0.  , 0.25, 1.  ]])
    """
    names = list(dict.fromkeys(name for values in params for name in values))
    near, shared = np.zeros((len(params), len(params))), np.zeros((len(params), len(params)))
    for name in names:
        has = np.array([name in values for values in params])
        values = [values.get(name) for values in params]
        if has.all() and all(value == values[0] for value in values):
            continue
        near += _near(values) * (has[:, None] & has)
        shared += has[:, None] | has
    return (near / np.maximum(shared, 1)) ** POWER if shared.any() else None


def _near(values: list[Any]) -> np.ndarray:
    """1 - distance of every pair of values of one parameter."""
    number = np.array([isinstance(value, int | float) and not isinstance(value, bool) for value in values])
    words = np.array([str(value) for value in values])
    place = np.zeros(len(values))
    _, rank = np.unique([float(values[i]) for i in np.flatnonzero(number)], return_inverse=True)
    place[number] = rank / max(rank.max(initial=0), 1)
    both = number[:, None] & number
    return np.where(both, 1 - np.abs(place[:, None] - place), (words[:, None] == words) & ~number[:, None] & ~number)
