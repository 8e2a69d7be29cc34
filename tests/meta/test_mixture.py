"""Several sources as one: by hand, and the default among them whatever they say."""

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.meta import mixture
from poolwise.meta.histories import History
from poolwise.meta.meta_features import MetaFeatures
from poolwise.meta.mixture import Evidence

LESS, NONE = {"own": 0.2}, {"own": 0.0}


def said(*settings, ratio, error):
    return Evidence(({}, *settings), np.array([0.0, *ratio]), np.array([0.0, *error]))


def test_sources_count_by_their_precision():
    found = mixture.pooled(
        [said(LESS, ratio=[-0.2], error=[0.1]), said(LESS, NONE, ratio=[0.1, -0.3], error=[0.2, 0.5])]
    )
    assert found.settings == ({}, LESS, NONE)
    np.testing.assert_allclose(found.log_ratio, [0.0, (-0.2 * 100 + 0.1 * 25) / 125, -0.3], rtol=1e-4)
    np.testing.assert_allclose(found.error, [0.0, 125**-0.5, 0.5], rtol=1e-4)


@pytest.mark.parametrize(("ratio", "error", "taken"), [(-0.2, 0.1, LESS), (-0.1, 0.1, {}), (0.2, 0.01, {})])
def test_what_does_not_gain_for_certain_is_not_taken(ratio, error, taken):
    found = mixture.choice(said(LESS, ratio=[ratio], error=[error]))
    assert found.params == taken
    assert found.log_ratio == (ratio if taken else 0.0)


def test_a_card_that_the_project_itself_contradicts_gives_way():
    card, own = said(LESS, ratio=[-0.2], error=[0.1]), said(LESS, ratio=[0.3], error=[0.1])
    assert mixture.choice(card).params == LESS
    assert mixture.choice(mixture.corrected(card, own)).params == {}
    sure = said(LESS, ratio=[-0.2], error=[0.001])
    assert mixture.choice(mixture.pooled([sure, own])).params == LESS
    assert mixture.choice(mixture.corrected(sure, own)).params == {}


def test_the_likeliest_are_asked_of_the_projects_own_past():
    found = said(LESS, NONE, {"own": 0.1}, ratio=[-0.1, -0.3, 0.4], error=[0.1, 0.1, 0.1])
    assert mixture.best(found, 2) == [{}, NONE, LESS]


def test_a_past_is_a_source_with_an_error_of_its_own():
    def play(policy, seeds):
        return np.array([1.0, 2.0, 3.0]) * (0.5 if policy.params["own"] == 0.2 else 1.0)

    past = History("project 1", "project 1", MetaFeatures(*np.zeros(8)), play)
    found = mixture.of_past(past, policies.default(), [{}, LESS], range(3))
    assert found.log_ratio[1] == pytest.approx(np.log(0.5))
    assert found.error[1] == pytest.approx(mixture.OWN)
