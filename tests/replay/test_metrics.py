"""Summaries against plain loops and numbers known by hand."""

import numpy as np
import pandas as pd
import pytest

from poolwise.replay.hindsight import PER_CELL, SINGLE, VIRTUAL, best_of_groups, references
from poolwise.replay.metrics import decisions_to_level, over_seeds, summary
from poolwise.table import utility
from tests.replay.tables import table


def test_the_best_arm_of_a_group_by_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    gain, group = rng.normal(size=(40, 5)), rng.integers(4, size=40)
    present = rng.random((40, 5)) < 0.95
    found = best_of_groups(gain, present, group)
    for unit in range(40):
        mates = group == group[unit]
        means = {arm: gain[mates, arm].mean() for arm in range(5) if present[mates, arm].all()}
        assert found[unit] == max(means, key=means.__getitem__)


@pytest.mark.parametrize(("name", "gap"), [(SINGLE, 0.0), (VIRTUAL, 1.0)])
def test_choices_in_hindsight_close_the_gap_as_they_should(name: str, gap: float) -> None:
    made, rows = table(60, noise=0.3), np.arange(60)
    found = summary(made, log(made, references(made)[name]))
    assert found["closed gap"].mean == pytest.approx(gap)
    best = utility(made)[rows, references(made)[PER_CELL]].mean()
    assert found["regret, best per project and context"].mean == pytest.approx(best - found["utility"].mean)


def log(made, arm: np.ndarray) -> pd.DataFrame:
    """A run that chose these arms."""
    rows = np.arange(len(arm))
    return pd.DataFrame({"seed": 0, "row": rows, "earned": utility(made)[rows, arm], "explored": False})


def test_important_units_count_more() -> None:
    made = table(2)
    made = made._replace(importance=np.array([1.0, 3.0]))
    arms = np.array([1, 0])
    expected = 0.25 * utility(made)[0, 1]
    assert summary(made, log(made, arms))["utility"].mean == pytest.approx(expected)


def test_decisions_until_the_final_level() -> None:
    assert decisions_to_level(np.repeat([0.0, 1.0], [100, 100])) == 109
    assert np.isnan(decisions_to_level(-np.ones(50)))


def test_interval_over_seeds_by_hand() -> None:
    found = over_seeds(np.array([1.0, 2.0, 3.0, np.nan]))
    assert (found.mean, found.high) == pytest.approx((2.0, 2 + 4.302653 / np.sqrt(3)))
    assert np.isnan(over_seeds(np.array([1.0])).low)
