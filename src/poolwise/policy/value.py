"""What information is worth."""

import numpy as np

from poolwise.policy.base import Array, View, namespace
from poolwise.policy.special import expected_gain


def expected_regret(view: View) -> Array:
    """(..., 1): what the favourite is expected to lose to its strongest rival, max_a E[max(0, theta_a - theta_fav)].

    A lower bound of the expected regret of the favourite, exact for two arms.
    """
    xp = namespace(view.mean)
    mean = xp.where(view.allowed, view.mean, -np.inf)
    favourite = xp.arange(mean.shape[-1]) == mean.argmax(axis=-1)[..., None]
    top = xp.where(favourite, view.mean, 0.0).sum(axis=-1, keepdims=True)
    spread = xp.where(favourite, view.scale, 0.0).sum(axis=-1, keepdims=True)
    gain = expected_gain(view.mean - top, xp.sqrt(view.scale**2 + spread**2))
    return xp.where(view.allowed & ~favourite, gain, 0.0).max(axis=-1, keepdims=True)
