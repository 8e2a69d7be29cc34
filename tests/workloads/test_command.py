"""A command-line tool under tuning: how it is called, what a call comes to, what is refused before the first one."""

import shutil
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import pytest

from poolwise.config import load
from poolwise.errors import ConfigError, WorkloadError
from poolwise.run import open_engines, plan, run
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice, Integer
from poolwise.workloads import open_workload
from poolwise.workloads.command.process import Calls
from poolwise.workloads.command.rules import printed

SPACE = ArmSpace([Family("plain"), Family("odd", {"level": Integer(1, 2), "fast": Choice([False, True])})], "plain")
ROOT = Path(__file__).parents[2]
PROGRAM = """
import pathlib, sys
_, log, job, *options = sys.argv
with open(log, "a") as file:
    file.write(" ".join([job, *options]) + "\\n")
if "--level=2" in options:
    sys.exit(3)
print("cost:", 5 if options else 10)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tool.py").write_text(PROGRAM)
    for name in ("red/a one.txt", "red/b.txt", "blue/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def made(folder):
    def start(**options):
        given = {
            "command": f"{sys.executable} tool.py log {{job}} {{params}}",
            "jobs": "**/*.txt",
            "context": "{job.suffix}",
            "project": "{job.parent.name}",
            "cost": r"cost: (\S+)",
            "folder": str(folder),
            "arms": SPACE,
        }
        return open_workload("command", **{**given, **options})

    return start


def calls(folder):
    return (folder / "log").read_text().splitlines()


def test_jobs_are_the_files_and_come_in_passes(made):
    workload = made()
    assert workload.projects == ("blue", "red")
    assert workload.contexts == ("txt",)
    jobs = list(islice(workload.jobs(1), 6))
    assert (
        {job.name for job in jobs[:3]} == {job.name for job in jobs[3:]} == {"red/a one.txt", "red/b.txt", "blue/c.txt"}
    )
    assert {job.project for job in islice(workload.jobs(1, ["red"]), 6)} == {"red"}
    assert jobs == list(islice(made().jobs(1), 6))


def test_an_arm_is_called_with_its_parameters_and_the_baseline_once_a_job(made, folder):
    workload = made()
    job = next(job for job in workload.jobs(0) if job.name == "red/a one.txt")
    found = workload.measure(job, "odd", {"level": 1, "fast": True})
    assert (found.status, found.cost, found.baseline_cost) == ("ok", 5, 10)
    assert workload.measure(job, "plain", {}).cost == 10
    assert calls(folder) == ["red/a one.txt", "red/a one.txt --level=1 --fast=true"]


def test_a_failure_costs_the_baselines_run_too(made):
    workload = made(cost="wall")
    found = workload.measure(next(workload.jobs(0)), "odd", {"level": 2, "fast": False})
    assert (found.status, found.detail) == ("failed", "exit status 3")
    assert found.cost > found.baseline_cost > 0


def test_what_earlier_runs_know_is_not_run_again(made, folder):
    workload = made()
    job = next(workload.jobs(0))
    workload.recall(job, 20.0, 2.0, failed=False)
    assert workload.measure(job, "odd", {"level": 1, "fast": False}).baseline_cost == 20
    assert len(calls(folder)) == 1


def test_the_time_is_a_limit_for_all_that_was_started(made, folder):
    slow = "sh -c 'sleep 30 & sleep 30'"
    workload = made(commands={"odd": slow}, timeout=0.3, cost="wall")
    began = time.perf_counter()
    found = workload.measure(next(workload.jobs(0)), "odd", {"level": 1, "fast": False})
    assert time.perf_counter() - began < 5
    assert (found.status, found.cost) == ("timeout", pytest.approx(0.3 + found.baseline_cost))


def test_a_process_that_leaves_its_group_is_not_waited_for(folder):
    began = time.perf_counter()
    found = Calls().run(["sh", "-c", "setsid sleep 8 & echo cost: 1"], str(folder), 30)
    assert time.perf_counter() - began < 6
    assert (found.code, found.output) == (0, "cost: 1\n")


def test_a_baseline_that_took_too_long_is_remembered_as_that(made):
    workload = made(timeout=2.0)
    job = next(workload.jobs(0))
    workload.recall(job, 2.0, 2.0, failed=True)
    assert workload.measure(job, "plain", {}).status == "timeout"


def test_closing_ends_what_runs(folder):
    pool, found = Calls(), []
    thread = threading.Thread(target=lambda: found.append(pool.run(["sleep", "30"], str(folder), 30)))
    thread.start()
    while not pool._groups:
        time.sleep(0.01)
    pool.close()
    thread.join(5)
    assert not thread.is_alive()
    assert found[0].code == -9


@pytest.mark.parametrize(
    ("text", "expected"), [("cost: 1 cost: 2", 2), ("cost: 3 cost: nan", 3), ("cost: 0", None), ("none", None)]
)
def test_the_last_number_above_zero_counts(text, expected):
    assert printed(text, r"cost: (\S+)") == expected


def test_an_answer_that_a_check_refuses_is_a_failure(made):
    workload = made(check="test {family} = plain")
    job = next(workload.jobs(0))
    assert workload.measure(job, "plain", {}).status == "ok"
    assert workload.measure(job, "odd", {"level": 1, "fast": False}).detail == "the check does not accept it"


def test_labels_may_come_from_a_pattern_or_a_table(made, folder):
    workload = made(pattern="(?P<colour>[a-z]+)/", context="{colour}")
    assert workload.contexts == ("blue", "red")
    (folder / "jobs.csv").write_text("job,kind\nred/b.txt,small\nblue/c.txt,large\n")
    assert made(jobs=None, table="jobs.csv", context="{kind}").contexts == ("large", "small")


def test_a_baseline_that_never_works_ends_the_run(made):
    workload = made(commands={"plain": "false"})
    for number in range(4):
        workload.baseline(next(workload.jobs(number))._replace(name="red/b.txt", project="red"))
        workload._baselines.clear()
    with pytest.raises(WorkloadError, match="failed on each of the first 5 jobs"):
        workload.baseline(next(workload.jobs(0)))


WRONG = {
    "unknown placeholder": ({"command": "cat {jbo}"}, r"unknown placeholder \{jbo\}.*job"),
    "no program": ({"command": "no-such-tool {job}"}, "no program here"),
    "open quotes": ({"command": "cat '{job}"}, "close the quotes"),
    "no command": ({"command": None}, "no command for the family"),
    "unknown family": ({"commands": {"plian": "cat"}}, "unknown family 'plian'.*plain"),
    "no jobs": ({"jobs": "*.smt2"}, "no job was found"),
    "jobs twice": ({"table": "jobs.csv"}, "give one of the two"),
    "no table": ({"jobs": None, "table": "jobs.csv"}, "cannot read the table"),
    "context of nothing": ({"context": "{kind}"}, "context in .* unknown placeholder"),
    "pattern that fits not": ({"pattern": "smt"}, "does not fit the job"),
    "pattern that is none": ({"pattern": "("}, "no regular expression"),
    "cost without a group": ({"cost": "cost"}, "one group"),
    "timeout": ({"timeout": 0}, "above 0"),
    "codes": ({"success_codes": ["0"]}, "whole numbers"),
    "folder": ({"folder": "nowhere"}, "no folder"),
    "no arms": ({"arms": None}, r"\[space\]"),
    "context of another type": ({"context": 7}, "context = 7 .* text in quotes"),
    "commands of another type": ({"commands": "cat"}, "must be a table"),
    "a table of another type": ({"jobs": None, "table": 3}, "table = 3 .* text in quotes"),
    "codes of another type": ({"success_codes": 0}, "must be a list"),
    "a folder of another type": ({"folder": 3}, "folder = 3 .* text in quotes"),
    "a parameter of another type": ({"parameter": 4}, "parameter = 4 .* text in quotes"),
    "parameter": ({"parameter": "{nmae}"}, "unknown placeholder"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_meant_is_said_before_the_first_call(made, folder, options, message):
    with pytest.raises(ConfigError, match=message):
        made(**options)
    assert not (folder / "log").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zz3", "unknown workload 'zz3'.*z3.*package.module:Class"),
        ("nowhere.at_all:Class", "cannot be imported: ModuleNotFoundError"),
        ("tests.toy:Tyo", "no class 'Tyo'"),
        ("builtins:dict", "has no space"),
        ("builtins:len", "cannot be made of .workload.: len"),
    ],
)
def test_a_workload_that_is_none(name, message):
    with pytest.raises(ConfigError, match=message):
        open_workload(name)


def test_a_class_of_ones_own():
    assert open_workload("tests.toy:Toy").projects == ("early", "late")


@pytest.mark.skipif(shutil.which("xz") is None, reason="needs xz")
def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = load("examples/compressors.toml")
    made = plan(
        config.model_copy(update={"run": config.run.model_copy(update={"decisions": 12, "store": "memory://"})})
    )
    steps = list(run(made, open_engines(made), 2))
    assert len(steps) == 12
    assert all(step.measurement.status == "ok" for step in steps)


def test_features_are_the_size_of_a_file_or_a_column(made, folder):
    (folder / "red/b.txt").write_text("1234")
    sizes = {job.name: job.features for job in islice(made(features={"size": "{job.size}"}).jobs(1), 3)}
    assert sizes["red/b.txt"] == {"size": "4"}
    assert sizes["blue/c.txt"] == {"size": "0"}
    (folder / "jobs.csv").write_text("job,rows\nred/b.txt,17\n")
    workload = made(jobs=None, table="jobs.csv", features={"rows": "{rows}"})
    assert next(workload.jobs(1)).features == {"rows": "17"}
    for features, words in (({"x": "{lines}"}, "features.x"), ({"x": 3}, "features.x"), ("size", "must be a table")):
        with pytest.raises(ConfigError, match=words):
            made(features=features)
    (folder / "jobs.csv").write_text("job\nnone.txt\n")
    with pytest.raises(ConfigError, match=r"size of a file"):
        made(jobs=None, table="jobs.csv", features={"size": "{job.size}"})
