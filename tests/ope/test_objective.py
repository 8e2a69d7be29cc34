"""Logs of costs: read where some are 0, and valued by what was saved in all."""

import numpy as np
import pandas as pd
import pytest

from poolwise import ope
from poolwise.errors import DataError
from poolwise.objective import resolved, shares
from poolwise.ope import files


def costs(rows: int = 800, seed: int = 0) -> pd.DataFrame:
    """`risky` halves the cost, or multiplies it by 16 on one job in ten; chosen half of the time."""
    rng = np.random.default_rng(seed)
    arm, home = np.where(rng.random(rows) < 0.5, "risky", "base"), rng.uniform(0.5, 1.5, rows)
    part = np.where(arm == "base", 1.0, np.where(rng.random(rows) < 0.1, 16.0, 0.5))
    columns = {"project": "p", "context": "c", "arm": arm, "probability": 0.5}
    return pd.DataFrame({**columns, "cost": part * home, "baseline_cost": home})


def test_the_objective_decides_what_a_policy_is_worth(tmp_path):
    path = tmp_path / "log.parquet"
    costs().to_parquet(path)
    frame = files.read_log(path)
    worth = {
        one: ope.snips(ope.from_frame(frame, "risky", model=False, objective=one)[0]).value
        for one in ("ratio", "total")
    }
    assert worth["ratio"] > 0 > worth["total"]
    mine = frame[frame["arm"] == "risky"]
    saved = (mine["baseline_cost"] - mine["cost"]).mean() / frame["baseline_cost"].mean()
    assert worth["total"] == pytest.approx(saved)


def test_a_policy_that_is_followed_on_a_log_optimises_the_same():
    frame = costs(120).assign(utility=lambda one: np.log(one["baseline_cost"] / one["cost"]))
    seen: list[int] = []
    found = {
        one: ope.target_policy(
            frame, "greedy", baseline="base", objective=one, progress=lambda _, done, total: seen.append(done)
        )["risky"].tail(20)
        for one in ("ratio", "total")
    }
    assert found["ratio"].mean() > found["total"].mean()
    assert seen == [*range(1, 121)] * 2


def test_costs_of_0_are_read_at_the_resolution(tmp_path):
    path, frame = tmp_path / "log.parquet", costs(50)
    frame.loc[3, "cost"] = 0.0
    frame.to_parquet(path)
    least = min(frame["cost"][frame["cost"] > 0].min(), frame["baseline_cost"].min()) / 2
    for resolution, read in ((None, least), (0.01, 0.01)):
        found = files.read_log(path, resolution)
        assert found["cost"][3] == pytest.approx(read)
        assert found["utility"][3] == pytest.approx(np.log(frame["baseline_cost"][3] / read))
    np.testing.assert_array_equal(resolved(np.zeros(2)), [0, 0])


@pytest.mark.parametrize("wrong", [-1.0, np.inf, np.nan])
def test_what_is_no_cost_is_refused_with_its_row(tmp_path, wrong):
    frame = costs(10)
    frame.loc[4, "cost"] = wrong
    frame.to_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match="row 4, column cost"):
        files.read_log(tmp_path / "log.parquet")


def test_shares_add_up_to_the_share_of_the_total():
    frame = costs()
    found = shares(
        *(np.log(frame["baseline_cost"] / frame["cost"]), *(frame[c].to_numpy() for c in ("cost", "baseline_cost")))
    )
    assert found.mean() == pytest.approx(1 - frame["cost"].sum() / frame["baseline_cost"].sum())
    none = np.full(2, np.nan)
    np.testing.assert_allclose(shares(-np.log([1.0, 3.0]), np.array([1.0, 3.0]), none), [-0.5, -1.5])
    np.testing.assert_allclose(shares(np.log([2.0, 1.0]), none, none), [0.5, 0.0])


def test_a_log_of_utilities_has_no_total():
    frame = costs(20).assign(utility=0.1).drop(columns=["cost", "baseline_cost"])
    with pytest.raises(DataError, match="only costs add up"):
        ope.from_frame(frame, "risky", objective="total")
