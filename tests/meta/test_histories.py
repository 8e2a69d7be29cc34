"""Histories out of tables: what is played, and that variations keep what they must."""

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.meta import augmentation, histories
from poolwise.table import utility
from tests.replay.tables import table as drawn


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


@pytest.mark.parametrize("kind", ["contexts", "projects", "all"])
def test_what_no_unit_is_of_takes_no_room(kind):
    """And every unit keeps the names that it had."""
    part = VARIATIONS[kind](np.random.default_rng(1), drawn())
    made = part if kind == "all" else augmentation.compact(part)
    assert len(made.projects) == len(np.unique(made.project)) == made.project.max() + 1
    assert len(made.contexts) == len(np.unique(made.context)) == made.context.max() + 1
    names = lambda one: [(one.projects[p], one.contexts[c]) for p, c in zip(one.project, one.context, strict=True)]
    assert names(made) == names(part)
