"""Stacked seasons and gains by rank of arrival, by hand."""

import numpy as np
import pandas as pd

import factors
import transfer
from poolwise.table import Table, available, from_rows, utility


def season(arms: str, costs: list[list[float]], project: str) -> Table:
    """One context; units u0, u1, .. of one project; arms named by letters, the first is the baseline."""
    rows = [(f"u{u}", project, "c", "f", arm, costs[u][a]) for u in range(len(costs)) for a, arm in enumerate(arms)]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="s", source="s", baseline="a")


def test_stack_unites_arms_and_keeps_outcomes() -> None:
    first, second = season("ab", [[1.0, 2.0]], "p"), season("ca", [[4.0, 3.0], [5.0, 6.0]][:1], "q")
    second = second._replace(baseline=1)
    both = transfer.stack(first, second, "both")
    assert both.arms == ("a", "b", "c")
    assert both.projects == ("p", "q")
    np.testing.assert_array_equal(available(both), [[True, True, False], [True, False, True]])
    np.testing.assert_allclose(utility(both)[1, [0, 2]], [0.0, np.log(3 / 4)])
    assert both.units == ("first u0", "second u0")


def test_gap_is_zero_for_the_best_fixed_arm() -> None:
    table = season("ab", [[1.0, 2.0], [4.0, 1.0]], "p")
    lost = transfer.gap(table)
    assert lost.mean(axis=0).min() == 0.0
    np.testing.assert_allclose(lost[:, 0].mean(), np.log(2) / 2)


def test_consecutive_seasons_of_one_source_are_paired() -> None:
    names = ["p/a-2021", "p/a-2022", "p/b-2022", "p/c"]
    assert list(transfer.seasons(names)) == ["p/a-2021 -> p/a-2022"]


def test_beginnings_are_the_first_decisions_of_every_project_in_turn() -> None:
    table = transfer.stack(season("ab", [[1.0, 2.0]] * 50, "p"), season("ab", [[1.0, 2.0]] * 3, "q"), "both")
    parts = factors.beginnings(table, 0)
    assert sorted(len(part) for part in parts) == [3, factors.EACH]
    assert all(len(set(table.project[part])) == 1 for part in parts)
    assert len(set(np.concatenate(parts).tolist())) == 3 + factors.EACH


def test_sets_are_compared_by_means_over_seeds() -> None:
    sets, ratio = factors.compared_sets({"a": {"without": [1.0, 3.0], "with": [1.0, 1.0]}})
    assert sets == {"a": {"without": 2.0, "with": 1.0, "ratio": 0.5}}
    assert ratio == 0.5
