"""Intervals: coverage, agreement in the easy case, and refusals."""

import numpy as np
import pytest
from scipy.stats import t

from poolwise import ope
from poolwise.errors import InputError
from poolwise.ope import intervals
from tests.ope.test_estimators import simulated


@pytest.mark.parametrize("estimate", ope.ESTIMATORS.values(), ids=ope.ESTIMATORS)
def test_studentised_intervals_cover(estimate) -> None:
    """500 logs with known value: 93 to 97 % asked; 475 +- 4.9 expected, so 4.1 standard errors are allowed here."""
    hits = 0
    for seed in range(500):
        log, value = simulated(500, seed)
        low, high = ope.interval(estimate(log))
        hits += low <= value <= high
    assert 0.91 <= hits / 500 <= 0.985


@pytest.mark.parametrize("method", ope.METHODS)
def test_symmetric_terms_give_the_t_interval(method: str) -> None:
    """Where terms are normal, all methods come near Student's; Bernstein is wider by construction."""
    draws = np.random.default_rng(0).normal(size=4000)
    terms = ope.InfluenceTerms(2.0, draws - draws.mean())
    half = t.ppf(0.975, 3999) * draws.std(ddof=1) / np.sqrt(4000)
    low, high = ope.interval(terms, method=method)
    if method == "bernstein":
        assert high - low > 2 * half
    else:
        assert (low, high) == pytest.approx((2.0 - half, 2.0 + half), abs=0.1 * half)


def test_skewed_terms_move_the_interval_to_the_long_tail() -> None:
    draws = np.random.default_rng(1).exponential(size=200)
    low, high = ope.interval(ope.InfluenceTerms(1.0, draws - draws.mean()))
    assert high - 1.0 > 1.0 - low


@pytest.mark.parametrize("point", [-3.0, 0.0, 1.7])
@pytest.mark.parametrize("skewness", [-2.0, 0.0, 5.0])
def test_inverse_of_halls_transformation(point: float, skewness: float) -> None:
    a, b = skewness / 3, skewness / 6
    found = intervals.invert(point, a, b)
    assert found + a * found**2 + a**2 * found**3 / 3 + b == pytest.approx(point)


@pytest.mark.parametrize("method", ope.METHODS)
def test_interval_is_centred_on_the_estimate_less_its_bias(method: str) -> None:
    draws = np.random.default_rng(2).normal(size=300)
    plain = ope.interval(ope.InfluenceTerms(1.0, draws - draws.mean()), method=method)
    shifted = ope.interval(ope.InfluenceTerms(1.5, draws - draws.mean(), 0.5), method=method)
    assert shifted == pytest.approx(plain)


@pytest.mark.parametrize("method", ["studentised", "bootstrap"])
def test_certain_value_has_an_interval_of_no_width(method: str) -> None:
    assert ope.interval(ope.InfluenceTerms(0.3, np.zeros(50)), method=method) == (0.3, 0.3)


def test_known_span_bounds_bernstein() -> None:
    terms = ope.InfluenceTerms(0.5, np.where(np.arange(100) % 2, 0.5, -0.5))
    assert ope.interval(terms, method="bernstein") == ope.interval(terms, method="bernstein", span=1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"method": "normal"}, "use one of"), ({"confidence": 1.0}, r"not in \(0, 1\)")],
)
def test_refused(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ope.interval(ope.InfluenceTerms(0.0, np.arange(5.0) - 2), **arguments)
    with pytest.raises(InputError, match="at least 2"):
        ope.interval(ope.InfluenceTerms(0.0, np.zeros(1)))
