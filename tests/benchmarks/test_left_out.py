"""Settings learned without the tables they are judged on."""

import json

import numpy as np
import pytest

from benchmarks.simulation import left_out
from poolwise import compute
from poolwise.meta import policy_card as cards
from poolwise.meta import racing
from poolwise.meta.histories import History
from poolwise.policy import default
from tests.replay.tables import table

SETS = ("aslib/SAT11", "aslib/SAT12", "aslib/TSP", "aslib/MIP")


def card(**best):
    """Every table's regret is half of the default's under one setting, and a third more under all others."""
    ratio = np.full((len(SETS), 3), 0.3)
    ratio[:, 0] = 0.0
    for row, name in enumerate(SETS):
        ratio[row, best[name.removeprefix("aslib/")]] = -0.7
    known = (left_out.pasts(table(30)._replace(name="aslib/TSP"))[0].known,) * len(SETS)
    groups = tuple(map(left_out.domain, SETS))
    settings = ({}, {"own": 0.0}, {"own": 0.1})
    error, seeds = 0.05 + 0 * ratio, 6 + 0 * ratio
    return cards.of_race(racing.Race(default(), settings, SETS, groups, known, ratio, error, seeds, np.zeros(3)))


def test_a_table_has_no_say_in_what_is_recommended_to_its_domain():
    found = card(SAT11=1, SAT12=1, TSP=2, MIP=2)
    assert left_out.in_hindsight(found) == dict(zip(SETS, (1, 1, 2, 2), strict=True))
    for stated in left_out.STATED.values():
        picked = left_out.picked(found, stated)
        assert (picked["aslib/SAT11"], picked["aslib/SAT12"]) == (2, 2)
    assert [*left_out.least_mean(found).values()] == [2, 2, 1, 1]


def test_a_ratio_is_paired_by_seed():
    theirs = np.array([1.0, 2.0, 6.0])
    assert left_out.compared(0.5 * theirs, theirs) == pytest.approx([0.5, 0.0])
    ratio, error = left_out.compared(np.array([1.0, 1.0, 7.0]), theirs)
    assert (ratio, error) == pytest.approx((1.0, np.std([0.0, -1.0, 1.0], ddof=1) / 3.0 / 3**0.5))


def test_histories_are_judged_with_their_settings_and_the_default():
    found = card(SAT11=1, SAT12=1, TSP=2, MIP=2)
    play = lambda policy, seeds: 1.0 + policy.params["own"] + np.arange(len(seeds))
    past = History("aslib/SAT11", "SAT", None, play)
    picks = {"start": {"aslib/SAT11": 2}, "hindsight": {"aslib/SAT11": 0}}
    made = left_out.judged(json.loads(json.dumps(found)), [past], picks, range(3), compute.HERE)[past.name]
    own = default().params["own"]
    assert made["start"][0] == pytest.approx(2.1 / (2.0 + own))
    assert made["hindsight"][:2] == [1.0, 0.0]


def test_a_table_is_there_twice_with_its_own_and_an_ordinary_baseline():
    names = [one.name for one in left_out.pasts(table(30)._replace(name="aslib/TSP", baseline=1))]
    assert names == ["aslib/TSP", "aslib/TSP" + left_out.ORDINARY]


def test_of_a_long_table_some_projects_are_played():
    whole = table(300)._replace(name="provers/smtcomp")
    made = left_out.shortened(whole, 100)
    assert (made.name, len(made.units), len(set(made.project))) == (whole.name, 100, 1)
    assert left_out.shortened(whole, 300) is whole


def test_means_are_geometric_and_by_baseline():
    found = card(SAT11=1, SAT12=1, TSP=2, MIP=2)
    found["histories"][3]["name"] += left_out.ORDINARY
    ratios = zip(found["histories"], (2, 4, 8, 5), strict=True)
    rows = {one["name"]: {"start": [ratio, 0.1, 1]} for one, ratio in ratios}
    made = left_out.geometric(found, rows)
    assert made["own baseline"] == pytest.approx({"start": 4.0, "chosen": np.exp(-0.7)})
    assert made["ordinary baseline"]["start"] == pytest.approx(5.0)


def test_laps_are_known_by_what_is_played(tmp_path):
    """Another job, or another policy, is another lap; the same is not played again."""
    usual = default()
    lap = lambda jobs, seeds=(0,), **moved: racing.Lap(
        left_out.pasts(table(jobs)._replace(name="aslib/TSP"))[0].play, usual.spec, {**usual.params, **moved}, seeds
    )
    made = [lap(30), lap(31), lap(30, seeds=(1,)), lap(30, own=0.0)]
    assert len({left_out.named(one, one.play.args[0]) for one in [*made, lap(30)]}) == len(made)
    play = left_out.Kept(tmp_path)
    np.testing.assert_array_equal(play(made[0]), play(lap(30)))
    assert len([*tmp_path.iterdir()]) == 1
