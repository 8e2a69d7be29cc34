"""The Z3 workload: costs, limits, failures, contradictions, the stream of jobs, and the arm space."""

import itertools

import pytest

from poolwise.errors import ConfigError, InputError, SpaceError, WorkloadError
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice
from poolwise.workloads import open_workload
from poolwise.workloads.z3.arms import RECIPES, recipe, space
from poolwise.workloads.z3.projects import CONTEXTS, PROJECTS, SHAPES
from poolwise.workloads.z3.solver import Answer
from poolwise.workloads.z3.workload import calibrated_rates

SMT = {"relevancy": 2, "simplex": "new", "delay_units": False}


@pytest.fixture(scope="module")
def workload(tmp_path_factory):
    with open_workload("z3", keep=tmp_path_factory.mktemp("contradictions")) as opened:
        yield opened


@pytest.fixture
def answering(workload, monkeypatch):
    """Have every further solve give one answer."""

    def install(**fields):
        answer = Answer(
            **{"verdict": "unknown", "resources": 1, "wall": 0.01, "cpu": 0.01, "reason": "injected", **fields}
        )
        monkeypatch.setattr(workload.solver, "solve", lambda *_, **__: answer)

    return install


def job(workload, number=0):
    """A goal whose default verdict is known before another test injects answers."""
    chosen = workload.job("hardware", "nonlinear", number)
    workload.baseline(chosen)
    return chosen


def test_an_arm_against_the_default(workload):
    measured = workload.measure(job(workload), "smt", SMT)
    assert measured.status == "ok"
    assert measured.detail == ""
    assert 0 < measured.cost < measured.baseline_cost


def test_effort_repeats_exactly(workload):
    first, second = (workload.measure(job(workload), "smt", SMT) for _ in range(2))
    assert (first.cost, first.baseline_cost) == (second.cost, second.baseline_cost)


def test_the_default_costs_what_it_costs(workload):
    measured = workload.measure(job(workload), "default", {})
    assert measured.cost == measured.baseline_cost
    assert measured.wall == measured.baseline_wall


def test_giving_up_also_costs_the_defaults_run(workload, answering):
    chosen = job(workload)
    answering()
    measured = workload.measure(chosen, "smt", SMT)
    assert measured.status == "failed"
    assert measured.cost > measured.baseline_cost
    assert "injected" in measured.detail


@pytest.mark.parametrize("fields", [{"verdict": "killed", "resources": 0}, {"resources": 10**9}, {"wall": 100.0}])
def test_running_out_of_the_limit_is_a_timeout(workload, answering, fields):
    chosen = job(workload)
    answering(**fields)
    measured = workload.measure(chosen, "smt", SMT)
    limit = max(workload.limits.multiple * measured.baseline_cost, workload.limits.floor)
    assert measured.status == "timeout"
    assert measured.cost == pytest.approx(limit + measured.baseline_cost)


def test_a_crash_is_one_failure(workload, answering):
    chosen = job(workload)
    answering(verdict="crashed", resources=0)
    assert workload.measure(chosen, "smt", SMT).status == "failed"


def test_a_contradiction_is_reported_and_kept(workload, answering, caplog):
    chosen = job(workload)
    wrong = {"sat": "unsat", "unsat": "sat"}[workload.baseline(chosen).answer.verdict]
    answering(verdict=wrong, reason="")
    before = workload.contradictions
    measured = workload.measure(chosen, "smt", SMT)
    assert measured.status == "failed"
    assert measured.cost > measured.baseline_cost
    assert "CONTRADICTION" in caplog.text
    assert workload.contradictions == before + 1
    kept = list(workload.keep.glob("*.smt2"))
    assert kept[-1].read_text().endswith(workload.goal(chosen).text + "(check-sat)\n")


def test_jobs_are_a_function_of_the_seed(workload):
    one, two, other = (list(itertools.islice(workload.jobs(seed), 300)) for seed in (5, 5, 6))
    assert one == two != other
    assert {each.project for each in one} == set(PROJECTS)
    assert {each.context for each in one} == set(CONTEXTS)


def test_goals_repeat_only_after_all_were_used(workload):
    jobs = [each for each in itertools.islice(workload.jobs(0, ["scheduling"]), 200) if each.context == "linear"]
    assert len(set(jobs[: workload.goals])) == min(len(jobs), workload.goals)
    with pytest.raises(InputError, match="unknown project"):
        next(workload.jobs(0, ["accounting"]))


def test_the_space_has_the_promised_size():
    assert len(space().families) >= 8
    assert 40 <= len(space().arms) <= 120
    assert set(RECIPES) == {family.name for family in space().families}
    built = [repr(recipe(arm.family, arm.params)) for arm in space().arms]
    assert len(set(built)) == len(built)


def test_unknown_parameter_is_refused_at_construction(monkeypatch):
    monkeypatch.setitem(RECIPES, "smt", lambda p: recipe("logic", {"name": p["tactic"]}))
    arms = ArmSpace([Family("default"), Family("smt", {"tactic": Choice(["qfguess"])})], baseline="default")
    with pytest.raises(WorkloadError, match=r"Z3 refuses arm smt\(tactic=qfguess\)"):
        open_workload("z3", arms=arms)


def test_unknown_names():
    with pytest.raises(SpaceError, match="no family"):
        recipe("prayer", {})
    with pytest.raises(ConfigError, match="unknown workload"):
        open_workload("lean")


def test_every_family_is_calibrated_on_every_shape():
    rates = calibrated_rates()
    assert set(rates) == set(RECIPES)
    assert all(set(rates[family]) == set(SHAPES) for family in rates)
    assert all(start >= 0 and rate > 0 for by_shape in rates.values() for start, rate in by_shape.values())


@pytest.mark.slow
def test_all_arms_differ_in_effect(workload):
    jobs = [workload.job(project, context, 0) for project in PROJECTS for context in CONTEXTS]
    effects = {
        arm.id: tuple(workload.solve(each, arm.family, arm.params).answer[:2] for each in jobs)
        for arm in workload.space.arms
    }
    assert len(set(effects.values())) == len(effects)
