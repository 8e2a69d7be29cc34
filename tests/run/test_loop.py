"""The run loop: which job comes when, and that nothing is lost wherever it stops."""

from contextlib import ExitStack
from itertools import islice

import numpy as np
import pytest

from poolwise.config import parse
from poolwise.errors import ConfigError, PoolwiseError
from poolwise.run import distinct, open_engines, plan, run
from poolwise.run.jobs import stream
from poolwise.run.opening import open_engine
from poolwise.run.setup import own_store
from poolwise.workloads import WORKLOADS
from tests.toy import CONFIG, Toy

ARRIVALS = {"early": 0, "late": 20}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(WORKLOADS, "toy", Toy)


@pytest.fixture
def config(tmp_path):
    return parse(CONFIG.format(store=f"sqlite:///{tmp_path}/run.db"))


@pytest.fixture
def started():
    """Plan a configuration and open its engines; they are closed in the end."""
    with ExitStack() as opened:

        def start(config, *, sharing=True):
            made = plan(config)
            engines = open_engines(made, sharing=sharing)
            for engine in distinct(engines):
                opened.callback(engine.close)
            return made, engines

        yield start


def jobs_done(engine):
    made = engine.store.decisions()
    names = {kind: engine.store.names(kind) for kind in ("project", "context", "job")}
    columns = zip(*(getattr(made, kind).tolist() for kind in names), strict=True)
    return [tuple(names[kind][code] for kind, code in zip(names, row, strict=True)) for row in columns]


def test_projects_arrive_when_they_are_told_to():
    jobs = list(islice(stream(Toy(), 1, ARRIVALS), 200))
    assert {job.project for job in jobs[:20]} == {"early"}
    assert 60 < sum(job.project == "late" for job in jobs[20:]) < 120


def test_a_projects_own_jobs_do_not_depend_on_the_others():
    together = [job for job in islice(stream(Toy(), 1, ARRIVALS), 200) if job.project == "early"]
    alone = list(islice(stream(Toy(), 1, {"early": 0}), len(together)))
    assert together == alone


def test_a_run_ends_when_all_decisions_have_an_outcome(config, started):
    made, engines = started(config)
    steps = list(run(made, engines))
    assert [step.done for step in steps] == list(range(1, 61))
    status = engines["early"].status()
    assert (status["decisions"], status["outcomes"], status["open"]) == (60, 60, 0)
    assert list(run(made, engines)) == []


def test_every_job_but_the_first_is_prepared_before_its_turn(config, started):
    made, engines = started(config)
    for step in run(made, engines):
        assert len(made.workload.prepared) == min(step.done, 59)
    assert made.workload.prepared == [job for job, _ in made.workload.measured][1:]


@pytest.mark.parametrize("broken_at", [0, 1, 30, 59])
def test_an_interrupted_run_goes_on_with_the_decision_that_was_open(config, monkeypatch, broken_at, started):
    made, engines = started(config)
    measure = Toy.measure

    def interrupted(self, *what):
        if len(self.measured) == broken_at:
            raise KeyboardInterrupt
        return measure(self, *what)

    monkeypatch.setattr(Toy, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(run(made, engines))
    open_one = engines["early"].store.open_decisions(np.inf)
    engines["early"].close()
    monkeypatch.setattr(Toy, "measure", measure)
    made, engines = started(config)
    steps = list(run(made, engines))
    assert [step.decision.id for step in steps][:1] == open_one.tolist()
    assert engines["early"].status()["outcomes"] == 60
    assert jobs_done(engines["early"]) == [tuple(job[:3]) for job in islice(stream(Toy(), 3, ARRIVALS), 60)]


def test_a_finished_run_can_be_made_longer(config, started):
    made, engines = started(config)
    list(run(made, engines))
    assert len(list(run(made._replace(decisions=75), engines))) == 15


def test_failures_are_learned_as_such(config, started):
    made, engines = started(config)
    failed = [step for step in run(made, engines) if step.measurement.status == "failed"]
    assert failed
    assert engines["early"].store.outcome(failed[0].decision.id).status == "failed"


def test_without_sharing_every_project_has_its_own_store(config, tmp_path, started):
    made, engines = started(config, sharing=False)
    assert len(list(run(made, engines))) == 60
    assert len(distinct(engines)) == 2
    for project, engine in engines.items():
        assert {row[0] for row in jobs_done(engine)} == {project}
        assert (tmp_path / f"run-{project}.db").exists()


@pytest.mark.parametrize("url", ["sqlite:///a.db", "sqlite:////tmp/x.y/plain", "memory://"])
def test_own_stores_lie_beside_the_shared_one(url):
    stores = own_store(url, ["p", "q"])
    assert url == "memory://" or len({*stores.values(), url}) == 3
    assert all(store.startswith(url.rpartition("/")[0]) for store in stores.values())


def test_a_store_of_another_run_is_refused(config, started):
    started(config)[1]["early"].close()
    other = config.model_copy(update={"run": config.run.model_copy(update={"seed": 4})})
    with pytest.raises(ConfigError, match="seed = 3, not 4: name another store"):
        started(other)


WRONG = {
    "[run]": "no workload to run",
    "[run]\nworkload = 'tyo'": "unknown workload 'tyo' in \\[run\\]: did you mean 'toy'",
    "[run]\nworkload = 'toy'\n[workload]\nnoisy = 1": "did you mean 'noise'",
    "[run]\nworkload = 'toy'\n[run.arrivals]\nerly = 0": "did you mean 'early'",
    "[run]\nworkload = 'toy'\n[run.arrivals]\nearly = -1": "0 or later",
    "[run]\nworkload = 'toy'\n[run.arrivals]\nearly = 5": "at least one must arrive at 0",
    "[run]\nworkload = 'toy'\n[policy]\nspec = 'tompson'": "tompson",
    "[run]\nworkload = 'toy'\n[policy.params]\nnosuch = 1.0": "nosuch",
    "[run]\nworkload = 'toy'\n[engine]\nhorizon = 0": "horizon",
    "[run]\nworkload = 'toy'\n[engine.domain_priors]\nfsat = [1, 1]": "did you mean 'fast'",
    "[run]\nworkload = 'toy'\n[space]\nbaseline = 'b'\n[space.families.a]": "baseline 'b'",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_what_cannot_run_is_said_before_the_first_job(text, message):
    with pytest.raises(PoolwiseError, match=message):
        plan(parse(text))


def test_outside_of_a_run_the_arms_are_those_of_the_store(config, started):
    with pytest.raises(ConfigError, match="knows no arms"):
        open_engine(config)
    started(config)[1]["early"].close()
    engine = open_engine(config)
    assert len(engine.space.arms) == 5
    engine.close()


UNSAFE = {
    "[safety]\ndelta = 0.0": "delta",
    "[safety]\nspend = 1.0": "spend",
    "[safety]\nban = ['fast', 'slow', 'odd']": "only choice",
    "[safety]\nban = ['default']": "cannot be banned",
    "[safety]\nban = ['fsat']": "did you mean 'fast'",
    "[safety]\npin = 'odd'": "family of 2 arms",
    "[safety]\npin = 'fast'\nban = ['fast']": "both pinned and banned",
    "[safety]\npin = 'fast'\nstop = true": "stop means the baseline",
    "[safety]\nfallbacks = ['quick']": "unknown arm or family 'quick'",
    "[safety]\nfallbacks = ['slow']\nban = ['slow']": "both banned and a fallback",
    "[safety]\noff = ['quarantine']\n[safety.quarantine]\nwindow = 9.0": "switches 'quarantine' off and sets it",
    "[safety.quarantine]\nwindow = 0.0": "window",
    "[safety.conservative]\nalpha = 1.0": "alpha",
    "[safety.conservative]\nbaseline = 1.0\nestimated = true": "keep one of the two",
    "[exploration]\ncontext_budget = 0.0": "context_budget",
    "[exploration]\noverall_budget = 1.0": "overall_budget",
    "[exploration.coverage]\nshare = 1.5": "share",
    "[exploration.drift]\nkeep = 1.0": "keep",
    "[safety]\n[policy]\nspec = 'safe(thompson)'": "sets 'delta' twice",
    "[policy]\nspec = 'curious(thompson)'\nparams = { scarcity = -1.0 }": "scarcity",
    "[engine.domain_priors]\nfsat = [1, 1]": "did you mean 'fast'",
    "[engine.utility_priors]\nfsat = [0.1, 0.1]": "utility_priors\\] names an unknown family 'fsat'",
    "[engine.utility_priors]\nfast = [9.0, 0.1]": "mean within",
}


@pytest.mark.parametrize(("text", "message"), UNSAFE.items())
def test_bad_safety_is_refused_before_the_first_job(tmp_path, text, message):
    base = CONFIG.format(store=f"sqlite:///{tmp_path}/run.db").partition("[engine]")[0]
    with pytest.raises(ConfigError, match=message) as caught:
        plan(parse(base + text))
    assert "\n" not in str(caught.value)


def test_an_interrupted_run_under_all_layers_goes_on_under_the_same_limits(tmp_path, started):
    text = "[safety]\nfallbacks = ['slow']\n[safety.conservative]\n[exploration]\noverall_budget = 0.5\nmemory = 50.0\n"
    config = parse(CONFIG.format(store=f"sqlite:///{tmp_path}/run.db") + text)
    made, first = started(config)
    list(islice(run(made, first), 25))
    before = first["early"].overview()
    first["early"].close()
    engine = started(config)[1]["early"]
    assert engine.overview()["budgets"] == before["budgets"]
    steps = list(run(made, {"early": engine, "late": engine}))
    assert steps[-1].done == 60
    assert all(engine.explain(step.decision.id, replay=True)["replay"]["same"] for step in steps)
    assert any("conservative budget" in step.decision.reason for step in steps)


def test_side_by_side_every_job_is_measured_once_and_under_its_own_decision(config, started):
    made, engines = started(config)
    steps = list(run(made, engines, 4))
    assert sorted(step.decision.id for step in steps) == sorted(engines["early"].store.decisions().id.tolist())
    assert [step.done for step in steps] == list(range(1, 61))
    assert engines["early"].status()["outcomes"] == 60


def test_two_runs_do_not_go_on_with_one_store(config, started):
    first, second = started(config), started(config)
    steps = run(*first)
    next(steps)
    with pytest.raises(ConfigError, match="another run goes on with this store"):
        next(run(*second))
    steps.close()
    assert next(run(*second)).done == 2


def test_a_workload_is_told_what_earlier_runs_measured(config, started):
    made, engines = started(config)
    done, told = list(islice(run(made, engines), 10)), []
    made.workload.recall = lambda job, cost, wall, *, failed: told.append((job.project, cost, wall, failed))
    list(run(made._replace(decisions=11), engines))
    assert told == [(step.decision.project, 1.0, 1.0, False) for step in done]


def test_a_tuning_session_ends_where_little_is_left_to_gain(config, started):
    """A gain of e^3 over the best arm known is expected of none, so that the first outcome is enough."""
    engine = config.engine.model_copy(update={"goal": "best", "enough": 3.0})
    made, engines = started(config.model_copy(update={"engine": engine}))
    done = len(list(run(made, engines)))
    assert 1 <= done < 60
    assert engines["early"].status()["enough"]
    assert list(run(made, engines)) == []
