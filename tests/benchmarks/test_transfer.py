"""Stacked seasons and gains by rank of arrival, by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.replay.learners import Task
from benchmarks.transfer import factors
from benchmarks.transfer import projects as transfer_projects
from benchmarks.transfer import seasons as transfer_seasons
from poolwise.table import Table, available, from_rows, utility


def season(arms: str, costs: list[list[float]], project: str) -> Table:
    """One context; units u0, u1, .. of one project; arms named by letters, the first is the baseline."""
    rows = [(f"u{u}", project, "c", "f", arm, costs[u][a]) for u in range(len(costs)) for a, arm in enumerate(arms)]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="s", source="s", baseline="a")


def test_stack_unites_arms_and_keeps_outcomes() -> None:
    first, second = season("ab", [[1.0, 2.0]], "p"), season("ca", [[4.0, 3.0], [5.0, 6.0]][:1], "q")
    second = second._replace(baseline=1)
    both = transfer_seasons.stack(first, second, "both")
    assert both.arms == ("a", "b", "c")
    assert both.projects == ("p", "q")
    np.testing.assert_array_equal(available(both), [[True, True, False], [True, False, True]])
    np.testing.assert_allclose(utility(both)[1, [0, 2]], [0.0, np.log(3 / 4)])
    assert both.units == ("first u0", "second u0")


def test_gap_is_zero_for_the_best_fixed_arm() -> None:
    table = season("ab", [[1.0, 2.0], [4.0, 1.0]], "p")
    lost = transfer_projects.gap(table)
    assert lost.mean(axis=0).min() == 0.0
    np.testing.assert_allclose(lost[:, 0].mean(), np.log(2) / 2)


def test_a_project_alone_has_its_own_contexts_and_units() -> None:
    table = transfer_seasons.stack(season("ab", [[1.0, 2.0]], "p"), season("ab", [[3.0, 1.0]] * 2, "q"), "both")
    table = table._replace(contexts=("c", "d"), context=np.array([0, 1, 1]))
    single, place = transfer_projects.alone(table, np.array([1, 2]))
    assert (single.projects, single.contexts, single.units) == (("q",), ("d",), ("second u0", "second u1"))
    assert single.project.tolist() == single.context.tolist() == [0, 0]
    assert place.tolist() == [-1, 0, 1]


def test_arrivals_pair_the_same_units_in_turn_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner that takes the worse arm in turn, and the better one alone."""
    table = transfer_seasons.stack(season("ab", [[1.0, 2.0]] * 2, "p"), season("ab", [[1.0, 4.0]] * 3, "q"), "both")
    monkeypatch.setattr(
        transfer_projects, "play", lambda _, table, order: np.full(order.shape, int(len(table.projects) > 1))
    )
    task = Task(Path(), "both", "Poolwise", "", "project", (0, 1), "none")
    found = transfer_projects.arrivals(task, table, np.array([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]]))
    assert [(one.rank, len(one.after)) for one in found] == [(1, 2), (1, 3)]
    np.testing.assert_allclose(found[0].after, np.log(2))
    np.testing.assert_allclose(found[1].after, np.log(4))
    assert not found[0].alone.any()


def test_compared_weighs_decisions_alike() -> None:
    found = [
        transfer_projects.Arrival(1, np.array([1.0, 1.0]), np.array([2.0, 2.0])),
        transfer_projects.Arrival(2, np.array([1.0]), np.array([2.0])),
    ]
    made = transfer_projects.compared(found)
    assert made == {"arrivals": 2, "after": 1.0, "alone": 2.0, "ratio": 0.5, "standard error": 0.0}


def test_consecutive_seasons_of_one_source_are_paired() -> None:
    names = ["p/a-2021", "p/a-2022", "p/b-2022", "p/c"]
    assert list(transfer_seasons.seasons(names)) == ["p/a-2021 -> p/a-2022"]


def test_beginnings_are_the_first_decisions_of_every_project_in_turn() -> None:
    table = transfer_seasons.stack(season("ab", [[1.0, 2.0]] * 50, "p"), season("ab", [[1.0, 2.0]] * 3, "q"), "both")
    parts = factors.beginnings(table, 0)
    assert sorted(len(part) for part in parts) == [3, factors.EACH]
    assert all(len(set(table.project[part])) == 1 for part in parts)
    assert len(set(np.concatenate(parts).tolist())) == 3 + factors.EACH


def test_sets_are_compared_by_means_over_seeds() -> None:
    sets, ratio = factors.compared_sets({"a": {"without": [1.0, 3.0], "with": [1.0, 1.0]}})
    assert sets == {"a": {"without": 2.0, "with": 1.0, "ratio": 0.5}}
    assert ratio == 0.5
