"""Tables of decisions as logs."""

import numpy as np
import pandas as pd
import pytest

from poolwise import ope
from poolwise.errors import DataError


def frame(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Arms x, y, z chosen with probabilities 0.5, 0.3, 0.2; z is worth 1, the others 0."""
    arm = np.random.default_rng(seed).choice(3, size=rows, p=[0.5, 0.3, 0.2])
    columns = {
        "project": "p",
        "context": np.where(np.arange(rows) % 2, "c", "d"),
        "arm": np.array(["x", "y", "z"])[arm],
    }
    return pd.DataFrame({**columns, "probability": np.array([0.5, 0.3, 0.2])[arm], "utility": (arm == 2).astype(float)})


@pytest.mark.parametrize(("evaluation", "value"), [("uniform", 1 / 3), ("z", 1.0), ("x", 0.0)])
def test_value_of_a_named_policy(evaluation: str, value: float) -> None:
    """SNIPS is exact where the reward belongs to the arm; DR by the belief within 0.05."""
    log, arms = ope.from_frame(frame(), evaluation)
    assert arms == ("x", "y", "z")
    assert ope.dr(log).value == pytest.approx(value, abs=0.05)
    if evaluation != "uniform":
        assert ope.snips(log).value == pytest.approx(value)


def test_table_of_probabilities_may_name_more_arms() -> None:
    rows = frame(50)
    chances = pd.DataFrame({"z": np.full(50, 0.25), "new": np.full(50, 0.75)})
    log, arms = ope.from_frame(rows, chances, model=False)
    assert arms == ("new", "x", "y", "z")
    np.testing.assert_array_equal(log.evaluation[0], [0.75, 0.0, 0.0, 0.25])
    assert "could not hold" in ope.evaluate(log).diagnosis.veto


@pytest.mark.parametrize(
    ("change", "evaluation", "message"),
    [
        ({"utility": None}, "uniform", "no column 'utility'"),
        ({"context": "hole"}, "uniform", r"row 3, column context: is null \(1 of 20 rows\)"),
        ({"probability": 0.0}, "uniform", "row 0, column propensity"),
        ({"executed": "x"}, "uniform", "column executed"),
        ({}, "w", "no arm 'w'"),
    ],
)
def test_refused(change: dict, evaluation: str, message: str) -> None:
    rows = frame(20)
    for column, value in change.items():
        if value is None:
            rows = rows.drop(columns=column)
        elif value == "hole":
            rows.loc[3, column] = None
        else:
            rows[column] = value
    with pytest.raises(DataError, match=message):
        ope.from_frame(rows, evaluation)
