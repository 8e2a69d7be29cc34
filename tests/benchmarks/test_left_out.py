"""Constants chosen without the tables they are judged on; one compilation for all of them decides the same."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.replay.ablation import replaced
from benchmarks.simulation import left_out
from benchmarks.simulation.left_out import GRID, USUAL
from poolwise import policy
from poolwise.replay import orders, run_poolwise
from poolwise.replay.loop import run
from poolwise.replay.settings import Settings
from tests.replay.tables import table

SETS = ("aslib/SAT11", "aslib/SAT12", "aslib/TSP")


def regrets(**best):
    """(settings, seeds) of every set: half of the default's under its best setting."""
    found = {name: np.ones((len(GRID), 3)) for name in SETS}
    for name, setting in best.items():
        found[f"aslib/{name}"][setting] = 0.5
    return found


def test_a_table_has_no_say_in_what_is_chosen_for_its_domain():
    found = regrets(SAT11=0, SAT12=0, TSP=4)
    assert left_out.in_hindsight(found) == {"aslib/SAT11": 0, "aslib/SAT12": 0, "aslib/TSP": 4}
    assert left_out.left_out(found) == {"aslib/SAT11": 4, "aslib/SAT12": 4, "aslib/TSP": 0}


def test_a_ratio_is_paired_by_seed():
    theirs = np.array([1.0, 2.0, 6.0])
    assert left_out.compared(0.5 * theirs, theirs) == pytest.approx([0.5, 0.0])
    ratio, error = left_out.compared(np.array([1.0, 1.0, 7.0]), theirs)
    assert (ratio, error) == pytest.approx((1.0, np.std([0.0, -1.0, 1.0], ddof=1) / 3.0 / 3**0.5))


def test_the_median_arm_as_baseline(monkeypatch):
    source = left_out.replay_sets.__globals__["Source"]("made", lambda: table(30))
    monkeypatch.setattr(left_out, "replay_sets", lambda root: [source])
    own, other = (left_out.table_of(Path("nowhere"), "made", median) for median in (False, True))
    assert own.arms[own.baseline] == "base"
    assert sorted(other.reward.mean(axis=0)).index(other.reward.mean(axis=0)[other.baseline]) == 1


def test_constants_as_arguments_decide_as_compiled_ones():
    made = table(40)
    order = orders(made, "shuffled", [3])[0]
    assert left_out.policy_of(USUAL).params == policy.default().params
    with replaced({"poolwise.replay.loop:stretch": left_out.stretch}):
        found = run(made, order, left_out.policy_of(USUAL), 3, Settings(repeats=False))
    np.testing.assert_array_equal(found.arm, run_poolwise(made, order, 3))
