"""Peers: against the library they stand for, against plain loops, and on a table whose best arm is known."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers import linear as linear_peers
from benchmarks.peers import tabular as peers
from benchmarks.replay import learners
from benchmarks.replay.report import geometric_mean, summary
from benchmarks.replay.tables import same_table
from poolwise.replay import orders
from poolwise.table import Table, available, from_rows, utility


def made(units: int = 300, seed: int = 0, absent: bool = False) -> Table:
    """3 arms, 2 projects, 3 contexts; arm 2 is best everywhere by 1, arm 1 is absent from project 1 if asked."""
    rng = np.random.default_rng(seed)
    rows = [
        (u, f"p{u % 2}", f"c{u % 3}", "f", f"a{a}", float(np.exp(-(a == 2) + 0.1 * rng.normal())))
        for u in range(units)
        for a in range(3)
        if not (absent and a == 1 and u % 2)
    ]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="made", source="made", baseline="a0")


@pytest.mark.parametrize("form", peers.FORMS)
@pytest.mark.parametrize("peer", [name for name in learners.PEERS if name != "uniform"])
def test_every_peer_finds_an_arm_that_is_best_everywhere(peer: str, form: str) -> None:
    """The last 100 of 300 choices; uniform has a third."""
    if peer == "Vowpal Wabbit":
        pytest.importorskip("vowpalwabbit")
    table = made()
    order = orders(table, "shuffled", (0, 1, 2))
    chosen = learners.PEERS[peer](table, peers.scaled_reward(table, form), order, [0, 1, 2], peer)
    assert (chosen[:, 200:] == 2).mean() > 0.6


@pytest.mark.parametrize("peer", ["uniform", "UCB1", "LinUCB", "LinTS"])
def test_absent_arms_are_never_chosen_and_seeds_do_not_meddle(peer: str) -> None:
    table = made(60, absent=True)
    order, reward = orders(table, "shuffled", (3, 4)), peers.scaled_reward(table, "raw")
    both = learners.PEERS[peer](table, reward, order, [3, 4], peer)
    assert available(table)[order, both].all()
    np.testing.assert_array_equal(learners.PEERS[peer](table, reward, order[1:], [4], peer)[0], both[1])


def test_linucb_is_mabwisers() -> None:
    mab = pytest.importorskip("mabwiser.mab")
    rng, table = np.random.default_rng(1), made(40)
    where = linear_peers.layout(table)
    features = np.zeros((40, 5))
    features[np.arange(40), table.context] = features[np.arange(40), 3 + table.project] = 1.0
    arms, rewards = rng.integers(3, size=40), rng.normal(size=40)
    theirs = mab.MAB([0, 1, 2], mab.LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0))
    theirs.fit(arms, rewards, features)
    inverse, beta = np.tile(np.eye(5), (3, 1, 1)), np.zeros((3, 5))
    for unit, (arm, reward) in enumerate(zip(arms, rewards, strict=True)):
        linear_peers.learn(inverse[arm], beta[arm], where.context[unit], where.project[unit], reward)
    for unit in range(6):
        middle, scale = linear_peers.moments(inverse, beta, where.context[unit], where.project[unit])
        expected = theirs.predict_expectations(features[[unit]])
        np.testing.assert_allclose(middle + scale, [expected[arm] for arm in range(3)], rtol=1e-9)


def test_blocks_are_connected_parts() -> None:
    rows = [(u, f"p{u}", f"c{u}", "f", "a", 1.0) for u in range(4)]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    where = linear_peers.layout(from_rows(frame, name="t", source="t", baseline="a"))
    assert len(set(where.block)) == 4
    assert where.size.tolist() == [2] * 4


def test_references_are_the_best_in_hindsight() -> None:
    table = made(12)
    gain = utility(table)
    found = peers.references(table)
    assert set(found["single best"]) == {int(gain.mean(axis=0).argmax())}
    np.testing.assert_array_equal(found["virtual best"], gain.argmax(axis=1))
    for unit in range(12):
        mates = (table.project == table.project[unit]) & (table.context == table.context[unit])
        assert found["best per project and context"][unit] == gain[mates].sum(axis=0).argmax()


def test_single_best_is_an_arm_that_every_unit_has() -> None:
    table = made(12, absent=True)
    cheap = table._replace(reward=table.reward + np.array([0.0, 9.0, 0.0]))
    assert (peers.references(cheap)["single best"] != 1).all()


@pytest.mark.parametrize("kind", ["shuffled", "time", "project"])
def test_orders_are_permutations(kind: str) -> None:
    table = made(30)
    order = orders(table, kind, (0, 1))
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(30), (2, 1)))
    changes = (np.diff(table.project[order], axis=1) != 0).sum(axis=1)
    assert (changes == 1).all() == (kind == "project")


def test_summary_by_hand() -> None:
    names = ("best per project and context", "single best", "best per context", "virtual best")
    learner = dict(zip(names, (1.0, 0.995, 1.0, 1.5), strict=True))
    pooled = "Thompson pooled (differenced)"
    sets = {
        "s": {
            "units": 600,
            "references": learner,
            "learners": {"Poolwise": {"utility": [0.5]}, pooled: {"utility": [0.0]}},
        },
        "t": {
            "units": 10,
            "references": learner,
            "learners": {"Poolwise": {"utility": [0.0]}, pooled: {"utility": [0.5]}},
        },
    }
    found = summary(sets)
    assert found["ratios"] == {"s": 0.5, "t": 2.0}
    assert found["ratio to the best peer"] == pytest.approx(1.0)
    assert found["ratio on large sets"] == pytest.approx(0.5)
    assert found["sets above 1.1"] == ["t"]
    assert found["lost to pooled Thompson on null sets"] == {"s": -0.5, "t": 0.5}
    assert found["ratio by other references"]["virtual best"] == pytest.approx(np.sqrt(1.0 / 1.5 * 1.5 / 1.0))
    assert np.isnan(geometric_mean([1.0, -0.1]))


def test_a_table_is_known_again_by_the_six_digits_that_a_file_keeps():
    now = {"units": 9, "arms": 2, "references": {"single best": 1.234567, "virtual best": 0.0}}
    assert same_table({**now, "references": {"single best": 1.23457, "virtual best": 0.0}}, now)
    assert not same_table({**now, "references": {"single best": 1.2347, "virtual best": 0.0}}, now)
    assert not same_table({**now, "units": 8}, now)
