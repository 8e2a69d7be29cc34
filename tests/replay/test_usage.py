"""Uses as arrays are those of `policy.constraints.usage`."""

import numpy as np
import pytest

from poolwise.policy.constraints.usage import UsageCounts
from poolwise.replay import usage


@pytest.mark.parametrize("horizon", [None, 40.0])
def test_as_an_engine_counts(horizon: float | None) -> None:
    counts, expected = usage.empty(3, 2), UsageCounts(horizon)
    for p, c in np.random.default_rng(0).integers([3, 2], size=(60, 2)).tolist():
        np.testing.assert_allclose(usage.scalars(counts, p, c, horizon), expected.context(p, c))
        counts = usage.decided(counts, p, c)
        expected.decided(p, c)
        if c == 0:
            counts = usage.observed(counts, p, c, 1.0)
            expected.observed(p, c, float("nan"))
