"""Thousands of configurations in the engine: an untried one borrows from its neighbours, and nothing else is lost."""

import numpy as np
import pytest

from poolwise import errors, policy
from poolwise.engine import Engine, Settings
from poolwise.engine.indexing.arm_features import MANY, coordinates, surfaces
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice, Integer, Real

KERNEL = Family(
    "kernel",
    {
        "tile": Integer(1, 64, log=True, levels=7),
        "ratio": Real(0.0, 1.0, levels=12),
        "cached": Choice([False, True]),
        "depth": Integer(1, 4),
    },
    conditions={"depth": {"cached": [True]}},
    limit=500,
)
SPACE = ArmSpace([Family("default"), KERNEL, Family("other", {"kind": Choice(["a", "b"])})], "default")


def utility(arm: str) -> float:
    """A bowl: best at tile 16, ratio 0.3, cached and deep; `default` 0, `other` worse."""
    params = SPACE.arm(arm).params
    if "tile" not in params:
        return -0.1 * len(params)
    bowl = 0.15 * (np.log2(params["tile"]) - 4) ** 2 + 4 * (params["ratio"] - 0.3) ** 2
    return 1.0 - float(bowl) + 0.05 * params.get("depth", -2)


BEST = max(utility(arm.id) for arm in SPACE.arms)


def run(engine: Engine, rounds: int, seed: int = 0, project: str = "p", context: str = "c") -> list:
    random = np.random.default_rng(seed)
    chosen = []
    for _ in range(rounds):
        decision = engine.decide(project, context)
        engine.observe(decision.id, utility=utility(decision.arm) + float(random.normal(0, 0.1)))
        chosen.append(decision)
    return chosen


def lost(chosen: list) -> float:
    return sum(BEST - utility(decision.arm) for decision in chosen)


def test_the_rule_is_as_stated():
    """More than 48 arms that differ in a number, or in two parameters."""
    of = lambda family, rule="auto": surfaces(family.arms(), ArmSpace([family], family.arms()[0].id), rule)
    numbers, names = list(range(MANY + 1)), [str(n) for n in range(MANY + 1)]
    assert of(Family("f", {"n": Integer(0, MANY, levels=MANY + 1)}))
    assert not of(Family("f", {"n": Integer(1, MANY, levels=MANY)}))
    assert not of(Family("f", {"n": Choice(names)}))
    assert of(Family("f", {"n": Choice(names), "m": Choice(["a", "b"])}))
    assert of(Family("f", {"n": Choice(numbers[:3])}), "always")
    assert not of(Family("f"), "always")
    assert not of(KERNEL, "never")


def test_places_of_a_conditional_and_of_a_scaled_parameter():
    arms = KERNEL.arms()
    depth, tile, kinds = (coordinates(KERNEL.parameters[name], name, arms) for name in ("depth", "tile", "cached"))
    without = ["depth" not in arm.params for arm in arms]
    apart = np.linalg.norm(depth[without][0] - depth, axis=1)
    assert apart[without].max() == 0
    assert apart[~np.array(without)].min() >= 1
    np.testing.assert_allclose(np.unique(tile[:, 0].round(6)), np.linspace(0, 1, 7), atol=1e-6)
    np.testing.assert_allclose(np.unique(np.linalg.norm(kinds[0] - kinds, axis=1)), [0, 1])


def test_configurations_borrow_from_their_neighbours():
    """200 trials of 420 configurations: at most half the regret of arms that are taken to stand alone."""
    smooth, alone = (
        lost(run(Engine.open("memory://", SPACE, seed=1, settings=made), 200))
        for made in (Settings(surface=rule, horizon=200, estimate="inline") for rule in ("auto", "never"))
    )
    assert smooth < 0.5 * alone


def test_another_project_and_another_context_start_from_what_is_known():
    engine = Engine.open("memory://", SPACE, seed=2, settings=Settings(horizon=150, estimate="inline"))
    first = lost(run(engine, 60)[:20])
    assert lost(run(engine, 20, project="new")) < 0.5 * first
    assert lost(run(engine, 20, project="new", context="other")) < 0.5 * first


def test_every_decision_can_be_made_again_and_says_whom_it_borrowed_from():
    engine = Engine.open("memory://", SPACE, seed=3)
    chosen = run(engine, 40)
    assert all(engine.explain(decision.id, replay=True)["replay"]["same"] for decision in chosen)
    last = max((d for d in chosen[20:] if d.family == "kernel"), key=lambda d: d.id)
    found = engine.explain(last.id)
    near = found["borrowed"]["neighbours"]
    assert near["arms"] > 0
    assert near["nearest"][0]["likeness"] > 0.5
    assert any("neighbouring configuration" in sentence for sentence in found["sentences"])
    first = engine.explain(chosen[0].id)
    assert first["borrowed"]["neighbours"] in (None, {**near, "arms": 0, "outcomes": 0, "mean": 0, "speed_up": 1,
                                                      "nearest": []})  # fmt: skip


@pytest.mark.parametrize("rounds", [30, 90])
@pytest.mark.parametrize("half_life", [None, 40.0])
def test_opening_again_gives_the_same_beliefs(tmp_path, rounds, half_life):
    url, settings = f"sqlite:///{tmp_path / 'events.db'}", Settings(half_life=half_life, estimate="inline")
    engine = Engine.open(url, SPACE, seed=4, settings=settings)
    run(engine, rounds)
    engine.observe(engine.decide("p", "c").id, status="failed")
    before, serving = engine.beliefs(), engine.status()["snapshot"]
    engine.close()
    again = Engine.open(url, SPACE, settings=settings)
    after = again.beliefs()
    assert again.status()["snapshot"] == serving
    for name in ("mean", "sd", "n"):
        np.testing.assert_allclose(after[name], before[name], atol=1e-8)


def test_arms_come_and_go(tmp_path):
    """A retired arm goes on telling of its neighbours; an added one, off the grid, starts from them."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine = Engine.open(url, SPACE, seed=5)
    chosen = run(engine, 80)
    best = max((d for d in chosen if d.family == "kernel"), key=lambda d: utility(d.arm))
    engine.close()
    space = SPACE.retire(best.arm).add("kernel", {**best.params, "ratio": best.params["ratio"] + 0.01})
    engine = Engine.open(url, space)
    table = engine.beliefs().set_index("arm")
    added = space.arms[-1].id
    assert best.arm not in {engine.decide("p", "c").arm for _ in range(20)}
    assert table.loc[added, "n"] == 0
    assert table.loc[added, "mean"] > 0.6 * utility(best.arm)
    assert table.loc[added, "sd"] < 0.5
    assert engine.refit().status == "serving"


def test_it_can_be_switched_on_and_off_between_openings(tmp_path):
    url, found = f"sqlite:///{tmp_path / 'events.db'}", {}
    for rule in ("never", "auto", "always", "never"):
        engine = Engine.open(url, SPACE, seed=6, settings=Settings(surface=rule))
        run(engine, 15)
        found[rule] = engine.beliefs()
        engine.close()
    assert all(np.isfinite(table["mean"]).all() for table in found.values())


def test_a_refit_serves_and_samplers_say_what_they_lack():
    engine = Engine.open("memory://", SPACE, seed=7, settings=Settings(estimate="inline"))
    run(engine, 60)
    before = engine.beliefs()["mean"]
    snapshot = engine.refit()
    assert snapshot.status == "serving", snapshot.reason
    assert snapshot.hyper["smooth"]["tier"][0] > 0
    np.testing.assert_allclose(engine.beliefs()["mean"], before, atol=0.3)
    with pytest.raises(errors.RefitError, match="surface = 'never'"):
        engine.refit("nuts")


def test_many_outcomes_at_once_equal_one_by_one():
    one, many = (Engine.open("memory://", SPACE, seed=8, policy=policy.uniform()) for _ in range(2))
    made = [engine.decide_many(["p", "q"] * 70, "c") for engine in (one, many)]
    names = [SPACE.arms[k].id for k in made[0].arm.tolist()]
    worth = np.array([utility(name) for name in names])
    for id, y in zip(made[0].id.tolist(), worth.tolist(), strict=True):
        one.observe(id, utility=y)
    many.observe_many(made[1].id, utility=worth)
    assert np.abs(one.beliefs()["mean"] - many.beliefs()["mean"]).mean() < 0.1


def test_what_is_said_of_a_family_moves_its_configurations():
    said = Settings(utility_priors=(("kernel", -1.0, 0.2),))
    engine = Engine.open("memory://", SPACE, seed=9, settings=said)
    engine.decide("p", "c")
    table = engine.beliefs().groupby("family")["mean"].mean()
    assert table["kernel"] < table["other"] - 0.2


def test_what_is_stopped_early_bounds_a_configuration_and_its_neighbours():
    """Of two engines told the same, the one whose first half of tiles was stopped at four times the cost believes less
    of the untried ones there."""
    means = []
    for status in ("ok", "timeout"):
        settings, random = Settings(estimate="inline"), np.random.default_rng(1)
        engine = Engine.open("memory://", SPACE, seed=10, policy=policy.uniform(), settings=settings)
        for _ in range(60):
            decision = engine.decide("p", "c")
            low, luck = decision.params.get("tile", 64) < 8, float(np.exp(random.normal(0, 0.15)))
            known = {"cost": 4.0, "status": status} if low else {"cost": luck}
            engine.observe(decision.id, baseline_cost=1.0, **known)
        table = engine.beliefs()
        untried = table[(table["n"] == 0) & table["arm"].str.contains("tile=2[,)]|tile=4[,)]")]
        means.append(untried["mean"].mean())
    assert means[1] < means[0] - 0.1


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(errors.ConfigError, match="'auto', 'always' or 'never'"):
        Engine.open("memory://", SPACE, settings=Settings(surface="sometimes"))
