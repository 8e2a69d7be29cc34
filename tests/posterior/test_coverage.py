"""Calibration as a contract: a short version of `benchmarks/coverage.py`, whose full one is in its results."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture
def entry(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "coverage", raising=False)  # a package of this name may be installed
    from coverage import coverage

    return lambda size, regime, sets: coverage(*size, regime, sets, 0.0, first=10_000)


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
def test_nine_of_ten_true_utilities_lie_inside_90_percent_intervals(entry, size, regime, sets, margin):
    """margin: what is promised, in points; three standard errors more for so few data sets, a false alarm in 400."""
    found = entry(size, regime, sets)
    for kind, value in found["coverage"].items():
        error = found["standard error"][kind]
        assert abs(value - 90) < margin + 3 * error, (kind, found)
        assert np.isfinite(error)
