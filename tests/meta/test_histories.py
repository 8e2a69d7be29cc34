"""Histories out of logs and tables: what is completed, what is refused, and that variations keep what they must."""

import numpy as np
import pandas as pd
import pytest

from poolwise import policy as policies
from poolwise.meta import augmentation, histories
from poolwise.run.histories import of_store
from poolwise.table import utility
from tests.meta.stores import learned
from tests.replay.tables import table as drawn

TRUE = np.array([[0.0, 0.5, -0.5, 0.2], [0.0, -0.4, 0.6, 0.1]])


def frame(rows=400, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    context, arm = rng.integers(2, size=rows), rng.integers(4, size=rows)
    value = TRUE[context, arm] + (arm > 0) * noise * rng.standard_t(3, size=rows)
    names = {"project": np.where(np.arange(rows) % 2, "p", "q"), "context": context.astype(str)}
    return pd.DataFrame({**names, "arm": [f"a{k}" for k in arm], "family": [f"a{k}" for k in arm],
                         "probability": 0.25, "utility": value})  # fmt: skip


def test_a_completed_log_has_the_cells_means_and_the_tails_of_its_noise():
    tables = histories.completed(frame(4_000), "a0", seed=1)
    assert [len(table.units) for table in tables] == [2_000, 2_000]
    for table in tables:
        gain = utility(table)
        for context in range(2):
            there = table.context == context
            mean = np.array([gain[there, k].mean() for k in range(4)])
            true = min(TRUE, key=lambda row: np.abs(row - mean).max())
            np.testing.assert_allclose(mean, true, atol=0.1)
    kurtosis = lambda made: ((made - made.mean()) ** 4).mean() / made.var() ** 2
    noise = np.concatenate([utility(table)[table.context == 0, 1] for table in tables])
    assert kurtosis(noise) > 4


def test_the_same_seed_gives_the_same_history():
    first, again, other = (histories.completed(frame(100), "a0", seed)[0].reward for seed in (1, 1, 2))
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
    found = histories.of_log(log, "a0", 0, told.append)
    assert [one.name for one in found] == ["project 2"]
    assert len(told) == 1
    assert message in told[0]


def test_a_stores_projects_are_histories_without_their_names():
    engine = learned(projects=3, tries=10)
    told = []
    found = of_store(engine.store, 0, told.append)
    assert [len(found), len(told)] == [3, 0]
    assert not any("secret" in text for one in found for text in one[:2])
    lost = found[0].play(policies.default(), [5, 6])
    assert lost.shape == (2,)
    assert (lost > 0).all()


def test_a_greedy_policy_that_never_looks_loses_more_than_the_default():
    table = drawn()
    stay, usual = (
        histories.regret(table, policies.parse(spec), range(4)).mean() for spec in ("greedy", "knowledge_gradient")
    )
    assert usual < stay


VARIATIONS = {
    "arms": lambda rng, table: augmentation.some_arms(rng, table, 0.7),
    "contexts": lambda rng, table: augmentation.some_contexts(rng, table, 0.5),
    "projects": lambda rng, table: augmentation.some_projects(rng, table, 0.5),
    "names": augmentation.renamed,
    "jobs": augmentation.redrawn,
    "end": lambda rng, table: augmentation.cut(table, 7),
    "baseline": lambda rng, table: augmentation.ordinary(table),
    "all": lambda rng, table: augmentation.varied(table, 3),
}


@pytest.mark.parametrize("variation", VARIATIONS.values(), ids=VARIATIONS)
def test_variations_are_tables_of_the_same_outcomes(variation):
    table = drawn()
    made = variation(np.random.default_rng(0), table)
    assert made.reward.shape == made.status.shape == (len(made.units), len(made.arms))
    assert (utility(made)[:, made.baseline] == 0).all()
    columns = [table.arms.index(arm) for arm in made.arms]
    rows = [table.units.index(unit) for unit in made.units]
    np.testing.assert_array_equal(made.reward, table.reward[np.ix_(rows, columns)])
    assert histories.of_table(made).known.arms == pytest.approx(np.log(len(made.arms)))


def test_an_ordinary_baseline_is_neither_best_nor_worst():
    mean = utility(augmentation.ordinary(drawn())).mean(axis=0)
    assert mean.min() < 0 < mean.max()
