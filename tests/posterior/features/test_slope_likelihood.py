"""The log marginal likelihood with slopes against the joint normal, and its score against differences of it."""

import numpy as np
import pytest

from poolwise.posterior.crossed.batch import SufficientStatistics, cells
from poolwise.posterior.features import slopes
from poolwise.posterior.features.slope_likelihood import log_marginal_likelihood
from tests.posterior.features import dense
from tests.posterior.features.test_feature_filter import BLOCKS, FAMILY, SHAPE, SLOPES, drawn, fitted


def value_and_score(families, scales=None, own=SLOPES):
    fit, case = fitted(families), drawn(5, weights=False)
    stats = cells(SufficientStatistics.of(*case[:3], case.y, shape=SHAPE, weight=case.weight))
    found = slopes.collect(stats, case[:3], case.y, case.weight, case.phi)
    form = slopes.slope_layout(SHAPE, families, BLOCKS)
    family = FAMILY if families else np.arange(len(FAMILY))
    return log_marginal_likelihood(scales or fit.scales, own, stats, found, family, families, form)


@pytest.mark.parametrize("families", [0, 3])
def test_it_is_the_density_of_all_outcomes(families):
    value = dense.log_density(fitted(families), SLOPES, BLOCKS, families, drawn(5, weights=False))
    assert value_and_score(families)[0] == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize("families", [0, 3])
def test_the_score_is_its_derivative(families):
    step, (_, score), scales = 1e-5, value_and_score(families), fitted(families).scales
    for tier in ("arm", "family", "globe"):
        for block in ("level", "context", "project", "cell"):
            old = getattr(scales, tier)
            moved = [
                scales._replace(**{tier: old._replace(**{block: getattr(old, block) * np.exp(sign * step)})})
                for sign in (1, -1)
            ]
            up, down = (value_and_score(families, one)[0] for one in moved)
            found = getattr(getattr(score.structure, tier), block)
            assert found == pytest.approx((up - down) / (2 * step), abs=1e-5), (tier, block)
    for at in np.ndindex(SLOPES.shape):
        change = np.zeros(SLOPES.shape)
        change[at] = step
        up, down = (value_and_score(families, own=SLOPES * np.exp(sign * change))[0] for sign in (1, -1))
        assert score.slopes[at] == pytest.approx((up - down) / (2 * step), abs=1e-5)
    up, down = (value_and_score(families, scales._replace(noise=scales.noise * np.exp(s * step)))[0] for s in (1, -1))
    assert score.structure.noise.sum() == pytest.approx((up - down) / (2 * step), abs=1e-5)
