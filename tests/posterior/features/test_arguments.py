"""What is accepted as features of jobs."""

import numpy as np
import pytest

from poolwise.errors import InputError
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.posterior import Posterior


def posterior(features):
    start = init_hyperparameters(np.arange(3), np.ones((3, 2)))
    return Posterior(start, -0.7, projects=2, contexts=2, baseline=0, backend="numpy", features=features)


@pytest.mark.parametrize(
    "raw", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], [1.0, np.inf], ["a", "b"], [True, False], "12", {"size": 1}], ids=str
)
def test_what_are_no_features_is_refused_before_anything_changes(raw):
    own = posterior(2)
    for call in (
        lambda: own.update(0, 0, 1, 0.5, True, raw=raw),
        lambda: own.predict(0, 0, raw),
        lambda: own.answer(0, 0, np.zeros(0), raw),
        lambda: own.update_many(*np.zeros((3, 1), int), np.zeros(1), np.ones(1, bool), raw=[raw, raw]),
    ):
        with pytest.raises(InputError):
            call()
    assert own.outcomes == 0


def test_features_are_refused_where_none_are_declared():
    with pytest.raises(InputError, match="no features are declared"):
        posterior(0).update(0, 0, 1, 0.5, True, raw=[1.0])


@pytest.mark.parametrize("features", [-1, 1.5, "two", 10**6])
def test_a_number_of_features_is_a_whole_number(features):
    with pytest.raises(InputError):
        posterior(features)


def test_missing_features_are_taken():
    own = posterior(2)
    own.update(0, 0, 1, 0.5, True)
    own.update(0, 0, 1, 0.5, True, raw=[np.nan, 1.0])
    assert np.isfinite(own.predict(0, 0, [1, 2]).mean).all()


def test_effects_are_told_of_declared_features_alone():
    assert posterior(0).feature_effects() is None
    found = posterior(2).feature_effects()
    assert [part.shape for part in found] == [(2,), (2, 3), (2, 3)]
