"""Calibration as a contract: a short version of `benchmarks/calibration/coverage.py`."""

import numpy as np
import pytest

from benchmarks.calibration.coverage import coverage


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "regime", "sets", "margin"),
    [
        ((3, 5), "plain", 150, 2.0),
        ((20, 10), "plain", 12, 2.0),
        ((200, 20), "plain", 3, 2.0),
        ((1_000, 100), "plain", 3, 2.0),
        ((20, 10), "failures", 8, 3.0),
        ((20, 10), "censored", 8, 3.0),
        ((20, 10), "heavy", 8, 3.0),
        ((20, 10), "drift", 8, 3.0),
        ((20, 10), "drift, learned", 8, 3.0),
    ],
)
def test_nine_of_ten_true_utilities_lie_inside_90_percent_intervals(size, regime, sets, margin):
    """margin: what is promised, in points; three standard errors more for so few data sets, a false alarm in 400."""
    found = coverage(*size, regime, sets, 0.0, first=10_000)
    for kind, value in found["coverage"].items():
        error = found["standard error"][kind]
        assert abs(value - 90) < margin + 3 * error, (kind, found)
        assert np.isfinite(error)
