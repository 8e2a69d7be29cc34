"""Machines that are tuned one after another in one store: each a project, its configurations thousands or hundreds."""

from itertools import pairwise

import numpy as np
import pytest

from poolwise import ArmSpace, Engine, Family, Real
from poolwise.engine import Settings
from poolwise.posterior.gp.output_warping import best_at, warp
from poolwise.posterior.hyperparameters.refit_schedule import EVERY, due
from poolwise.refit import gate
from poolwise.refit.draws import serving_marginals
from poolwise.refit.gate_thresholds import DEFAULT_THRESHOLDS
from poolwise.refit.methods import closed_form
from poolwise.refit.options import Options
from poolwise.store.base import DecisionColumns, OutcomeColumns

TILES = {"tile": Real(0.0, 1.0, levels=12), "share": Real(0.0, 1.0, levels=8)}
SPACE = ArmSpace([Family("default"), Family("kernel", TILES)], "default")
INLINE = Settings(estimate="inline", log_views=False)


def worth(params: dict, ridge: float = 0.0) -> float:
    """A hill with a cliff: the worst configurations are far below the best."""
    if not params:
        return 0.0
    away = (params["tile"] - 0.7) ** 2 + (params["share"] - 0.3) ** 2
    return 0.5 - 6 * away - (3.0 + ridge if params["tile"] < 0.3 else 0.0)


def trial(engine: Engine, machine: str, utility=worth) -> float:
    made = engine.decide(machine, "kernel")
    value = utility(made.params)
    engine.observe(made.id, utility=value)
    return value


def tuned(engine: Engine, machine: str, trials: int, utility=worth) -> float:
    """Cumulative utility."""
    return sum(trial(engine, machine, utility) for _ in range(trials))


def at_random(engine: Engine, machine: str, trials: int, utility, seed: int = 0) -> None:
    """Trials of configurations that chance picks."""
    arms = [arm.id for arm in SPACE.arms]
    for k in np.random.default_rng(seed).permutation(len(arms))[:trials]:
        made = engine.decide(machine, "kernel", available=["default", arms[k]])
        engine.observe(made.id, utility=utility(made.params))


def imported(engine: Engine, machine: str, utility, trials: int = 90, seed: int = 0) -> None:
    """The same, as events of another tool."""
    arms = [arm for arm in SPACE.arms if arm.params]
    chosen = [arms[k] for k in np.random.default_rng(seed).permutation(len(arms))[:trials]]
    store, zero, one = engine.store, np.zeros(trials, int), np.ones(trials)
    names = (("project", [machine]), ("context", ["kernel"]), ("arm", [arm.id for arm in chosen]))
    place = [np.resize(store.intern(kind, every), trials) for kind, every in names]
    ids = store.reserve(trials) + np.arange(trials)
    value, reason = np.array([utility(arm.params) for arm in chosen]), store.intern("reason", ["imported"] * trials)
    store.append_decisions(DecisionColumns(ids, *place, one, zero, one, reason, zero - 1))
    store.append_outcomes(OutcomeColumns(ids, *place, zero - 1, zero.astype(np.int8), value, *[np.nan * one] * 2, one))
    engine.refresh()


def expected(projects: list[str]) -> list[int]:
    """After which outcomes scales are estimated: as all of them, or those of the project whose turn it is, ask."""
    found, made, known, last = [], dict.fromkeys(projects, 0), dict.fromkeys(projects, 0), 0
    for number, project in enumerate(projects, start=1):
        made[project] += 1
        if due(EVERY, number, last) or due(EVERY, made[project], known[project]):
            found.append(number)
            known, last = dict(made), number
    return found


@pytest.mark.parametrize("order", ["one after another", "in turns", "reopened"])
def test_scales_are_estimated_as_often_as_a_late_machine_asks(order, tmp_path):
    projects = ["a"] * 90 + ["b"] * 40 if order != "in turns" else ["a", "b", "c", "d"] * 30
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine, found = Engine.open(url, SPACE, seed=0, settings=INLINE), []
    for number, project in enumerate(projects):
        if order == "reopened" and number in (60, 104):
            engine.close()
            engine = Engine.open(url, SPACE, seed=0, settings=INLINE)
        trial(engine, project)
        found.append(engine.status()["estimated_from"])
    engine.close()
    assert [now for before, now in pairwise([0, *found]) if now != before] == expected(projects)


def warping(engine: Engine) -> float:
    return engine.problem().hyperparameters.gaussian.smooth.warping.amount


def test_utilities_are_bent_once_there_are_several_machines():
    engine = Engine.open("memory://", SPACE, seed=0, settings=INLINE)
    at_random(engine, "first", 60, worth)
    assert warping(engine) == 0.0
    at_random(engine, "second", 20, lambda params: worth(params, ridge=2.0), seed=1)
    assert warping(engine) > 0.0


def test_a_refit_of_bent_utilities_is_judged_where_they_are_normal():
    """Predicted cells are where the gate expects them, and the snapshot serves."""
    engine = Engine.open("memory://", SPACE, seed=0, settings=INLINE)
    random = np.random.default_rng(5)
    for name, ridge in (("first", 0.0), ("second", 2.0), ("third", -1.0)):
        noisy = lambda params, ridge=ridge: worth(params, ridge) + 0.05 * random.standard_normal()
        at_random(engine, name, 60, noisy, seed=len(name))
    problem = engine.problem()
    found = closed_form.run(problem, Options(draws=50))
    assert found.hyperparameters.gaussian.smooth.warping.amount > 0.1
    assert [one.name for one in gate.checks(problem, found, DEFAULT_THRESHOLDS) if not one.passed] == []
    assert engine.refit().status == "serving"


def test_what_is_bent_is_the_model_of_the_bent_statistics():
    """Beliefs under scales that bend, told in bent utilities, are those of bent outcomes under scales that do not."""
    engine = Engine.open("memory://", SPACE, seed=0, settings=INLINE)
    at_random(engine, "first", 40, worth)
    at_random(engine, "second", 40, lambda params: worth(params, 1.0), seed=1)
    problem = engine.problem()
    scales = problem.hyperparameters
    told, bent = serving_marginals.bent(problem, scales)
    best = best_at(scales.gaussian.smooth.warping, *np.indices(problem.shape[:2]))[:, :, None]
    amount = scales.gaussian.smooth.warping.amount
    raw, normal = serving_marginals.theta(problem, scales).mean, serving_marginals.theta(told, bent).mean
    high = raw > best - 2.0
    np.testing.assert_allclose(warp(raw, best, amount)[high], normal[high], atol=1e-9)
    assert serving_marginals.bent(told, bent) == (told, bent)


def lost(utility, trials: int, *before: tuple[str, int, object]) -> float:
    """Regret of a machine over three seeds, after random trials of others."""
    total, most = 0.0, max(utility(arm.params) for arm in SPACE.arms)
    for seed in (0, 1, 2):
        engine = Engine.open("memory://", SPACE, seed=seed, settings=INLINE)
        for name, number, other in before:
            at_random(engine, name, number, other, seed)
        total += most * trials - tuned(engine, "new", trials, utility)
    return total


def shuffled(seed: int):
    """The same utilities, of other configurations."""
    values = dict(zip([arm.id for arm in SPACE.arms], np.random.default_rng(seed).permutation(
        [worth(arm.params) for arm in SPACE.arms]), strict=True))  # fmt: skip
    ids = {tuple(sorted(arm.params.items())): arm.id for arm in SPACE.arms}
    return lambda params: float(values[ids[tuple(sorted(params.items()))]])


def test_others_that_are_alike_spare_most_of_the_search_and_shuffled_ones_cost_little():
    alone = lost(worth, 60)
    assert lost(worth, 60, ("a", 60, worth), ("b", 60, worth)) < 0.5 * alone
    assert lost(worth, 60, ("a", 60, shuffled(1)), ("b", 60, shuffled(2))) < 1.5 * alone


def test_machines_that_say_nothing_of_others_stay_apart_in_a_store_that_is_reopened(tmp_path):
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine = Engine.open(url, SPACE, seed=0, settings=INLINE)
    imported(engine, "hill", worth)
    imported(engine, "nonsense", shuffled(1))
    before = engine.beliefs()
    projects = engine.problem().projects
    assert engine.problem().hyperparameters.separate.projects == (projects.index("nonsense"),)
    assert engine.refit().status == "serving"
    engine.close()
    engine = Engine.open(url, SPACE, seed=0, settings=INLINE)
    assert engine.problem().hyperparameters.separate.projects == (projects.index("nonsense"),)
    again = engine.beliefs()
    for name in ("mean", "sd"):
        np.testing.assert_allclose(again[name], before[name], atol=0.1)
    wider = ArmSpace([Family("default"), Family("kernel", {**TILES, "tile": Real(0.0, 1.0, levels=23)})], "default")
    engine.close()
    found = Engine.open(url, wider, seed=0, settings=INLINE)
    assert np.isfinite(found.beliefs()["mean"]).all()
    assert found.problem().hyperparameters.separate.projects == (projects.index("nonsense"),)


def test_a_machine_that_is_a_thousand_times_slower_is_tuned_as_any_other():
    """What is reported are costs, of the baseline too: nothing else is seen of a machine."""
    chosen = []
    for factor in (1.0, 1000.0):
        engine = Engine.open("memory://", SPACE, seed=0, settings=INLINE)
        at_random(engine, "first", 40, worth)
        for _ in range(30):
            made = engine.decide("slow", "kernel")
            engine.observe(made.id, cost=factor * np.exp(-worth(made.params)), baseline_cost=factor)
            chosen.append(made.arm)
    assert chosen[:30] == chosen[30:]


EDGES = {
    "one outcome of the others": [("a", 1, worth), ("b", 1, worth)],
    "identical machines": [("a", 40, worth), ("b", 40, worth), ("c", 40, worth)],
    "all the same": [("a", 30, lambda params: 0.2), ("b", 30, lambda params: 0.2)],
    "utilities of -5 alone": [("a", 30, lambda params: -9.0), ("b", 30, worth)],
}


@pytest.mark.parametrize("case", EDGES)
@pytest.mark.parametrize("utility", [worth, lambda params: 0.2], ids=["a hill", "constant"])
def test_strange_others_leave_finite_beliefs_and_proper_choices(case, utility):
    engine = Engine.open("memory://", SPACE, seed=0, settings=INLINE)
    for name, number, other in EDGES[case]:
        at_random(engine, name, number, other)
    for _ in range(25):
        made = engine.decide("new", "kernel")
        assert 0 < made.probability <= 1
        engine.observe(made.id, utility=utility(made.params))
    assert np.isfinite(engine.beliefs()[["mean", "sd", "low", "high"]].to_numpy()).all()


def test_others_with_other_configurations_only():
    engine = Engine.open("memory://", SPACE, seed=0, settings=INLINE)
    low, high = ([arm.id for arm in SPACE.arms if arm.params and (arm.params["tile"] < 0.5) == side] for side in (1, 0))
    for name, arms in (("old", low), ("new", high)):
        for _ in range(40):
            made = engine.decide(name, "kernel", available=["default", *arms])
            engine.observe(made.id, utility=worth(made.params))
    found = engine.beliefs(project="new")
    assert np.isfinite(found[["mean", "sd"]].to_numpy()).all()
    assert engine.best("new", "kernel")["arm"].iloc[0] in high


def test_whom_a_machine_resembles_is_learned_shown_and_kept(tmp_path):
    """Two vendors, of one of which a large share is good, of the other a small one."""
    file = f"sqlite:///{tmp_path}/a.db"
    vendor = {name: (lambda p, s=sign: worth(p) + s * (p["share"] - 0.5) if p else 0.0) for name, sign in
              (("n1", 3.0), ("n2", 3.0), ("a1", -3.0), ("a2", -3.0))}  # fmt: skip
    engine = Engine.open(file, SPACE, seed=1, settings=INLINE)
    for name, utility in vendor.items():
        imported(engine, name, utility)
    near = engine.across.similar("n1").neighbours.set_index("project")["correlation"]
    assert near["n2"] > near[["a1", "a2"]].max() + 0.2
    engine.close()
    again = Engine.open(file, SPACE, seed=1, settings=INLINE)
    kept = again.across.similar("n1").neighbours.set_index("project")["correlation"]
    np.testing.assert_allclose(kept[near.index], near)
    again.close()
