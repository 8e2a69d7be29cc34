"""Refits of jobs with features: the gate passes them, slopes are kept, and the store opened again serves them."""

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("fast"), Family("small")], "default")
INLINE = Settings(estimate="inline", backend="numpy")


@pytest.fixture
def engine():
    """160 jobs: `fast` gains with x, `small` loses."""
    made = Engine.open("memory://", SPACE, seed=1, settings=INLINE, features={"x": {}})
    random = np.random.default_rng(0)
    for k in range(160):
        x = float(random.normal())
        decision = made.decide("p", "cd"[k % 2], features={"x": x})
        gain = {"default": 0.0, "fast": x, "small": -x}[decision.arm]
        made.observe(decision.id, utility=gain + 0.1 * random.normal())
    return made


def chosen(engine):
    """(probability of `fast` at a large x, of `small` at a small one)."""
    found = []
    for x, arm in ((2.0, "fast"), (-2.0, "small")):
        view = engine.store.view(engine.decide("p", "c", features={"x": x}).view)
        found.append(view.arms[int(np.argmax(view.arrays["mean"]))] == arm)
    return found


def test_a_fast_refit_keeps_the_slopes(engine):
    assert chosen(engine) == [True, True]
    snapshot = engine.refit()
    assert (snapshot.status, snapshot.reason) == ("serving", snapshot.reason)
    assert snapshot.hyper["features"] is not None
    assert chosen(engine) == [True, True]
    assert engine.overview()["features"][0]["relevance"] == pytest.approx(1.0)


def test_the_gate_is_shown_the_hierarchy_alone(engine):
    from poolwise.refit import job_features

    problem = engine.problem()
    plain = job_features.without(problem)
    assert problem.rows is not None
    assert plain.hyperparameters.features is plain.online is None
    kept = job_features.with_slopes(problem._replace(rows=None), plain.hyperparameters, again=True)
    assert kept.features is problem.hyperparameters.features
    bare = problem._replace(rows=None, hyperparameters=plain.hyperparameters)
    assert job_features.without(bare) is bare
