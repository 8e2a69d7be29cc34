"""The posterior with features: it learns them, tells of them, forgets nothing, and is as before without them."""

import json

import numpy as np
import pytest

from poolwise.posterior.hyperparameters.estimation import from_dict, init_hyperparameters, to_dict
from poolwise.posterior.posterior import Posterior

ARMS, FEATURES = 4, 3


def start(features=FEATURES, **options):
    begin = init_hyperparameters(np.arange(ARMS), np.tile((3.0, 0.6), (ARMS, 1)), baseline=0)
    return Posterior(begin, -0.7, contexts=2, baseline=0, backend="numpy", features=features, **options)


def outcomes(number=300, seed=0, slope=1.0):
    """Arm 1 gains with the first feature, arm 2 loses; the others are noise."""
    rng = np.random.default_rng(seed)
    raw, arm = rng.normal(size=(number, FEATURES)), rng.integers(1, ARMS, size=number)
    utility = slope * raw[:, 0] * np.array([0.0, 1.0, -1.0, 0.0])[arm] + 0.2 * rng.normal(size=number)
    return raw, np.zeros(number, int), rng.integers(2, size=number), arm, utility


def learned(own, rows, many=True):
    raw, project, context, arm, utility = rows
    ok = np.ones(len(arm), bool)
    if many:
        own.update_many(project, context, arm, utility, ok, raw=raw if own.features else None)
    else:
        for i in range(len(arm)):
            own.update(0, int(context[i]), int(arm[i]), float(utility[i]), True, raw=raw[i] if own.features else None)
    return own


@pytest.fixture(scope="module")
def known():
    own = learned(start(), outcomes())
    own.reestimate()
    return own


def test_what_a_feature_decides_is_found(known):
    high, low = known.predict(0, 0, [1.5, 0, 0]).mean, known.predict(0, 0, [-1.5, 0, 0]).mean
    assert high[1] > 1 > -1 > high[2]
    assert low[2] > 1 > -1 > low[1]


@pytest.mark.parametrize("projects", [1, 3])
def test_what_projects_have_in_common_is_not_lost_among_several(projects):
    """Of 4 standard deviations of what an arm gains at most 0.2: a project by itself would have no slopes."""
    raw, _, context, arm, utility = outcomes()
    own = learned(start(), (raw, np.arange(len(arm)) % projects, context, arm, utility))
    own.reestimate()
    for project in range(projects):
        wide = own.predict(project, 0, [2, 0, 0]).mean - own.predict(project, 0, [-2, 0, 0]).mean
        np.testing.assert_allclose(wide[1:3], [4, -4], atol=0.2)


def test_which_features_matter_is_told(known):
    found = known.feature_effects()
    assert found.relevance[0] > 0.8
    assert found.relevance.sum() == pytest.approx(1.0)
    assert found.mean[0, 1] == pytest.approx(1.0, abs=0.2)
    assert found.mean[0, 2] == pytest.approx(-1.0, abs=0.2)
    assert found.mean[0, 0] == 0
    assert (found.sd[0, 1:] > 0).all()


def test_columns_of_noise_leave_no_slopes():
    own = learned(start(), outcomes(slope=0.0))
    own.reestimate()
    assert own.hyperparameters.features is None
    assert not own.feature_effects().relevance.any()


def test_without_features_nothing_changes():
    rows = outcomes(80)
    plain, never = learned(start(0), rows), learned(start(), (np.full((80, FEATURES), np.nan), *rows[1:]))
    for own in (plain, never):
        own.reestimate()
    for part, other in zip(plain.predict(0, 1), never.predict(0, 1), strict=True):
        np.testing.assert_array_equal(part, other)


def test_one_by_one_is_at_once(known):
    rows = outcomes(40, seed=3)
    own = start()
    learned(own, outcomes())
    own.set_hyperparameters(known.hyperparameters)
    learned(own, rows, many=False)
    before = own.predict(0, 1, [0.3, 1.0, -0.2]).mean
    own.recompute()
    np.testing.assert_allclose(before, own.predict(0, 1, [0.3, 1.0, -0.2]).mean, rtol=1e-8)


def test_it_is_taken_up_again(known):
    again = start()
    body = json.loads(json.dumps(to_dict(known.hyperparameters)))
    again.resume(known.saved())
    again.set_hyperparameters(from_dict(body, start().hyperparameters))
    known.recompute()
    for part, other in zip(known.predict(0, 1, [1.0, 2.0, 3.0]), again.predict(0, 1, [1.0, 2.0, 3.0]), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-12)


def test_outcomes_that_were_cut_off_are_judged_with_features():
    raw, project, context, arm, utility = outcomes()
    cut = utility > 0.5
    own = start()
    own.update_many(project, context, arm, np.minimum(utility, 0.5), np.ones(300, bool), cut, raw=raw)
    own.reestimate()
    assert own.predict(0, 0, [1.5, 0, 0]).mean[2] < -0.8
    assert np.isfinite(own.predict(0, 0, [1.5, 0, 0]).mean).all()


def test_rows_beyond_the_declared_projects_make_room(known):
    found = known.predict(5, 7, [1.5, 0.0, 0.0])
    assert found.mean[1] > 0.5
    assert np.isfinite(found.scale).all()


def test_outcomes_folded_under_known_slopes_are_those_of_one_pass(known):
    own = start()
    own.set_hyperparameters(known.hyperparameters)
    learned(own, outcomes(), many=False)
    np.testing.assert_allclose(own.predict(0, 1, [1.0, 2.0, 3.0]).mean, known.predict(0, 1, [1.0, 2.0, 3.0]).mean)
