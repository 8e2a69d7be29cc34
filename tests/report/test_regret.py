"""What not knowing cost: against a value worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from poolwise.report.regret import regret


def test_certain_beliefs_give_the_plain_difference():
    beliefs = pd.DataFrame({"project": "p", "context": "c", "arm": ["a", "b"], "mean": [0.0, 0.6], "sd": 0.0})
    table = pd.DataFrame({"project": "p", "context": "c", "arm": ["a", "a", "b", "b", "b", "gone"]})
    found = regret(table, beliefs).set_index("of")
    assert found.loc["all jobs", ["jobs", "over_best"]].tolist() == [5, pytest.approx(np.exp(1.2 / 5))]
    assert found.loc["the last third", ["jobs", "over_best", "low", "high"]].tolist() == [1, 1, 1, 1]


def test_what_is_not_known_is_in_the_interval():
    """One arm was taken; another is better by max(0, z), z standard normal: its 95 % quantile is 1.64."""
    beliefs = pd.DataFrame({"project": "p", "context": "c", "arm": ["a", "b"], "mean": 0.0, "sd": [0.0, 1.0]})
    table = pd.DataFrame({"project": "p", "context": "c", "arm": ["a"] * 3})
    row = regret(table, beliefs).iloc[0]
    assert (row.low, np.log(row.high)) == (1, pytest.approx(1.64, abs=0.3))
