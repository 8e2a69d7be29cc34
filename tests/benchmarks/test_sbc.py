"""Every NumPyro model is calibrated: a short version of `benchmarks/calibration/sbc.py`."""

import numpy as np
import pytest

from benchmarks.calibration.sbc import CASES, bins, calibrate, failed, threshold, uniformity

SIMULATIONS = 12


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_ranks_of_the_truth_are_uniform(name):
    found = calibrate(name, SIMULATIONS, seed=10_000)
    assert failed({name: found}) == []
    quantities = found["quantities"].values()
    mean = np.mean([np.average((np.arange(5) + 0.5) / 5, weights=one["histogram"]) for one in quantities])
    # Quantities of one simulation go together: as if there were but one.
    assert abs(mean - 0.5) < 3.5 * (1 / 12 / SIMULATIONS) ** 0.5


def test_ranks_that_crowd_are_found():
    even, crowded = np.full(10, 5), np.array([14, 10, 6, 4, 2, 2, 2, 2, 4, 4])
    assert uniformity(even) > 0.99
    assert uniformity(crowded) < 0.01
    assert failed({"model": {"quantities": {"tau": {"p": threshold() / 2}, "sigma": {"p": 0.2}}}}) == ["model: tau"]


@pytest.mark.parametrize(("simulations", "expected"), [(200, 20), (100, 20), (60, 10), (25, 5), (5, 5)])
def test_bins_hold_five_simulations_each(simulations, expected):
    assert bins(simulations) == expected
