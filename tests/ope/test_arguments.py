"""What is no log, no confidence, no terms is refused by every function of off-policy evaluation."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from poolwise import ope
from poolwise.errors import DataError, InputError

LOG = ope.log([0.1, 0.2, 0.3], [0, 1, 0], [0.5, 0.5, 0.5], np.full((3, 2), 0.5), q_hat=np.full((3, 2), 0.2))
OF_A_LOG = [*ope.ESTIMATORS.values(), ope.weights, ope.diagnose, ope.evaluate, ope.to_obp]


@pytest.mark.parametrize("call", OF_A_LOG)
@pytest.mark.parametrize("wrong", ["log", None, LOG._replace(reward="x"), LOG._replace(action=np.array([0, 1, 7]))])
def test_what_is_no_log_is_refused(call, wrong):
    with pytest.raises(DataError):
        call(wrong)


@pytest.mark.parametrize("options", [{"confidence": [1]}, {"confidence": 2}, {"method": ["x"]}, {"seed": "s"}])
def test_options_of_an_interval_are_checked(options):
    with pytest.raises(InputError):
        ope.evaluate(LOG, **options)
    with pytest.raises(InputError):
        ope.interval(ope.ips(LOG), **options)


@pytest.mark.parametrize("options", [{"resamples": 0}, {"span": "x"}, {"span": -1.0}])
def test_more_options_of_an_interval(options):
    with pytest.raises(InputError):
        ope.interval(ope.ips(LOG), **options)


@pytest.mark.parametrize("method", ope.METHODS)
@pytest.mark.parametrize("largest", [1e308, np.inf, np.nan])
def test_terms_whose_moments_overflow_have_an_interval_of_no_numbers_or_a_wide_one(method, largest):
    terms = ope.ips(LOG)._replace(influence=np.array([0.1, -0.2, largest]))
    low, high = ope.interval(terms, method=method)
    assert not (high - low < 1e100)


@pytest.mark.parametrize("limit", [0.0, -1.0, "x", float("nan")])
def test_a_threshold_is_a_positive_number(limit):
    for estimator in (ope.switch_dr, ope.dr_os):
        with pytest.raises(InputError):
            estimator(LOG, limit)


@pytest.mark.parametrize(("name", "wrong"), [("action", "("), ("arms", 1e308), ("folds", "x"), ("seed", -1)])
def test_codes_of_cross_fitting_are_checked(name, wrong):
    given = {"project": [0, 0], "context": [0, 1], "action": [0, 1], "reward": [0.1, 0.2], "arms": 2} | {name: wrong}
    with pytest.raises(InputError):
        ope.cross_fitted(**given)


@pytest.mark.parametrize("name", ["reward", "action", "propensity", "evaluation", "executed"])
@pytest.mark.parametrize("wrong", [[[1], [1, 2]], [np.ma.masked] * 3, [object()] * 3])
def test_what_is_no_array_of_numbers_is_no_column_of_a_log(name, wrong):
    given = {"reward": [0.0] * 3, "action": [0, 1, 0], "propensity": [0.5] * 3, "evaluation": np.full((3, 2), 0.5)}
    with pytest.raises(DataError):
        ope.log(**(given | {name: wrong}))


def test_a_feedback_is_a_dictionary():
    with pytest.raises(DataError, match="dictionary"):
        ope.from_obp("x", np.full((3, 2), 0.5))


def test_whether_to_model_is_said_by_true_or_false():
    frame = pd.DataFrame({"project": ["p"] * 2, "context": "c", "arm": "a", "probability": 1, "utility": 0})
    with pytest.raises(InputError, match="True or False"):
        ope.from_frame(frame, model=np.zeros((0, 3)))


def test_a_signalling_nan_is_null():
    frame = pd.DataFrame(
        {"project": ["p", Decimal("sNaN")], "context": "c", "arm": "a", "probability": 1, "utility": 0}
    )
    with pytest.raises(DataError, match="row 1, column project: is null"):
        ope.from_frame(frame)
