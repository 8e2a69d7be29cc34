"""A search of a parameter space: better than chance from nothing, better still with others, even if these mislead."""

import numpy as np
import pandas as pd
import pytest

from poolwise.replay import NOTHING, Observations, run_space
from poolwise.replay.search.configuration_search import column, coordinates
from poolwise.table import Table, from_rows

TRIALS = 40


@pytest.fixture(scope="module")
def table() -> Table:
    """Two machines alike and one whose best corner is another; a bowl in (x, y), `mode` b slower."""
    rows, params = [], {}
    for k, (x, y, mode) in enumerate((x, y, mode) for x in (1, 2, 4, 8, 16, 32) for y in range(20) for mode in "ab"):
        params[str(k)] = {"x": x, "y": y, "mode": mode, "fixed": 1}
        for machine, best, low in (("m0", 3, 12), ("m1", 3, 12), ("odd", 1, 5)):
            bowl = (np.log2(x) - best) ** 2 / 4 + (y - low) ** 2 / 30 + (mode == "b")
            rows.append((machine, machine, "kernel", mode, str(k), np.exp(bowl)))
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="bowl", source="bowl", baseline="0", params=params)


def known(table: Table, unit: int) -> Observations:
    arms = np.arange(len(table.arms))
    return Observations(np.full(len(arms), unit), arms, table.reward[unit])


def lost(table: Table, unit: int, what: Observations) -> float:
    """Mean regret per trial over 12 seeds: one of them may be unlucky."""
    chosen = np.stack([run_space(table, unit, TRIALS, seed, what) for seed in range(12)])
    return float((table.reward[unit].max() - table.reward[unit, chosen]).mean())


def test_from_nothing_with_others_and_with_others_of_another_optimum(table):
    nothing, chance = lost(table, 0, NOTHING), table.reward[0].max() - table.reward[0].mean()
    assert nothing < 0.4 * chance
    assert lost(table, 0, known(table, 1)) < 0.1 * nothing
    assert lost(table, 0, known(table, 2)) < min(nothing, 0.25 * chance)


def test_the_same_seed_gives_the_same_search(table):
    first, again = (run_space(table, 0, 15, 3, NOTHING) for _ in range(2))
    assert first.tolist() == again.tolist()


def test_coordinates_by_hand(table):
    found = coordinates(table)
    assert len(found) == 3
    assert np.unique(found[0]).tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert np.linalg.norm(found[2][0] - found[2][1]) == pytest.approx(1.0)


def test_a_missing_parameter_stands_apart():
    assert column([1, 2, 3, None]).shape == (4, 4)
