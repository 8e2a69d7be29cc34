"""Normal noise by OpenDP, where it is installed: its samples do not give a secret away in their last bits.

What it spends is OpenDP's own measure, rho of zero-concentrated differential privacy (Bun and Steinke 2016), and must
be what `privacy` counts: mu^2 / 2.
"""

from importlib.util import find_spec

import numpy as np

from poolwise.errors import PoolwiseError

_CLOSE = 1.001
"""By how much rounding to a grid may cost more."""


def installed() -> bool:
    """Whether OpenDP is there: pip install 'poolwise[privacy]'."""
    return find_spec("opendp") is not None


def gaussian(values: np.ndarray, sensitivity: float, mu: float) -> np.ndarray:
    """The values with noise of standard deviation sensitivity / mu. Raises PoolwiseError where OpenDP counts more than
    mu^2 / 2 for it."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.l2_distance(T=float)
    measurement = dp.m.make_gaussian(*space, scale=sensitivity / mu)
    spent = float(measurement.map(sensitivity))
    if spent > _CLOSE * mu**2 / 2:
        raise PoolwiseError(
            f"OpenDP counts rho {spent:.6g} where {mu**2 / 2:.6g} was to be spent: nothing was released"
        )
    return np.array(measurement(values.ravel().tolist())).reshape(values.shape)
