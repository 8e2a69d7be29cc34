"""The constants of a policy as a function of what a system is like: a linear model inside the range of each constant.

    constant_j = low_j (high_j / low_j)^sigmoid(b_j + w_j . z),   z = (characteristics - centre) / spread

b is such that w = 0 gives the constants to start from. A few numbers per constant: what trains on simulated systems and
serves on real ones should bend little between them.
"""

from typing import NamedTuple

import numpy as np

from poolwise.errors import ConfigError
from poolwise.meta.meta_features import MetaFeatures

RANGES = {
    "temperature": (0.02, 2.0),
    "own": (0.003, 10.0),
    "shared": (0.0005, 3.0),
    "epsilon": (0.003, 0.95),
    "boost": (0.003, 0.95),
    "curiosity": (0.003, 5.0),
    "scarcity": (0.01, 3.0),
    "variance": (0.01, 3.0),
    "frequency": (0.01, 3.0),
    "recency": (0.01, 3.0),
    "coverage": (0.003, 3.0),
    "delta": (0.005, 0.9),
    "gate_delta": (0.005, 0.9),
    "spend": (0.003, 0.5),
    "budget": (0.01, 0.95),
    "width": (0.01, 5.0),
}
"""Of the constants that are learned; all others stay as they are."""


class Model(NamedTuple):
    """`names`: constants; arrays (constants,) and (constants, characteristics)."""

    names: tuple[str, ...]
    bias: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    spread: np.ndarray


def start(params: dict[str, float], known: np.ndarray) -> Model:
    """The model that gives `params` everywhere. known: (systems, characteristics) it will be trained on. Constants at 0
    are switched off and stay so.

    Raises ConfigError where the policy has no constant that can be learned.
    """
    names = tuple(name for name, value in params.items() if name in RANGES and value > 0)
    if not names:
        raise ConfigError(f"nothing to learn: none of {', '.join(params) or 'no constants'} is in {', '.join(RANGES)}")
    low, high = _ends(names)
    value = np.clip([params[name] for name in names], low * 1.01, high * 0.99)
    part = np.log(value / low) / np.log(high / low)
    spread = np.maximum(known.std(axis=0), 0.1)
    return Model(names, np.log(part / (1 - part)), np.zeros((len(names), known.shape[1])), known.mean(axis=0), spread)


def constants(model: Model, known: np.ndarray) -> np.ndarray:
    """(systems, constants) from (systems, characteristics)."""
    low, high = _ends(model.names)
    return low * (high / low) ** _part(model, known)


def pull_back(model: Model, known: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean gradient by bias and weights. slope: (systems, constants) by the logarithm of every system's constants."""
    low, high = _ends(model.names)
    part = _part(model, known)
    own = slope * np.log(high / low) * part * (1 - part) / len(slope)
    return own.sum(axis=0), own.T @ ((known - model.centre) / model.spread)


def outside(known: MetaFeatures, low: np.ndarray, high: np.ndarray) -> list[str]:
    """Sentences about characteristics out of the trained range, which is widened by half its factor at either end."""
    room, found = 0.5, []
    for name, value, least, most in zip(known._fields, known, low, high, strict=True):
        if not least - room <= value <= most + room:
            shown = (np.exp([value, least, most])) if name not in ("concentration", "skew") else (value, least, most)
            found.append(f"{name} is {shown[0]:.3g}, trained on {shown[1]:.3g} to {shown[2]:.3g}")
    return found


def _part(model: Model, known: np.ndarray) -> np.ndarray:
    standard = (known - model.centre) / model.spread
    return 1 / (1 + np.exp(-(model.bias + standard @ model.weights.T)))


def _ends(names: tuple[str, ...]) -> np.ndarray:
    return np.array([RANGES[name] for name in names]).T
