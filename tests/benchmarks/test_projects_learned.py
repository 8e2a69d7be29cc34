"""What the benchmark of learned projects says of runs whose regret is known."""

import numpy as np
import pytest

from benchmarks.simulation import projects_learned as learned
from benchmarks.simulation.projects import GIVEN, SHIPPED
from benchmarks.simulation.projects_world import world
from benchmarks.simulation.world import read

PROBLEM = read(GIVEN if GIVEN.exists() else SHIPPED)
SEEDS = range(3)


@pytest.fixture(scope="module")
def made():
    return world(PROBLEM, SEEDS, 0.15)


def arms(made, until):
    """The worst arm of every cell at first, then the best."""
    every, project = np.arange(len(made.context))[:, None, None], np.arange(made.context.shape[1])[:, None]
    value = made.value[every, project, made.context]
    early = np.arange(made.context[0].size).reshape(made.context.shape[1:]) < until
    return np.where(early, value.argmin(axis=-1), value.argmax(axis=-1))


def test_arrival_and_regret_are_those_of_what_was_chosen(made):
    found = {
        "default": arms(made, 1_000),
        "card": arms(made, 500)[:2],
        **{n: arms(made, 1_000) for n in learned.THOMPSON},
    }
    body = learned.judged(made, found)
    assert body["card"]["over default"][0] == pytest.approx(0.5, abs=0.05)
    for arrived, until in zip(body["card"]["to level"], (500, 1_000), strict=True):
        assert until < arrived < until + learned.WINDOW
    shown = {one.what: one.value for one in learned.figures({"0.15": body})}
    assert shown["card over the default, decisions to level"] == pytest.approx(0.55, abs=0.05)


def test_a_level_that_is_never_reached_takes_all_decisions():
    assert learned.arrival(np.zeros(2_000), 1.0) == 2_000
