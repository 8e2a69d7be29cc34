"""R-hat, effective sample sizes and E-BFMI are ArviZ's own."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from poolwise.refit.draws.convergence import e_bfmi, mixing

AXES = {"chain_axis": 0, "draw_axis": 1}


def chains(seed, correlation, chains=4, draws=200, k=3):
    """Autoregressive chains; the last one of them off centre by `seed` tenths."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal((chains, draws, k))
    made = noise.copy()
    for step in range(1, draws):
        made[:, step] = correlation * made[:, step - 1] + np.sqrt(1 - correlation**2) * noise[:, step]
    made[-1] += seed / 10
    return made


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("correlation", [-0.4, 0.0, 0.5, 0.95])
def test_mixing_agrees_with_arviz(seed, correlation):
    draws = chains(seed, correlation)
    found = mixing(draws)
    for k in range(draws.shape[2]):
        one = draws[:, :, k]
        tail = array_stats.ess(one, **AXES, method="tail", prob=(0.05, 0.95))
        assert found.r_hat[k] == pytest.approx(array_stats.rhat(one, **AXES), rel=1e-6)
        assert found.bulk[k] == pytest.approx(array_stats.ess(one, **AXES, method="bulk"), rel=0.05)
        assert found.tail[k] == pytest.approx(tail, rel=0.05)


def test_energy_agrees_with_arviz():
    energy = chains(1, 0.8)[:, :, 0]
    np.testing.assert_allclose(e_bfmi(energy), array_stats.bfmi(energy))


def test_what_never_moved_says_nothing():
    draws = chains(0, 0.5)
    draws[:, :, 1] = 3.0
    found = mixing(draws)
    assert np.isnan(found.r_hat[1])
    assert np.isfinite(found.r_hat[[0, 2]]).all()
