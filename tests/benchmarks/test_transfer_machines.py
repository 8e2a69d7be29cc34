"""Machines in turn: what each is told of those before it, the simplest strategy and the figures, by hand."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.transfer import engine as transfer_engine
from benchmarks.transfer import machines as transfer_machines
from poolwise.replay import Observations
from poolwise.table import Table, from_rows


@pytest.fixture
def table() -> Table:
    """Three machines, three configurations; each machine has another best one."""
    costs = {"m0": (1.0, 2.0, 4.0), "m1": (2.0, 1.0, 4.0), "m2": (4.0, 2.0, 1.0)}
    rows = [(m, m, "kernel", "f", str(k), cost) for m, line in costs.items() for k, cost in enumerate(line)]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="s", source="s", baseline="0", params={str(k): {"x": k} for k in range(3)})


def test_a_machine_is_told_the_trials_of_all_before_it_and_of_no_other(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, list[int], list[float]]] = []

    def search(_table: Table, unit: int, trials: int, _seed: int, known: Observations) -> tuple[np.ndarray, np.ndarray]:
        told.append((unit, known.unit.tolist(), known.reward.tolist()))
        return np.full(trials, unit), np.full(trials, 10.0 + unit)

    monkeypatch.setattr(transfer_machines, "trials_of_space", search)
    found = transfer_machines.arrivals(table, 2, 1, lambda _: transfer_machines.Search(table, 2, 1))
    assert [one["machine"] for one in found] == ["m1", "m2", "m0"]
    assert told[0::2] == [(unit, [], []) for unit in (1, 2, 0)]
    assert told[1] == (1, [], [])
    assert told[3] == (2, [1, 1], [11.0, 11.0])
    assert told[5] == (0, [1, 1, 2, 2], [11.0, 11.0, 12.0, 12.0])
    assert [one["nothing"] for one in found] == pytest.approx([0.0, 0.0, 0.0])


def test_an_engine_for_all_machines_learns_from_those_before(table: Table) -> None:
    found = transfer_engine.in_turn(table, 30, 0, known=True)
    assert [one["machine"] for one in found] == ["m0", "m1", "m2"]
    assert all(0 <= one[way] <= 30 * np.log(4) for one in found for way in transfer_machines.WAYS)


def test_simplest_tries_the_best_of_every_earlier_machine_once_and_keeps_the_best(table: Table) -> None:
    known = Observations(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 2, 1, 2]), np.array([-1.0, -3.0, -2.5, -1.0, -4.0]))
    assert transfer_machines.best(known, 0) == 0
    assert transfer_machines.best(known, 1) == 1
    assert transfer_machines.simplest(table, 2, 5, 0, known).tolist() == [0, 1, 1, 1, 1]
    assert transfer_machines.simplest(table, 2, 1, 0, known).tolist() == [0]


def test_figures_leave_out_the_first_machine_and_weigh_every_set_alike() -> None:
    def line(*ways: tuple[float, float, float]) -> list[dict[str, object]]:
        return [
            {"machine": f"m{k}", **dict(zip(transfer_machines.WAYS, way, strict=True))} for k, way in enumerate(ways)
        ]

    found = {
        "a": [line((9.0, 1.0, 1.0), (1.0, 4.0, 8.0), (1.0, 4.0, 2.0))],
        "b": [line((9.0, 1.0, 1.0), (4.0, 4.0, 4.0))],
    }
    made = {one.what: one for one in transfer_machines.figures(found, {"x": {"s": 2.0}})}
    assert made["GPUs after the first: regret over from nothing"].value == pytest.approx(16 ** (-1 / 3))
    assert made["GPU number 2 (2 searches)"].value == pytest.approx(0.5)
    assert made["GPU number 3 (1 searches)"].value == pytest.approx(0.25)
    assert made["earlier GPUs' best configurations, then the best"].value == pytest.approx(1.0)
    assert made["worst search: b, m1, number 2"].value == pytest.approx(1.0)
    every = made["every kernel and ASlib set, the same"]
    assert every.value == pytest.approx((0.25 * 1.0 * 2.0) ** (1 / 3))
    assert every.met


def test_orders_are_rotated() -> None:
    assert [transfer_machines.order(3, seed).tolist() for seed in range(3)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
