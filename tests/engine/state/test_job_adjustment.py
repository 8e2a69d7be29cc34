"""Jobs that recur, where no baseline's cost is known: contrasts are learned, whatever the jobs themselves cost."""

import math

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.errors import OutcomeError
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family(name) for name in ("mzr02", "mzr08", "const", "dyn")], "mzr02")
SPEED = {"mzr02": 0.0, "mzr08": -0.2, "const": 0.2, "dyn": 0.6}
JOBS = 12
INLINE = Settings(estimate="inline")


def run(engine: Engine, rounds: int, seed: int, *, shift: float = 0.0, levels: bool = True) -> list[str]:
    """Arms chosen. Jobs differ by a standard deviation of 2, arms by 0.3, outcomes by 0.3: 95 % are the jobs'."""
    rng = np.random.default_rng(seed)
    level, chosen = rng.normal(0, 2, JOBS), []
    level[0] += shift
    for job, noise in zip(rng.integers(JOBS, size=rounds).tolist(), rng.normal(0, 0.3, rounds).tolist(), strict=True):
        made = engine.decide("mizar", "article", job=f"problem {job}")
        logarithm = level[job] + noise - SPEED[made.arm]
        if levels:
            engine.observe(made.id, cost=math.exp(logarithm))
        else:
            engine.observe(made.id, utility=-logarithm)
        chosen.append(made.arm)
    return chosen


def test_contrasts_are_learned_though_jobs_differ_by_far_more():
    """Speed lost against the best arm in the later half, over 6 seeds; without levels the jobs drown the arms."""
    lost = {True: [], False: []}
    for levels in lost:
        for seed in range(6):
            chosen = run(Engine.open("memory://", SPACE, seed=seed, settings=INLINE), 120, seed, levels=levels)[60:]
            lost[levels].append(np.mean([SPEED["dyn"] - SPEED[arm] for arm in chosen]))
    assert np.mean(lost[True]) < 0.12
    assert np.mean(lost[True]) < 0.5 * np.mean(lost[False])


def test_what_is_added_to_all_costs_of_a_job_changes_no_decision():
    one, other = (Engine.open("memory://", SPACE, seed=3, settings=INLINE) for _ in range(2))
    assert run(one, 80, 1) == run(other, 80, 1, shift=3.0)
    np.testing.assert_allclose(one.beliefs()["mean"], other.beliefs()["mean"], atol=1e-9)


def test_a_job_with_one_arm_teaches_nothing_of_its_speed():
    engine = Engine.open("memory://", ArmSpace([Family("mzr02"), Family("dyn")], "mzr02"), seed=3)
    for job, cost in (("a", 5.0), ("b", 70.0), ("c", 1.0)):
        engine.observe(engine.decide("mizar", "article", job=job, available=["mzr02"]).id, cost=cost)
    assert engine.beliefs()["n"].sum() == 3
    assert abs(engine.serving.belief.posterior.mean_given_success(0, 0)).max() < 1e-12


def test_opened_again_it_believes_the_same(tmp_path):
    """Contrasts between arms, within a third of a standard deviation: they are solved for alternately."""
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    engine = Engine.open(url, SPACE, seed=3, settings=INLINE)
    run(engine, 100, 2)
    engine.refit()
    before = engine.beliefs()
    engine.close()
    again = Engine.open(url, SPACE, settings=INLINE)
    again.refit()
    found = again.beliefs()
    apart = (found["mean"] - found["mean"].mean()) - (before["mean"] - before["mean"].mean())
    assert (abs(apart) < before["sd"] / 3).all()
    assert found["n"].sum() == before["n"].sum()


def test_a_cost_alone_needs_a_job():
    engine = Engine.open("memory://", SPACE, seed=3, settings=INLINE)
    with pytest.raises(OutcomeError, match="job="):
        engine.observe(engine.decide("mizar", "article").id, cost=5.0)
