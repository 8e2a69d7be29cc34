"""Parameter spaces: what a searcher proposes, sees and is told."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers import searchers as space_peers
from benchmarks.replay import searches, spaces
from poolwise.table import Table, from_rows


@pytest.fixture(scope="module")
def table() -> Table:
    """Two machines, 60 configurations of a bowl in (x, y), some missing from the grid; `mode` b is slower."""
    rows, params = [], {}
    for k, (x, y, mode) in enumerate((x, y, mode) for x in (1, 2, 4, 8, 16, 32) for y in range(6) for mode in "ab"):
        if k % 6 == 5:
            continue
        params[str(k)] = {"x": x, "y": y, "mode": mode, "fixed": 1}
        cost = np.exp((np.log2(x) - 3) ** 2 / 4 + (y - 2) ** 2 / 4 + (mode == "b"))
        rows += [(machine, machine, "kernel", mode, str(k), cost) for machine in ("m0", "m1")]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="bowl", source="bowl", baseline="0", params=params)


def test_grid_by_hand(table: Table) -> None:
    space = space_peers.grid(table)
    assert space.names == ("x", "y", "mode")
    assert space.levels == ((1, 2, 4, 8, 16, 32), (0, 1, 2, 3, 4, 5), ("a", "b"))
    assert space.numeric.tolist() == [True, True, False]
    for arm in (0, 7, 31):
        assert space_peers.nearest(space, space.places[arm]) == arm


def test_nearest_of_a_hole_is_a_neighbour(table: Table) -> None:
    space = space_peers.grid(table)
    hole = np.array([0, 2, 1])
    assert not (space.places == hole).all(axis=1).any()
    found = space.places[space_peers.nearest(space, hole)]
    assert np.abs(found - hole).sum() == 1


def test_tpe_beats_random_search(table: Table) -> None:
    """Mean over 3 seeds of 40 trials each."""
    pytest.importorskip("optuna")
    lost = {}
    for name, searcher in space_peers.SEARCHERS.items():
        chosen = np.stack([searcher(table, 0, 40, seed) for seed in range(3)])
        lost[name] = (table.reward[0].max() - table.reward[0, chosen]).mean()
    assert lost["Optuna TPE"] < 0.8 * lost["random search"]


def test_a_trial_is_one_launch(table: Table) -> None:
    launches = table.reward[:, :, None] + np.array([-0.5, 0.5])
    rng = np.random.default_rng(0)
    seen = {space_peers.measured(table._replace(repeats=launches), 0, 3, rng) - table.reward[0, 3] for _ in range(20)}
    assert {round(one, 6) for one in seen} == {-0.5, 0.5}


@pytest.mark.parametrize(("kind", "size"), [("nothing", 0), ("random trials", 60), ("complete", 60)])
def test_knowledge_is_of_other_machines_only(table: Table, kind: str, size: int) -> None:
    known = searches.knowledge(table, 1, kind, seed=0)
    assert len(known.unit) == size
    assert (known.unit == 0).all()
    np.testing.assert_array_equal(known.reward, table.reward[known.unit, known.arm])


def test_figures_are_geometric_means_and_the_worst_ratio_is_named() -> None:
    def result(regret: float) -> dict[str, object]:
        return {"regret": [regret], "best": [0.9], "seconds": 1.0}

    names = ("Optuna TPE", "Poolwise, nothing", "Poolwise, random trials", "Poolwise, complete")
    found = {
        "a": dict(zip(names, map(result, (100.0, 40.0, 20.0, 4.0)), strict=True)),
        "b": dict(zip(names, map(result, (100.0, 10.0, 20.0, 1.0)), strict=True)),
    }
    made = spaces.figures(found)
    assert [one.value for one in made] == pytest.approx([0.2, 1.0, 0.1, 0.9, 2.0, 1.0])
    assert made[4].what.endswith("b")
    assert [one.met for one in made] == [True, False, True, False, False, True]
