"""Packs into a store: how arms are matched, how packs are weighed, and what is believed then."""

import numpy as np
import pytest

from poolwise.engine import Engine
from poolwise.errors import InputError
from poolwise.meta.pool_priors import align, log_predictive, logarithmic_pool, stacking_weights
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice
from tests.meta.stores import ARMS, SPACE, TRUE, belief, learned, names


def test_a_new_store_starts_from_it(pack):
    engine = Engine.open("memory://", SPACE, seed=3)
    nothing = belief(engine)
    report = engine.priors.adopt([pack])
    assert report[0]["arms"] == list(ARMS)
    assert report[0]["new_contexts"] == []
    assert np.abs(belief(engine) - TRUE).mean() < 0.15
    assert np.abs(nothing - TRUE).mean() > 0.25


def test_whoever_opens_the_store_again_believes_the_same(pack, tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    first = Engine.open(url, SPACE, seed=3)
    other = Engine.open(url, SPACE)
    first.priors.adopt([pack])
    expected = belief(first)
    other.refresh()
    np.testing.assert_allclose(belief(other), expected, atol=0.1)  # only the first has estimated its scales again
    first.close()
    again = Engine.open(url, SPACE)
    np.testing.assert_allclose(belief(again), expected, rtol=1e-9)
    again.refit()
    made = again.decide("new", "kind-0", available=["default", "fast"])
    assert made.arm == "fast"
    told = again.explain(made.id)
    assert told["packs"][0]["pack"] == "community"
    assert any("The pack community" in sentence for sentence in told["sentences"])


def test_own_outcomes_outweigh_a_pack_that_is_wrong(pack):
    wrong = pack._replace(mean=-pack.mean, name="wrong")
    engine = learned(3, seed=5)
    weight = {one["pack"]: one["weight"] for one in engine.priors.adopt([pack, wrong])}
    assert weight["community"] > 0.6 > 0.3 > weight["wrong"]
    assert np.abs(belief(engine) - TRUE).mean() < 0.2


def test_packs_weigh_the_same_before_any_outcome(pack):
    engine = Engine.open("memory://", SPACE, seed=3)
    assert [one["weight"] for one in engine.priors.adopt([pack, pack])] == pytest.approx([0.475, 0.475])


def test_two_packs_that_say_the_same_are_not_twice_the_evidence(pack):
    one = align(pack, names())
    alone, both = (
        logarithmic_pool([one], np.array([1.0, 0.0]))[0],
        logarithmic_pool([one, one], np.array([0.5, 0.5, 0.0]))[0],
    )
    np.testing.assert_allclose(both.median.pooled.precision, alone.median.pooled.precision)
    np.testing.assert_allclose(both.median.pooled.information, alone.median.pooled.information)


def test_a_pack_that_speaks_alone_keeps_its_weight(pack):
    one = align(pack, names())
    silent = one._replace(precision=one.precision * [[1, 1, 0]] * 1.0)
    found = logarithmic_pool([one, silent], np.array([0.5, 0.5, 0.0]))[0].median.pooled
    np.testing.assert_allclose(found.precision[:, 2], one.precision[:, 2])


def test_stacking_finds_the_pack_that_predicts(pack):
    good = align(pack, names())
    bad = good._replace(mean=good.mean + 1.0)
    count = np.full((5, 2, 3), 8.0)
    data = CellMoments(count, np.broadcast_to(TRUE, count.shape), np.zeros_like(count))
    weights = stacking_weights(log_predictive([bad, good], data, np.full((2, 3), 0.2)))
    assert weights[1] > 0.8
    assert weights.sum() == pytest.approx(1)


def test_arms_are_matched_by_name_and_strangers_by_family():
    space = ArmSpace([Family("default"), Family("fast", {"level": Choice([1, 2])})], "default")
    source = learned(4, space=space, true=np.array([[0.0, 0.5, 0.7], [0.0, 0.3, 0.5]]), tries=6)
    sent = source.priors.exported("x")
    other = ArmSpace([Family("default"), Family("fast", {"level": Choice([2, 3])}), Family("new")], "default")
    engine = Engine.open("memory://", other, seed=1)
    report = engine.priors.adopt([sent])[0]
    assert report["arms"] == ["default", "fast(level=2)"]
    assert report["by_family"] == ["fast(level=3)"]
    assert report["unused"]["arms"] == ["fast(level=1)"]
    engine.decide("p", "kind-0")
    rows = engine.beliefs().query("context == 'kind-0'").set_index("arm")
    assert rows.loc["fast(level=2)", "sd"] < rows.loc["fast(level=3)", "sd"] < rows.loc["new", "sd"]
    assert rows.loc["fast(level=3)", "mean"] > 0.2


def test_another_baseline_shifts_all_utilities(pack):
    found = align(pack, names(baseline="slow"))
    known = pack.precision[:, 2] > 0  # only where something is known of the new baseline
    assert known.any()
    np.testing.assert_allclose(found.mean[known], (pack.mean - pack.mean[:, [2]])[known])
    assert not found.precision[~known].any()
    assert (found.precision[known][:, 1:] < pack.precision[known][:, 1:]).all()
    np.testing.assert_allclose(found.precision[known][:, 0], pack.precision[known][:, 2])  # the old one is worth 0
    lost = align(pack, names(arms=("default", "fast", "plain"), baseline="plain"))
    assert not lost.precision.any()
    assert "plain" in lost.unused["effects"]


def test_a_pack_for_another_arm_space_is_refused(pack):
    stranger = ArmSpace([Family("x"), Family("y")], "x")
    with pytest.raises(InputError, match="for another arm space, nothing of it can be used"):
        Engine.open("memory://", stranger, seed=1).priors.adopt([pack._replace(scales={})])
