"""What is imported of other GPUs: their own outcomes, or those of configurations that were shuffled; and as events."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.replay.engine_search import Tuned
from benchmarks.transfer import imported
from poolwise.table import Table, from_rows

COSTS = {"m0": (1.0, 2.0, 4.0, 8.0), "m1": (2.0, 1.0, 4.0, 16.0), "m2": (4.0, 2.0, 1.0, 32.0)}


@pytest.fixture
def known() -> Table:
    """Three machines, four configurations; the first one is the default."""
    rows = [(m, m, "kernel", "f", str(k), cost) for m, line in COSTS.items() for k, cost in enumerate(line)]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="s", source="s", baseline="0", params={str(k): {"x": k} for k in range(4)})


def orders(known: Table, kind: str, seed: int) -> list[list[int]]:
    """Of every other machine, whose outcome each configuration was told."""
    told, found = imported.others(known, 1, kind, seed), []
    assert sorted(set(told.unit.tolist())) == [0, 2]
    for other in (0, 2):
        own = known.reward[other] - known.reward[other, 0]
        here = told.unit == other
        worth = dict(zip(told.arm[here].tolist(), told.reward[here].tolist(), strict=True))
        found.append([int(np.flatnonzero(np.isclose(own, worth[k]))[0]) for k in range(4)])
    return found


def test_outcomes_are_those_of_their_configurations_or_in_an_order_for_each_or_for_all(known: Table) -> None:
    assert orders(known, "random", 0) == [[0, 1, 2, 3]] * 2
    alike, apart = ([orders(known, kind, seed) for seed in range(8)] for kind in ("shuffled alike", "shuffled"))
    assert all(one == other and sorted(one) == [0, 1, 2, 3] for one, other in alike)
    assert any(one != other for one, other in apart)
    assert len({tuple(one) for one, _ in alike}) > 1


def test_an_engine_learns_what_is_imported(known: Table) -> None:
    tuned = Tuned(known, 5, 0, None)
    imported.imported(tuned.engine, known, tuned.names, imported.others(known, 1, "random", 0))
    counts = tuned.engine.projects().set_index("project")
    assert tuned.engine.status()["learned"] == 8
    assert set(counts.index) == {"m0", "m2"}
    assert len(tuned(1)[0]) == 5


def test_figures_are_geometric_means() -> None:
    made = {one.what: one for one in imported.figures("known", "shuffled", {"a": [1.0, 4.0], "b": [2.0]})}
    assert made["shuffled, horizon known: regret over from nothing"].value == pytest.approx(2.0)
    assert not made["shuffled, horizon known: regret over from nothing"].met
    assert made["shuffled, horizon known: a"].value == pytest.approx(2.0)
    assert made["shuffled, horizon known: worst of 3 searches"].value == 4.0
