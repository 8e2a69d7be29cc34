"""The simulated workload: its outcomes have the table's distribution, and a table that cannot be meant is refused."""

import copy
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from poolwise.config import load, parse
from poolwise.errors import ConfigError
from poolwise.run import open_engines, plan, run
from poolwise.workloads import Simulation
from poolwise.workloads.simulation import floored_mean

CONFIG = Path(__file__).parents[2] / "configs" / "prover_simulation.toml"
ROW = {"mean": 0.9, "sd": 0.4, "reliability": 0.7}
OPTIONS = {
    "strategies": {"easy": {"plain": {"mean": 1.0, "sd": 0.0, "reliability": 1.0}, "odd": ROW}},
    "context_frequency": {"easy": 1},
    "baseline": "plain",
}


def speeds(workload, family, number):
    found = [workload.measure(job, family, {}) for job in islice(workload.jobs(0), number)]
    return np.array([one.baseline_cost / one.cost for one in found]), np.array([one.status for one in found])


def test_outcomes_are_those_of_the_table():
    """z-tests of mean and share at 4 standard errors: a false alarm in 8,000 runs."""
    made = Simulation(**OPTIONS)
    speed, status = speeds(made, "odd", 4_000)
    assert abs(speed.mean() - made.expected("easy", "odd")) < 4 * speed.std() / 4_000**0.5
    assert abs((status == "failed").mean() - 0.3) < 4 * (0.21 / 4_000) ** 0.5
    assert set(speed[status == "failed"].round(9)) == {0.8}
    assert speed.min() == pytest.approx(0.3)
    assert (speeds(made, "plain", 50)[0] == 1.0).all()


@pytest.mark.parametrize(("mean", "sd", "floor"), [(1.0, 0.2, 0.3), (0.5, 0.6, 0.3), (0.2, 0.0, 0.3)])
def test_mean_above_a_floor_is_that_of_a_fine_grid(mean, sd, floor):
    score = np.linspace(-9, 9, 20_001)
    weight = np.exp(-(score**2) / 2)
    assert floored_mean(mean, sd, floor) == pytest.approx(
        (np.maximum(floor, mean + sd * score) * weight).sum() / weight.sum(), abs=1e-6
    )


def test_a_job_is_its_own_luck_and_the_stream_a_function_of_its_seed():
    made = Simulation(**OPTIONS)
    jobs = list(islice(made.jobs(3), 20))
    assert jobs == list(islice(made.jobs(3), 20)) != list(islice(made.jobs(4), 20))
    assert len(set(jobs)) == 20
    assert made.measure(jobs[0], "odd", {}) == made.measure(jobs[0], "odd", {})
    assert made.measure(jobs[0], "odd", {}) != Simulation(**OPTIONS, seed=1).measure(jobs[0], "odd", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": {}}, "is empty"),
        ({"strategies": None}, "is empty"),
        ({"strategies": {"easy": {}}}, "at least the baseline"),
        ({"strategies": {"easy": {"plain": {"mean": 1.0}}}}, "mean, sd and reliability"),
        ({"strategies": {"easy": {"plain": ROW | {"reliability": 1.2}}}}, "between 0 and 1"),
        ({"strategies": {"easy": {"plain": ROW | {"sd": float("nan")}}}}, "finite"),
        ({"strategies": {"easy": {"plain": ROW}, "hard": {"odd": ROW}}}, "not in every context"),
        ({"context_frequency": {"easy": -1}}, "not all 0"),
        ({"context_frequency": {"other": 1}}, "must name the contexts"),
        ({"baseline": "missing"}, "is no strategy"),
        ({"failure_speedup": 0}, "above 0"),
        ({"floor": "low"}, "finite number"),
        ({"baseline_seconds": [3, 1]}, "low <= high"),
        ({"baseline_seconds": {"hard": [1, 3]}}, "'easy' must be"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Simulation(**copy.deepcopy(OPTIONS) | change)


def test_the_shipped_configuration_runs(tmp_path):
    made = plan(load(CONFIG))._replace(store=f"sqlite:///{tmp_path}/run.db", decisions=40)
    assert made.settings.domain_priors[1] == ("conservative", 3.0, 1.0)
    assert made.settings.horizon == 300
    assert {made.workload.expected(context, "no_optimization") for context in made.workload.contexts} == {0.998}
    engines = open_engines(made)
    assert len(list(run(made, engines))) == 40
    engines["simulation"].close()


def test_arms_beside_the_table_are_refused():
    text = CONFIG.read_text() + '[space]\nbaseline = "no_optimization"\n[space.families.no_optimization]\n'
    with pytest.raises(ConfigError, match=r"remove \[space\]"):
        plan(parse(text))
