"""Diagnosis, veto, evaluation, comparison and the way in and out."""

import numpy as np
import pytest

from poolwise import ope
from poolwise.errors import DataError
from tests.ope.test_estimators import simulated


def test_evaluate_answers_with_every_estimator_near_the_truth() -> None:
    """4,000 decisions, |z| < 5 for the seven."""
    log, value = simulated(4000, 1)
    found = ope.evaluate(log)
    assert found.diagnosis.veto is None
    assert set(found.estimates) == set(ope.ESTIMATORS)
    for name in ("IPS", "SNIPS", "DR", "SNDR"):
        one = found.estimates[name]
        assert one.low <= one.value <= one.high
        assert abs(one.value - value) < 5 * one.error
    assert found.logged_value.value == pytest.approx(log.reward.mean())


def test_without_a_model_only_the_model_free_answer() -> None:
    log, _ = simulated(500, 1)
    assert set(ope.evaluate(log._replace(q_hat=None)).estimates) == {"IPS", "SNIPS"}


def test_diagnosis_by_hand() -> None:
    log = ope.log([1.0, 0.0], [0, 1], [0.5, 0.25], [[0.5, 0.5], [0.5, 0.5]])
    found = ope.diagnose(log)
    assert (found.mean_weight, found.largest_weight) == (1.5, 2.0)
    assert found.effective == pytest.approx(3.0**2 / 5.0)
    assert found.largest_share == pytest.approx(2 / 3)


def vetoed(kind: str) -> ope.Log:
    """One log for every reason of the veto."""
    log, _ = simulated(2000, 2)
    if kind == "could not hold":
        unseen = np.zeros((2000, 5))
        unseen[:, 4] = 1.0
        return ope.Log(log.reward, log.action, log.propensity, unseen)
    if kind == "effective sample size":
        return log._replace(propensity=np.where(np.arange(2000) < 3, 1e-5, log.propensity), behaviour=None)
    return log._replace(propensity=np.minimum(1.0, 2 * log.propensity), behaviour=None)


@pytest.mark.parametrize("kind", ["could not hold", "effective sample size", "standard errors"])
def test_veto_says_why_and_gives_no_number(kind: str) -> None:
    found = ope.evaluate(vetoed(kind))
    assert kind in found.diagnosis.veto
    assert not found.estimates
    assert not ope.compare(vetoed(kind), vetoed(kind).evaluation).differences


def test_choices_that_do_not_follow_the_stated_policy_are_found() -> None:
    log, _ = simulated(2000, 3)
    always = log._replace(action=np.where(np.arange(2000) < 400, 0, log.action))
    followed = always._replace(propensity=always.behaviour[np.arange(2000), always.action])
    assert ope.diagnose(log).mismatch < 5 < ope.diagnose(followed).mismatch


@pytest.mark.parametrize("name", ["DM", "DR", "SNIPS"])
def test_paired_difference_is_sharper_than_two_values(name: str) -> None:
    log, _ = simulated(2000, 4)
    other = 0.9 * log.evaluation + 0.1 * log.behaviour
    found = ope.compare(log, other).differences[name]
    apart = ope.evaluate(log).estimates[name].error
    assert found.low <= found.value <= found.high or name == "DM"
    assert found.error < 0.5 * apart
    assert ope.compare(log, log.evaluation).differences[name].value == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": [0.0, 0.5]}, r"row 0, column propensity: 0.0 is not in \(0, 1\].*1 of 2 rows"),
        ({"propensity": [0.5, 1.5]}, "row 1, column propensity"),
        ({"propensity": [0.5, np.nan]}, "row 1, column propensity"),
        ({"reward": [1.0, np.nan]}, "row 1, column reward"),
        ({"action": [0, 2]}, "row 1, column action"),
        ({"action": [0.0, 1.0]}, "column action"),
        ({"evaluation": [[0.5, 0.5], [0.9, 0.3]]}, "row 1, column evaluation"),
        ({"evaluation": [[0.5, 0.5], [1.5, -0.5]]}, "row 1, column evaluation"),
        ({"evaluation": [[0.5, 0.5]]}, "shape"),
        ({"q_hat": [[0.0, 1.0], [np.inf, 0.0]]}, "row 1, column q_hat"),
        ({"behaviour": [[0.5, 0.5], [0.9, 0.1]]}, "row 1, column propensity.*behaviour says"),
        ({"executed": [0, 0]}, "row 1, column executed.*1 of 2 rows"),
        ({"reward": [], "action": [], "propensity": [], "evaluation": np.zeros((0, 2))}, "at least"),
    ],
)
def test_malformed_log_is_refused_with_row_and_column(change: dict, message: str) -> None:
    good = {"reward": [1.0, 0.0], "action": [0, 1], "propensity": [0.5, 0.5], "evaluation": [[0.5, 0.5], [0.5, 0.5]]}
    ope.log(**good)
    with pytest.raises(DataError, match=message):
        ope.log(**{**good, **change})


def test_open_bandit_pipeline_dictionary_there_and_back() -> None:
    log, _ = simulated(100, 5)
    again = ope.from_obp(ope.to_obp(log), log.evaluation[:, :, None], log.q_hat)
    for name, array in log._asdict().items():
        np.testing.assert_array_equal(getattr(again, name), array)


def test_open_bandit_pipeline_positions_are_taken_row_by_row() -> None:
    by_position = np.stack([np.eye(2), np.eye(2)[::-1]], axis=2)
    feedback = {"action": [0, 1], "reward": [1, 0], "pscore": [0.5, 0.5], "position": [0, 1]}
    np.testing.assert_array_equal(ope.from_obp(feedback, by_position).evaluation, [[1, 0], [1, 0]])
    with pytest.raises(DataError, match="no 'pscore'"):
        ope.from_obp({"action": [0], "reward": [1]}, [[1.0]])
