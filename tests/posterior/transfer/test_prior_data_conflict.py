"""Domain priors that outcomes contradict, against the mixture written out."""

import numpy as np
import pytest
from scipy.special import beta

from poolwise.posterior.transfer.prior_data_conflict import ElicitedBeta, discount_prior

USUAL = np.array([3.0, 0.6])


def elicited(*pairs, family=None):
    return ElicitedBeta(np.array(pairs), USUAL, np.arange(len(pairs)) if family is None else np.array(family))


def weights_by_hand(prior, won, lost):
    """Every pattern of families about which the expert is right, trust integrated exactly: B(k + 1, n - k + 1)."""
    single = [(beta(a + k, b + f) / beta(a, b), beta(3 + k, 0.6 + f) / beta(3, 0.6))
              for (a, b), k, f in zip(prior, won, lost, strict=True)]  # fmt: skip
    families = len(prior)
    patterns = np.array(np.meshgrid(*[[0, 1]] * families)).reshape(families, -1).T
    mass = np.array(
        [
            np.prod([single[f][1 - right] for f, right in enumerate(row)])
            * beta(row.sum() + 1, families - row.sum() + 1)
            for row in patterns
        ]
    )
    return (mass[:, None] * patterns).sum(0) / mass.sum()


@pytest.mark.parametrize(
    ("won", "lost"), [([0, 0, 0], [0, 0, 0]), ([3, 9, 0], [0, 1, 4]), ([20, 0, 7], [1, 0, 5]), ([0, 90, 2], [9, 9, 0])]
)
def test_weights_are_those_of_every_pattern_of_right_and_wrong(won, lost):
    prior = [(1.0, 3.0), (4.0, 1.0), (1.0, 1.0)]
    found = discount_prior(elicited(*prior), np.add(won, lost), np.array(won))
    np.testing.assert_allclose(found.weight, weights_by_hand(prior, won, lost), atol=0.005)
    mixed = found.weight[:, None] * np.array(prior) + (1 - found.weight[:, None]) * USUAL
    np.testing.assert_allclose(found.prior, mixed)


def test_an_expert_who_was_wrong_is_believed_less_about_the_rest():
    told = elicited((1.0, 9.0), (1.0, 9.0), (1.0, 9.0))
    before, after = (discount_prior(told, np.array(n), np.array(n)).weight for n in ([0, 0, 0], [30, 30, 0]))
    np.testing.assert_allclose(before, 0.5)
    assert after[2] < 0.3
    assert discount_prior(told, np.array([30, 30, 0]), np.array([30, 30, 0])).contradicted[:2].all()


def test_an_expert_who_is_right_is_believed():
    told = elicited((1.0, 9.0), (1.0, 9.0), (1.0, 9.0))
    assert (discount_prior(told, np.full(3, 20), np.full(3, 2)).weight > 0.7).all()


def test_arms_of_a_family_share_their_weight_and_count_once():
    one = discount_prior(elicited((1.0, 4.0), (2.0, 1.0)), np.array([6, 1]), np.array([5, 1]))
    split = discount_prior(
        elicited((1.0, 4.0), (1.0, 4.0), (2.0, 1.0), family=[0, 0, 1]), np.array([4, 2, 1]), np.array([3, 2, 1])
    )
    np.testing.assert_allclose(split.weight, one.weight[[0, 0, 1]])


def test_where_nothing_special_is_said_nothing_is_discounted():
    found = discount_prior(elicited(USUAL, (1.0, 2.0)), np.array([9_000, 0]), np.array([0, 0]))
    np.testing.assert_array_equal(found.prior[0], USUAL)
    assert not found.contradicted.any()
    assert discount_prior(elicited((9.0, 1.0)), np.array([9_000]), np.array([0])).weight[0] == pytest.approx(
        0, abs=1e-9
    )
