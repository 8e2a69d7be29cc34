"""Histories out of logs: what is completed, what is left out, and what is told apart."""

import numpy as np
import pandas as pd
import pytest

from poolwise import policy as policies
from poolwise.meta import logs
from poolwise.meta.histories import Played
from poolwise.run.histories import of_store
from tests.meta.stores import learned

TRUE = np.array([[0.0, 0.5, -0.5, 0.2], [0.0, -0.4, 0.6, 0.1]])
STEPS = Played(compiled=False)


def frame(rows=400, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    context, arm = rng.integers(2, size=rows), rng.integers(4, size=rows)
    value = TRUE[context, arm] + (arm > 0) * noise * rng.standard_t(3, size=rows)
    names = {"project": np.where(np.arange(rows) % 2, "p", "q"), "context": context.astype(str)}
    return pd.DataFrame({**names, "arm": [f"a{k}" for k in arm], "family": [f"a{k}" for k in arm],
                         "probability": 0.25, "utility": value})  # fmt: skip


def test_a_completed_log_has_the_cells_means_and_the_tails_of_its_noise():
    log = logs.read(frame(4_000), "a0")
    table, expected = logs.completed(log, seed=1)
    assert np.bincount(table.project).tolist() == [2_000, 2_000]
    true = TRUE[frame(4_000)["context"].astype(int)]
    np.testing.assert_allclose(expected, true, atol=0.1)
    noise = (table.reward - expected)[:, 1:]
    for context in range(2):
        np.testing.assert_allclose(noise[table.context == context].mean(axis=0), 0.0, atol=0.02)
    assert (noise**4).mean() / noise.var() ** 2 > 4
    assert (table.reward[:, 0] == 0).all()


def test_the_same_seed_gives_the_same_history():
    first, again, other = (logs.completed(logs.read(frame(100), "a0"), seed)[0].reward for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"probability": np.nan}, "without a propensity"), ({"arm": "a0", "utility": 0.0}, "30 and 10 are needed")],
)
def test_projects_that_are_no_history_are_told(changes, message):
    told = []
    log = frame(200)
    log.loc[log["project"] == "q", list(changes)] = list(changes.values())
    assert logs.lasting(log, "a0", told.append) == ["p"]
    assert len(told) == 1
    assert message in told[0]


def test_a_stores_projects_are_one_history_without_their_names():
    told = []
    (found,) = of_store(learned(projects=3, tries=10).store, told.append)
    assert not told
    assert found.projects == ("project 1", "project 2", "project 3")
    lost = found.play(policies.default(), [5, 6])
    assert lost.shape == (2, 3)
    assert (lost > 0).all()


def test_what_a_project_tells_helps_those_after_it():
    rows = frame(240)
    every = logs.read(rows.assign(project=[str(number // 40) for number in range(240)]), "a0")
    lost = logs.together(every, STEPS).play(policies.default(), range(6)).mean(axis=0)
    alone = logs.together(logs.of_projects(every, ["5"]), STEPS).play(policies.default(), range(6)).mean()
    assert lost[3:].mean() < 0.6 * lost[0]
    assert lost[5] < 0.6 * alone


def test_some_projects_of_a_log_keep_their_decisions_and_cells():
    both = logs.read(frame(400), "a0")
    chosen = logs.of_projects(both, ["q"])
    there = both.project == both.names.index("q")
    np.testing.assert_array_equal(chosen.context, both.context[there])
    assert (chosen.names, set(chosen.project.tolist())) == (("q",), {0})
    np.testing.assert_array_equal(chosen.mean[0], both.mean[both.names.index("q")])
