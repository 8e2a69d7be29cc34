"""The plan on paper is what the files say; the simulated writer waits as a queue does."""

import numpy as np
import pytest

from benchmarks.scale import plan


def test_the_page_holds_what_the_files_say():
    text = plan.PAGE.read_text()
    assert text == plan.page(text), "python -m benchmarks.scale.plan --write makes them agree"
    assert all(table in text for table in plan.tables().values())


def test_every_unit_cost_has_its_command():
    assert {one.benchmark for one in plan.units().values()} <= set(plan.BENCHMARKS)


def test_a_day_costs_its_cores_and_what_is_kept():
    stage = plan.Stage("s", 2.0, 30.0, 10.0, "")
    assert plan.dollars(stage) == pytest.approx(24 * 2 * 0.04 + 30 * 10 * 0.023 / 30)


def test_a_writer_waits_as_pollaczek_and_khinchine_say():
    """M/G/1 at half load: the mean wait is that of the formula within 5 standard errors, from batches of decisions."""
    service = pytest.importorskip("benchmarks.scale.service", reason="SimPy is not installed")
    cost = service.costs()
    seen = service.run(0.5, 6_000, cost, 0)
    variation = np.exp(cost.sigma**2) - 1
    expected = cost.mean + 0.5 * cost.mean * (1 + variation) / 2 / (1 - 0.5)
    batches = np.array([part.mean() for part in np.array_split(seen.waited, 20)])
    assert abs(batches.mean() - expected) < 5 * batches.std(ddof=1) / 20**0.5
    assert seen.lost == 0
