"""The random number of a decision: a function of seed and id, even, and the same one by one or many at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from poolwise.policy.randomness import uniform, uniforms


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(1, 2**62), min_size=1, max_size=20))
def test_one_by_one_equals_many(seed, ids):
    assert [uniform(seed, one) for one in ids] == uniforms(seed, np.array(ids)).tolist()


def test_numbers_are_even_and_do_not_follow_the_id_or_the_seed():
    ids = np.arange(1, 100_001)
    numbers, others = uniforms(7, ids), uniforms(8, ids)
    # Kolmogorov-Smirnov at p > 1e-4 and correlations within 4.5 standard errors: false alarms below 1 in 5,000.
    assert kstest(numbers, "uniform").pvalue > 1e-4
    pairs = [(numbers[1:], numbers[:-1]), (numbers, others)]
    assert all(abs(np.corrcoef(a, b)[0, 1]) < 4.5 / np.sqrt(len(ids)) for a, b in pairs)
    assert 0 <= numbers.min() < 1e-4 < 1 - 1e-4 < numbers.max() < 1
