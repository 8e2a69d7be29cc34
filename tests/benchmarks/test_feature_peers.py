"""Peers with features: where a feature decides, against the library they stand for, and by hand."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.datasets.roots import DEFAULT_ROOT
from benchmarks.harness.result import Figure
from benchmarks.peers.features import censored, linear
from benchmarks.peers.features.problem import Problem, normal_scores
from benchmarks.peers.features.settings import PEERS, settings
from benchmarks.replay.features_report import figures
from benchmarks.replay.features_run import MEASURES, NOISE, POOLWISE, VARIANTS, Task, mark, run, scored, variant
from poolwise.replay import orders
from poolwise.table import Table, available, from_rows


def made(units: int = 300, absent: bool = False) -> Table:
    """`small` is e times as fast as the baseline where f_size < 0 and e times as slow elsewhere, `large` the other way
    round; `small` is absent from project 1 if asked. A tenth of the features are missing."""
    rng = np.random.default_rng(5)
    size = rng.normal(size=units)
    shown = np.where(rng.random(units) < 0.1, np.nan, size)
    cost = np.exp(
        np.stack([np.zeros(units), np.sign(size), -np.sign(size)], axis=1) + 0.1 * rng.normal(size=(units, 3))
    )
    rows = [
        (u, f"p{u % 2}", "c", "f", arm, cost[u, a], shown[u], rng.normal())
        for u in range(units)
        for a, arm in enumerate(("base", "small", "large"))
        if not (absent and arm == "small" and u % 2)
    ]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost", "f_size", "f_noise"])
    frame["f_noise"] = frame.groupby("unit")["f_noise"].transform("first")
    return from_rows(frame, name="made", source="made", baseline="base", cutoff=1e3)


@pytest.fixture(scope="module")
def table() -> Table:
    return made()


def asked_for(peer: str) -> None:
    """Skip what needs a library that is not installed."""
    libraries = {"SquareCB": "vowpalwabbit", "Cover": "vowpalwabbit", "forest": "sklearn"}
    if peer in libraries:
        pytest.importorskip(libraries[peer])


@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_learns_where_each_arm_is_best(table: Table, peer: str) -> None:
    """The last 100 of 300 choices; an arm that is fixed is right in half, and a missing feature tells nothing."""
    asked_for(peer)
    one, right = PEERS[peer], table.reward.argmax(axis=1)
    order = orders(table, "shuffled", (0,))[0]
    shares = [
        (one.play(Problem(table), order, 0, value)[200:] == right[order[200:]]).mean() for value in one.values.values()
    ]
    assert max(shares) > 0.75


@pytest.mark.parametrize("peer", ["ridge", "LinUCB", "forest", "censored"])
def test_absent_arms_are_never_chosen_and_a_seed_decides_alone(peer: str) -> None:
    asked_for(peer)
    table = made(60, absent=True)
    order, one = orders(table, "shuffled", (3,))[0], PEERS[peer]
    value = next(iter(one.values.values()))
    chosen = one.play(Problem(table), order, 3, value)
    assert available(table)[order, chosen].all()
    np.testing.assert_array_equal(one.play(Problem(table), order, 3, value), chosen)


def test_ridges_are_dense_regressions(table: Table) -> None:
    rng, design = np.random.default_rng(1), Problem(table).design[:40]
    arms, rewards = rng.integers(3, size=40), rng.normal(size=40)
    ridges = linear.Ridges(design, 3, 2.0)
    for unit, (arm, reward) in enumerate(zip(arms, rewards, strict=True)):
        ridges.learn(unit, arm, reward)
    for arm in range(3):
        seen = design[arms == arm]
        inverse = np.linalg.inv(seen.T @ seen + 2.0 * np.eye(design.shape[1]))
        np.testing.assert_allclose(ridges.mean[arm], design @ inverse @ seen.T @ rewards[arms == arm], rtol=1e-9)
        np.testing.assert_allclose(ridges.variance[arm], np.einsum("ui,ij,uj->u", design, inverse, design), rtol=1e-9)


def test_normal_scores_by_hand() -> None:
    found = normal_scores(np.array([[1.0, 7.0, 5.0], [100.0, 7.0, np.nan], [10.0, 7.0, 5.0]]))
    high = np.sqrt(1.5)
    np.testing.assert_allclose(found[:, 0], [-high, high, 0], atol=1e-12)
    assert found.shape == (
        3,
        2,
    )  # a constant says nothing, and of two equal values and a missing one only what is missing
    np.testing.assert_allclose(np.abs(found[:, 1]), [np.sqrt(0.5), np.sqrt(2), np.sqrt(0.5)])


@pytest.mark.parametrize("mean", [-1.0, 0.3, 2.0])
def test_expected_losses_are_means_over_runtimes(mean: float) -> None:
    """100,000 log-normal runtimes, 5 standard errors: a false alarm in 300,000 runs."""
    bound, variance = 0.5, 0.64
    runtime = np.random.default_rng(2).normal(mean, np.sqrt(variance), 100_000)
    loss = np.where(runtime > bound, np.log(10) + bound, runtime)
    for one, sample in ((censored.par10, np.exp(loss - bound)), (censored.log_loss, loss)):
        found = one(np.array([mean]), np.array([variance]), bound)[0]
        assert abs(found - sample.mean()) < 5 * sample.std() / np.sqrt(len(sample))


def test_scores_by_hand() -> None:
    table = made(9)
    order, best = np.arange(9), table.reward.argmax(axis=1)
    single = np.full(9, table.cost.mean(axis=0).argmin())
    np.testing.assert_allclose(scored(table, order, best), [0, 0, 0, 1, 1], atol=1e-12)
    found = dict(zip(MEASURES, scored(table, order, single), strict=True))
    assert (found["gap"], found["gap, last third"]) == (0, 0)
    lost = table.reward.max(axis=1) - table.reward[order, single]
    assert found["last third"] == pytest.approx(lost[6:].mean())


def test_variants_change_the_features_alone(table: Table) -> None:
    widths = [len(variant(table, name).feature_names) for name in VARIANTS]
    assert widths == [0, 2, 2 + NOISE, NOISE]
    for name in VARIANTS:
        made_of = variant(table, name)
        assert made_of.features is None or made_of.features.shape == (300, len(made_of.feature_names))
        assert made_of.reward is table.reward


def test_figures_by_hand() -> None:
    """Two scenarios, two seeds: with features 1/2 and 2 times the regret; the peers are best in one each."""
    regrets = {
        (POOLWISE, "without"): (2.0, 1.0),
        (POOLWISE, "with"): (1.0, 2.0),
        ("LinUCB", "1"): (0.5, 8.0),
        ("ridge", "0"): (2.0, 1.0),
    }
    runs = {
        name: {
            one: {seed: {"measures": [pair[place]] * 5, "seconds": 0.1} for seed in (0, 1)}
            for one, pair in regrets.items()
        }
        for place, name in enumerate(("aslib/ASP-POTASSCO", "aslib/other"))
    }
    found = {one.what: one for one in figures(runs)}
    assert found["regret with features over without, all"].value == pytest.approx(1.0)
    assert found["  worst scenario, all"].value == pytest.approx(2.0)
    assert found["with features over the best peer per scenario in hindsight, all"].value == pytest.approx(2.0)
    assert found["with features over the best single peer (ridge 0), all"].value == pytest.approx(1.0)
    assert found["PAR10's gap closed in the last third, ASP-POTASSCO"] == Figure(
        "PAR10's gap closed in the last third, ASP-POTASSCO", 1.0, "", 0.5, True
    )


@pytest.mark.skipif(not DEFAULT_ROOT.exists(), reason=f"no public data at {DEFAULT_ROOT}")
def test_a_run_can_be_made_again_and_is_marked_by_what_it_depends_on() -> None:
    task = Task(DEFAULT_ROOT, "aslib/CSP-Minizinc-Time-2016", "LinUCB", "0.1", 3)
    assert np.isfinite(run(task)["measures"]).all()
    assert run(task)["measures"] == run(task)["measures"]
    assert len({mark(task), mark(task._replace(seed=4)), mark(task._replace(learner=POOLWISE, value="with"))}) == 3


def test_every_setting_has_its_own_name() -> None:
    assert len(set(settings())) == sum(len(peer.values) for peer in PEERS.values())
