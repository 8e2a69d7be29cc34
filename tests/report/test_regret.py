"""What not knowing cost: against a value worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from poolwise.report.exploration import regret


def test_certain_beliefs_give_the_plain_difference():
    beliefs = pd.DataFrame({"project": "p", "context": "c", "arm": ["a", "b"], "mean": [0.0, 0.6], "sd": 0.0})
    table = pd.DataFrame({"project": "p", "context": "c", "arm": ["a", "a", "b", "b", "b", "gone"]})
    found = regret(table, beliefs).set_index("of")
    assert found.loc["all jobs", ["jobs", "over_best"]].tolist() == [5, pytest.approx(np.exp(1.2 / 5))]
    assert found.loc["the last third", ["jobs", "over_best", "low", "high"]].tolist() == [1, 1, 1, 1]


def test_what_is_not_known_is_in_the_interval():
    """One arm was taken; the other is better by a normal of mean 0.5 and standard deviation 1."""
    beliefs = pd.DataFrame({"project": "p", "context": "c", "arm": ["a", "b"], "mean": [0.0, 0.5], "sd": [0.0, 1.0]})
    table = pd.DataFrame({"project": "p", "context": "c", "arm": ["a"] * 3})
    row = regret(table, beliefs).iloc[0]
    expected = (0.5, 0.5 - 1.645, 0.5 + 1.645)
    assert np.log([row.over_best, row.low, row.high]) == pytest.approx(expected, abs=0.35)  # 4 errors of 400 draws
