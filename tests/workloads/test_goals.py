"""Goals: the same in every process, of every kind there are enough, and with the verdicts they were built to have."""

import hashlib
import subprocess
import sys

import pytest

from poolwise.errors import InputError
from poolwise.workloads.z3.arms import recipe
from poolwise.workloads.z3.projects import CONTEXTS, PROJECTS, SHAPES, goal
from poolwise.workloads.z3.solver import Solver

CELLS = [(project, context) for project in PROJECTS for context in CONTEXTS]
DIGEST = """
import hashlib
from poolwise.workloads.z3.projects import CONTEXTS, PROJECTS, goal
text = "".join(goal(p, c, n, 3).text for p in PROJECTS for c in CONTEXTS for n in range(2))
print(hashlib.sha256(text.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def solver():
    with Solver() as solver:
        yield solver


def test_goals_repeat_in_another_process():
    text = "".join(goal(project, context, number, 3).text for project, context in CELLS for number in range(2))
    other = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True).stdout.strip()
    assert hashlib.sha256(text.encode()).hexdigest() == other


@pytest.mark.parametrize(("project", "context"), CELLS)
def test_forty_distinct_goals(project, context):
    assert len({goal(project, context, number, 0).text for number in range(40)}) == 40


@pytest.mark.parametrize(("project", "context"), CELLS)
def test_verdicts_known_by_construction(solver, project, context):
    for number in range(4):
        made = goal(project, context, number, 1)
        answer = solver.solve(made.text, recipe("default", {}), count_limit=0, seconds=2.0)
        assert not answer.reason or answer.verdict == "unknown"
        assert made.expected is None or answer.verdict in (made.expected, "unknown", "killed")


def test_both_verdicts_occur_and_are_mostly_known():
    expected = [goal(project, context, number, 0).expected for project, context in CELLS for number in range(10)]
    assert {"sat", "unsat"} < set(expected)
    assert expected.count(None) < 0.2 * len(expected)


def test_weights_sum_to_one():
    assert all(abs(sum(project.weights.values()) - 1) < 1e-9 for project in PROJECTS.values())


def test_every_shape_says_where_it_comes_from():
    shapes = {s.generator for p in PROJECTS.values() for shapes in p.shapes.values() for s in shapes}
    assert len(shapes) == len(SHAPES)
    assert all("From: " in shape.__doc__ for shape in shapes)


def test_unknown_cell_is_refused():
    with pytest.raises(InputError, match="no goals of"):
        goal("hardware", "strings", 0, 0)
