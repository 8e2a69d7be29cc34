"""A worker that hangs, crashes or eats its memory costs one answer, and the next request is served by a new one."""

import sys
from random import Random

import pytest

from poolwise.errors import MissingLibrary, WorkloadError
from poolwise.workloads.z3.arms import Recipe, recipe
from poolwise.workloads.z3.shapes.bitvector import calendar, factoring
from poolwise.workloads.z3.solver import Solver

DEFAULT = recipe("default", {})
EASY = "(declare-const x Int)(assert (> x 3))"
STAND_IN = "import sys\nprint('ready', flush=True)\nfor line in sys.stdin:\n    {}"


@pytest.fixture
def solver():
    with Solver() as solver:
        yield solver


def ask(solver, goal=EASY, chosen=DEFAULT, seconds=5.0, count_limit=0):
    return solver.solve(goal, chosen, count_limit=count_limit, seconds=seconds)


def stand_in(action):
    return Solver(command=[sys.executable, "-c", STAND_IN.format(action)])


def test_verdicts(solver):
    assert ask(solver).verdict == "sat"
    assert ask(solver, EASY + "(assert (< x 3))").verdict == "unsat"


def test_resource_count_repeats_exactly_in_a_new_process(solver):
    goal = factoring(Random(1), width=9, composite=False).text
    with Solver() as other:
        counts = {ask(one, goal).resources for one in (solver, solver, other)}
    assert len(counts) == 1


def test_a_goal_that_ignores_z3s_own_limit_is_killed(solver):
    ignores_timeout = Recipe([], {"auto_config": False, "case_split": 5})
    goal = calendar(Random(0), width=64, people=14).text
    answer = ask(solver, goal, ignores_timeout, seconds=0.05)
    assert answer.verdict == "killed"
    assert solver.lost == 1
    assert ask(solver).verdict == "sat"


def test_a_hanging_worker_is_killed_in_time():
    with stand_in("__import__('time').sleep(60)") as solver:
        answer = ask(solver, seconds=0.05)
    assert answer.verdict == "killed"
    assert answer.wall < 5


def test_a_crash_costs_one_answer():
    with stand_in("__import__('os').abort()") as solver:
        answers = [ask(solver) for _ in range(2)]
    assert [answer.verdict for answer in answers] == ["crashed", "crashed"]
    assert solver.lost == 2


def test_memory_is_limited():
    large = "(_ bv999 900)"
    product = "(declare-const a (_ BitVec 900))(declare-const b (_ BitVec 900))"
    product += f"(assert (= (bvmul a b) {large}))(assert (bvugt a {large}))(assert (bvugt b {large}))"
    with Solver(memory_mb=64) as solver:
        assert ask(solver, product, seconds=20.0).verdict in ("unknown", "crashed")
        assert ask(solver).verdict == "sat"


def test_resource_limit_ends_a_solve(solver):
    goal = factoring(Random(0), width=16, composite=False).text
    answer = ask(solver, goal, count_limit=20_000)
    assert answer.verdict == "unknown"
    assert 20_000 <= answer.resources < 200_000


def test_a_goal_that_does_not_parse_is_one_answer(solver):
    assert "x" in ask(solver, "(assert (> x 3))").reason
    assert solver.lost == 0


@pytest.mark.parametrize("broken", [Recipe([], {"no.such": 1}), Recipe([("no-such", {})], {})])
def test_unknown_names_are_refused(solver, broken):
    assert solver.validate(broken)
    assert solver.validate(DEFAULT) is None


def test_missing_z3_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("poolwise.extras.find_spec", lambda name: None)
    with pytest.raises(MissingLibrary, match=r"pip install 'poolwise\[z3\]'"):
        Solver()


def test_a_worker_that_does_not_start_is_reported():
    solver = Solver(command=[sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(WorkloadError, match="does not start"):
        ask(solver)
