"""Policies followed on a log, and logs from files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poolwise import ope, policy
from poolwise.errors import DataError, InputError
from poolwise.ope import files
from poolwise.ope.target import known_of_jobs, target_policy
from poolwise.replay import replay
from tests.replay.tables import table


@pytest.fixture(scope="module")
def logged() -> pd.DataFrame:
    """Thompson sampling on a table, two seeds."""
    return replay(table(90), "thompson", seeds=2).log


def test_a_policy_followed_on_its_own_log_is_what_it_did(logged: pd.DataFrame) -> None:
    """It sees the same outcomes in the same order, and each seed apart; only sums and the quadrature's nodes differ."""
    found = ope.target_policy(logged, "thompson", "base")
    stated = files.behaviour(logged)[found.columns]
    np.testing.assert_allclose(found, stated, rtol=0, atol=1e-6)


def test_the_value_of_the_logging_policy_is_what_it_earned(logged: pd.DataFrame) -> None:
    behaviour = files.behaviour(logged)
    made, arms = ope.from_frame(logged, behaviour, model=False, behaviour=behaviour)
    found = ope.evaluate(made)
    assert arms == ("bad", "base", "good", "odd")
    assert found.diagnosis.effective == pytest.approx(len(logged))
    assert found.estimates["IPS"].value == pytest.approx(logged["utility"].mean())


@pytest.mark.parametrize(("wanted", "chances"), [("odd", [0, 0, 0, 1]), ("uniform", [0.25] * 4)])
def test_named_policies(logged: pd.DataFrame, wanted: str, chances: list[float]) -> None:
    found = ope.target_policy(logged, wanted)
    np.testing.assert_array_equal(found[["bad", "base", "good", "odd"]].drop_duplicates(), [chances])


@pytest.mark.parametrize(
    ("wanted", "baseline", "message"),
    [
        ("best", None, "neither one of the log's arms .bad, base, good, odd. nor a policy"),
        ("safe(thompson)", "none", "the baseline 'none' is no arm"),
        (pd.DataFrame({"odd": [1.0]}), None, "1 rows of probabilities for 180 decisions"),
    ],
)
def test_refused(logged: pd.DataFrame, wanted: str, baseline: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ope.target_policy(logged, wanted, baseline)


def test_a_policy_that_treats_the_baseline_apart_needs_one(logged: pd.DataFrame) -> None:
    assert ope.target_policy(logged, "safe(thompson)").shape == (180, 4)
    with pytest.raises(DataError, match=r"name it \(0 arms could be it\)"):
        ope.target_policy(logged.assign(utility=1.0), "safe(thompson)")


def dictionary(rows: int = 400) -> dict[str, np.ndarray]:
    """Open Bandit Pipeline's form: 3 arms, two positions, uniform over arms; arm 2 is worth 1."""
    rng = np.random.default_rng(0)
    action = rng.integers(3, size=rows)
    wanted = np.tile(np.array([0.1, 0.2, 0.7])[None, :, None], (rows, 1, 2))
    return {
        "action": action,
        "reward": (action == 2).astype(float),
        "pscore": np.full(rows, 1 / 3),
        "position": rng.integers(2, size=rows),
        "context": rng.integers(2, size=(rows, 1)),
        "pi_b": np.full((rows, 3, 2), 1 / 3),
        "action_dist": wanted,
    }


def test_open_bandit_pipelines_dictionary_round_trip(tmp_path: Path) -> None:
    feedback = dictionary()
    np.savez(tmp_path / "log.npz", **feedback)
    read = files.read_obp(tmp_path / "log.npz")
    chances, behaviour = (files.chances_of(read, name) for name in ("action_dist", "pi_b"))
    made, _ = ope.from_frame(files.frame_of(read), chances, behaviour=behaviour)
    direct = ope.from_obp(feedback, feedback["action_dist"])
    np.testing.assert_allclose(ope.weights(made), ope.weights(direct))
    assert ope.dr(made).value == pytest.approx(0.7, abs=0.02)
    again = ope.from_obp(ope.to_obp(made), made.evaluation, made.q_hat)
    assert ope.dr(again).value == pytest.approx(ope.dr(made).value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pscore": np.zeros(400)}, r"row 0, column propensity: 0.0 is not in \(0, 1\].*\(400 of 400 rows\)"),
        ({"pscore": np.full(400, 1.5)}, r"column propensity: 1.5"),
        ({"pscore": np.full(400, 0.5)}, r"is not what behaviour says of this arm.*\(400 of 400"),
        ({"pi_b": np.full((400, 3, 2), 0.3)}, "column behaviour"),
    ],
)
def test_propensities_that_cannot_be_are_refused(change: dict, message: str) -> None:
    feedback = {**dictionary(), **change}
    behaviour = files.chances_of(feedback, "pi_b")
    with pytest.raises(DataError, match=message):
        ope.from_frame(files.frame_of(feedback), files.chances_of(feedback, "action_dist"), behaviour=behaviour)


def test_files_that_are_no_logs_are_refused(tmp_path: Path, logged: pd.DataFrame) -> None:
    np.savez(tmp_path / "less.npz", action=[1], reward=[1.0])
    (tmp_path / "text.npz").write_text("no arrays")
    np.savez(tmp_path / "pickled.npz", action=np.array([{}]), reward=[1.0], pscore=[1.0])
    for name, message in (("less", "no array 'pscore'"), ("text", "cannot be read"), ("pickled", "cannot be read")):
        with pytest.raises(DataError, match=message):
            files.read_obp(tmp_path / f"{name}.npz")
    pd.concat([logged, logged.iloc[[5]]]).to_parquet(tmp_path / "twice.parquet")
    with pytest.raises(DataError, match=r"row 180, column decision: 5 stands there twice \(1 such rows\)"):
        files.read_log(tmp_path / "twice.parquet")


def test_arms_that_could_have_been_chosen_are_asked_about_too(logged: pd.DataFrame) -> None:
    """Columns `p:ARM` say so; an arm that never could is none."""
    known = logged.assign(**{"p:never chosen": 0.01, "p:out of reach": 0.0})
    found = ope.target_policy(known, "uniform")
    assert set(found.columns) == {*logged["arm"], "never chosen"}
    assert (ope.target_policy(known, "never chosen")["never chosen"] == 1.0).all()


def test_a_policy_is_asked_as_its_spec(logged: pd.DataFrame) -> None:
    found = ope.target_policy(logged, policy.parse("epsilon_greedy"))
    pd.testing.assert_frame_equal(found, ope.target_policy(logged, "epsilon_greedy"))


def test_a_policy_is_asked_with_what_was_known_of_the_job():
    """Where the sign of x decides between two arms, a policy that learns from x tells them apart."""
    random = np.random.default_rng(0)
    x = random.normal(size=120)
    arm = random.choice(["up", "down"], size=120)
    frame = pd.DataFrame(
        {
            "project": "p",
            "context": "c",
            "arm": arm,
            "probability": 0.5,
            "utility": np.where(arm == "up", x, -x) + 0.05 * random.normal(size=120),
            "f_x": x,
            "f_kind": np.where(x > 0, "large", None),
        }
    )
    chances = target_policy(frame, "greedy")["up"].to_numpy()[60:]
    assert ((chances > 0.5) == (x[60:] > 0)).mean() > 0.9
    known = known_of_jobs(frame)
    np.testing.assert_array_equal(known[:, 0], x)
    np.testing.assert_array_equal(known[:, 1], np.where(x > 0, 1.0, np.nan))
    assert known_of_jobs(frame.drop(columns=["f_x", "f_kind"])).shape == (120, 0)
