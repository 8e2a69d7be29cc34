"""The command line: what each command prints, and that wrong input is one line on stderr and exit status 2."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from poolwise.cli import main
from poolwise.cli.app import app
from poolwise.errors import RefitError
from poolwise.workloads import WORKLOADS
from tests.toy import CONFIG, Toy

GROUPS = [
    f"{group.name} {command.name or command.callback.__name__}"
    for group in app.registered_groups
    for command in group.typer_instance.registered_commands
]
COMMANDS = sorted([*(command.callback.__name__ for command in app.registered_commands), *GROUPS])


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """An empty folder to work in, and a workload that costs nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(WORKLOADS, "toy", Toy)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Run a command; returns exit status, stdout and stderr."""

    def run(*arguments):
        status = main(list(map(str, arguments)))
        caught = capsys.readouterr()
        return status, caught.out, caught.err

    return run


@pytest.fixture
def finished(place, call):
    """A finished run and its configuration as the default one."""
    (place / "poolwise.toml").write_text(CONFIG.format(store="sqlite:///run.db"))
    status, _, errors = call("run", "poolwise.toml")
    assert (status, errors) == (0, "")
    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_json_for_machines(call, command):
    status, out, _ = call(*command.split(), "--help")
    assert status == 0
    assert f"poolwise {command}" in out.partition("Example:")[2]
    assert "--json" in out


def test_starting_up_loads_nothing_heavy():
    code = "import sys, poolwise.cli; print([m for m in ('jax', 'numpy', 'pandas', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_from_nothing_to_a_learned_outcome(call):
    assert call("init")[0] == 0
    made = json.loads(call("decide", "--project", "p", "--context", "c", "--json")[1])
    assert 0 < made["probability"] <= 1
    report = ("observe", made["id"], "--cost", 0.8, "--baseline-cost", 1.3)
    assert "learned" in call(*report)[1]
    assert "known already" in call(*report)[1]
    status = json.loads(call("status", "--json")[1])
    assert (status["decisions"], status["outcomes"], status["repeated"]) == (1, 1, 1)


def test_a_store_alone_can_be_looked_at_but_not_served_from(call, place):
    call("init")
    call("decide", "--project", "p", "--context", "c")
    (place / "poolwise.toml").unlink()
    for arguments in (("status",), ("beliefs",), ("explain", 1), ("export", "out"), ("projects",)):
        status, _, errors = call(*arguments, "--store", "sqlite:///poolwise.db")
        assert (status, "default settings" in errors) == (0, True), arguments
    assert "no configuration file" in call("decide", "--project", "p", "--context", "c")[2]


@pytest.mark.parametrize("arguments", [("status",), ("explain", 1), ("observe", 1, "--cost", 1), ("export", "out")])
def test_a_mistyped_store_is_not_created(call, place, arguments):
    call("init")
    status, _, errors = call(*arguments, "--store", "sqlite:///mistyped.db")
    assert (status, "there is no store mistyped.db" in errors) == (2, True)
    assert not (place / "mistyped.db").exists()


def test_decide_says_how_to_report(call):
    call("init")
    status, out, _ = call("decide", "--project", "p", "--context", "c", "--available", "default")
    assert status == 0
    assert out.split()[1] == "default"
    assert "poolwise observe" in out


def test_a_run_ends_with_its_tables(finished):
    status, out, _ = finished("run", "poolwise.toml")
    assert status == 0
    for title in ("first against last third", "Best arm of each context", "What the newest project was given"):
        assert title in out


def test_a_run_for_machines(finished):
    status, out, _ = finished("run", "poolwise.toml", "--json", "--decisions", 80)
    body = json.loads(out)
    assert (status, body["decisions"], body["sharing"], body["contradictions"]) == (0, 80, True, [])
    assert [row["project"] for row in body["thirds"]] == ["all projects", "early", "late"]
    assert {row["context"] for row in body["borrowed"]} == {"big", "small"}


def test_a_run_without_sharing_borrows_nothing(finished):
    body = json.loads(finished("run", "poolwise.toml", "--json", "--no-sharing", "--store", "sqlite:///alone.db")[1])
    assert (body["sharing"], body["borrowed"], body["decisions"]) == (False, [], 60)


def test_a_run_writes_its_report(finished, place):
    status, out, _ = finished("run", "poolwise.toml", "--report", "page.html")
    assert status == 0
    assert "page.html" in out
    assert (place / "page.html").read_text().startswith("<!doctype html>")


def test_a_contradiction_is_shouted_and_exits_1(place, call, monkeypatch):
    measure = Toy.measure
    monkeypatch.setattr(Toy, "measure", lambda *a: measure(*a)._replace(detail="CONTRADICTION: fast says sat"))
    (place / "x.toml").write_text(CONFIG.format(store="sqlite:///x.db"))
    status, out, _ = call("run", "x.toml", "--decisions", 3)
    assert status == 1
    assert "CONTRADICTION" in out


def test_an_interrupt_is_one_line(place, call, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    (place / "x.toml").write_text(CONFIG.format(store="sqlite:///x.db"))
    with monkeypatch.context() as patch:
        patch.setattr(Toy, "measure", interrupted)
        assert call("run", "x.toml")[::2] == (
            1,
            "poolwise: interrupted: the same command goes on where this run stopped\n",
        )
    assert call("run", "x.toml")[0] == 0


def test_beliefs_of_one_project(finished):
    rows = json.loads(finished("beliefs", "--project", "late", "--top", 2, "--json")[1])
    assert len(rows) == 4
    assert {row["project"] for row in rows} == {"late"}
    assert all(row["low"] < row["speed_up"] < row["high"] for row in rows)
    assert "late" in finished("beliefs", "--context", "big")[1]


def test_explain_and_replay(finished):
    status, out, _ = finished("explain", 5, "--replay")
    assert status == 0
    assert "the same, bit for bit" in out
    assert json.loads(finished("explain", 5, "--json")[1])["decision"]["id"] == 5


def test_orders_are_given_listed_and_lifted(finished):
    assert finished("control")[1] == "no orders in force\n"
    assert finished("control", "ban", "odd", "--project", "late")[1].count("ban odd(level=") == 2
    assert json.loads(finished("control", "stop", "--json")[1])["in_force"][-1] == "stop: everywhere"
    made = json.loads(finished("decide", "--project", "late", "--context", "big", "--json")[1])
    assert (made["arm"], made["reason"]) == ("default", "baseline only; ban, stopped")
    assert finished("control", "resume")[0] == 0
    assert "stop" not in finished("status")[1]


def test_status_tells_how_far_learning_has_come(finished):
    rows = json.loads(finished("status", "--json")[1])["contexts"]
    assert {(row["project"], row["context"]) for row in rows} == {
        (p, c) for p in Toy().projects for c in Toy().contexts
    }
    assert {row["phase"] for row in rows} <= {"early", "learning", "mature"}
    out = finished("status")[1]
    assert "confidence" in out
    assert "late" in out


def test_a_replay_that_differs_exits_1(finished, monkeypatch):
    """A policy that is nearly sure of itself answers the same whatever the number: of several decisions one differs."""
    monkeypatch.setattr("poolwise.engine.explain.uniform", lambda *_: 1 - 1e-16)
    assert {finished("explain", id, "--replay", "--json")[0] for id in range(1, 9)} == {0, 1}


def test_export_writes_what_can_be_read_back(finished, place):
    assert finished("export", "out/deep")[0] == 0
    trials = pd.read_parquet(place / "out" / "deep" / "trials.parquet")
    beliefs = pd.read_parquet(place / "out" / "deep" / "beliefs.parquet")
    assert len(trials) == 60
    assert len(beliefs) == 2 * 2 * 5


def test_refit_reports_its_snapshot(call):
    call("init")
    call("decide", "--project", "p", "--context", "c")
    status, out, _ = call("refit", "--json")
    assert status == 0
    assert json.loads(out)["outcomes"] == 0


def test_a_refit_and_its_page(finished, place):
    assert finished("refit")[0] == 0
    assert "serves" in finished("refit", "--method", "fast", "--draws", 50)[1]
    status, out, _ = finished("report", "--output", "page.html", "--json")
    body = json.loads(out)
    assert (status, body["status"]) == (0, "serving")
    assert body["file"].endswith("-fast.nc")
    assert "<svg" in (place / "page.html").read_text()


def test_a_rejected_refit_is_a_problem_found(finished, monkeypatch):
    monkeypatch.setattr("poolwise.refit.gate.verdict", lambda checked: "chains disagree")
    before = json.loads(finished("status", "--json")[1])["snapshot"]
    status, out, _ = finished("refit")
    assert status == 1
    assert "does NOT serve" in out
    after = json.loads(finished("status", "--json")[1])
    assert after["snapshot"] == before
    assert "chains disagree" in after["rejected"]
    status, out, _ = finished("report")
    assert (status, "rejected: chains disagree" in out) == (1, True)


@pytest.mark.parametrize(("text", "message"), [(None, "there is no model file"), ("x = 1", "has no function 'model'")])
def test_a_model_file_that_cannot_be_used_is_said_before_anything_is_sampled(finished, place, text, message):
    with (place / "poolwise.toml").open("a") as config:
        config.write('[model]\nfile = "mine.py"\n')
    if text:
        (place / "mine.py").write_text(text)
    status, out, errors = finished("refit", "--method", "nuts")
    assert (status, out, errors.count("\n")) == (2, "", 1)
    assert message in errors
    assert not (place / "run.db-refits").exists() or not list((place / "run.db-refits").iterdir())


def test_a_refit_that_fails_is_a_problem_found(call, monkeypatch):
    def failing(*_, **__):
        raise RefitError("the search did not converge")

    monkeypatch.setattr("poolwise.engine.Engine.refit", failing)
    call("init")
    call("decide", "--project", "p", "--context", "c")
    assert call("refit")[::2] == (1, "poolwise: the search did not converge\n")


def test_a_pack_goes_out_is_looked_at_and_comes_into_another_store(finished, place):
    status, out, _ = finished("prior", "export", "toy.json", "--minimum", 2)
    assert status == 0
    assert "what 2 projects share about 5 arms in 2 contexts" in out
    body = json.loads(finished("prior", "inspect", "toy.json", "--json")[1])
    assert body["name"] == "toy"
    assert {row["context"] for row in body["expected"]} == {"big", "small"}
    assert "What a new project would expect" in finished("prior", "inspect", "toy.json")[1]
    (place / "new.toml").write_text(
        '[run]\nstore = "sqlite:///new.db"\n[space]\nbaseline = "default"\n'
        "[space.families.default]\n[space.families.fast]\n[space.families.other]\n"
    )
    out = finished("prior", "import", "toy.json", "--config", "new.toml")[1]
    assert "2 arms by name" in out
    assert "not used, arms: slow, odd(level=1), odd(level=2)" in out
    made = json.loads(finished("decide", "--project", "p", "--context", "big", "--config", "new.toml", "--json")[1])
    told = finished("explain", made["id"], "--config", "new.toml")[1]
    assert "The pack toy" in told


def test_projects_and_in_what_they_differ(finished):
    status, out, _ = finished("projects")
    assert status == 0
    assert "nearest" in out
    body = json.loads(finished("projects", "--project", "late", "--json")[1])
    assert [row["project"] for row in body["projects"]] == ["early", "late"]
    assert sum(row["gave"] for row in body["projects"]) == pytest.approx(1)
    assert {row["project"] for row in body["differences"]} <= {"late"}


def test_similar_projects_and_what_they_recommend(finished):
    out = finished("similar", "late")[1]
    assert "Projects like late" in out
    assert "What they would recommend" in out
    body = json.loads(finished("similar", "late", "--json")[1])
    assert [row["project"] for row in body["neighbours"]] == ["early"]
    assert {row["context"] for row in body["recommended"]} == {"big", "small"}


def test_a_private_pack_says_what_it_promises(finished):
    out = finished("prior", "export", "p.json", "--minimum", 1, "--private")[1]
    assert "(1.99, 1e-05)-differentially private" in out
    out = finished("prior", "export", "p.json", "--minimum", 1, "--private")[1]
    assert "with earlier packs of the same store (2.94, 1e-05)" in out


@pytest.mark.slow  # One compilation of the simulator.
def test_learn_writes_a_card_and_says_whether_it_may_serve(finished, place):
    small = ("--steps", 1, "--batch", 8, "--decisions", 5, "--out", "card.json")
    status, out, errors = finished("learn", *small, "--json")
    body = json.loads(out)
    assert status == (0 if body["promoted"] else 1), errors
    assert json.loads((place / "card.json").read_text())["text"] == body["text"]
    assert finished("learn", *small)[::2] == (
        2,
        "poolwise: card.checkpoint.json has had 1 steps already: ask for more, or move it away to start afresh\n",
    )


WRONG = {
    ("init", "poolwise.toml"): "is there already",
    ("init", "no/folder/x.toml"): "cannot write",
    ("run",): "Missing argument",
    ("run", "none.toml"): "no configuration file",
    ("run", "poolwise.toml", "--decisions", "0"): "greater than or equal to 1",
    ("run", "poolwise.toml", "--decisoins", "5"): "decisoins",
    ("run", "poolwise.toml", "--seed", "9"): "holds a run with seed = 3",
    ("run", "poolwise.toml", "--report", "no/folder/x.html"): "cannot write the report",
    ("run", "poolwise.toml", "--store", "postgres:x"): "known kind",
    ("decide",): "Missing option",
    ("decide", "--project", "p", "--context", ""): "context must be a non-empty string",
    ("decide", "--project", "p", "--context", "c", "--available", "fsat"): "unknown arm or family 'fsat'",
    ("decide", "--project", "p", "--context", "c", "--available", "fast"): "baseline",
    ("observe", "x"): "valid integer",
    ("observe", "1"): "needs utility=, cost= with baseline_cost=",
    ("observe", "1", "--cost", "-1", "--baseline-cost", "1"): "must be positive",
    ("observe", "1", "--cost", "nan", "--baseline-cost", "1"): "must be positive",
    ("observe", "1", "--cost", "1", "--baseline-cost", "0"): "must be positive",
    ("observe", "1", "--utility", "inf"): "no measurement",
    ("observe", "1", "--utility", "9", "--status", "okay"): "status 'okay'",
    ("observe", "999999", "--utility", "0"): "is not in this store",
    ("observe", "1", "--utility", "0.123"): "report each decision once",
    ("explain", "999999"): "is not in this store",
    ("beliefs", "--project", "q"): "no project 'q'",
    ("beliefs", "--top", "0"): "greater than or equal to 1",
    ("status", "--store", "sqlite:///poolwise.toml"): "poolwise.toml",
    ("status", "--config", "none.toml"): "no configuration file",
    ("refit", "--config", "none.toml"): "no configuration file",
    ("report", "none.nc"): "there is no file none.nc",
    ("report", "poolwise.toml"): "is no file of a refit",
    ("report",): "no refit has left its draws",
    ("report", "--output", "no/folder/x.html"): "cannot write the report",
    ("refit", "--method", "mcmc"): "use one of fast, nuts, svi",
    ("refit", "--chains", "0"): "greater than or equal to 1",
    ("refit", "--device", "tpu"): "use 'cpu' or 'gpu'",
    ("refit", "--from", "none.parquet"): "cannot be read as Parquet",
    ("refit", "--save", "poolwise.toml/x.nc"): "name another file",
    ("control", "halt"): "unknown order 'halt'",
    ("control", "pin"): "'pin' needs an arm",
    ("control", "ban", "fsat"): "unknown arm or family 'fsat'",
    ("control", "ban", "default"): "cannot be banned",
    ("control", "resume"): "would change nothing",
    ("control", "pin", "fast", "--project", "p"): "no project 'p'",
    ("export",): "Missing argument",
    ("export", "poolwise.toml"): "is a file",
    ("replay", "none.csv", "--baseline", "default"): "there is no such file",
    ("replay", "none.csv", "--log", "log.txt"): "ends in .parquet",
    ("replay", "none.csv", "--seeds", "0"): "greater than or equal to 1",
    ("evaluate", "none.parquet", "--policy", "uniform"): "none.parquet",
    ("evaluate", "run.db"): "name the policy to evaluate",
    ("evaluate", "run.db", "--policy", "best"): "neither one of the log's arms",
    ("projects", "--project", "q"): "no project 'q'",
    ("projects", "--top", "0"): "greater than or equal to 1",
    ("similar", "q"): "no project 'q'",
    ("similar",): "Missing argument",
    ("prior",): "Missing command",
    ("prior", "export", "x.json"): "2 projects with outcomes are too few for a pack that rests on at least 3",
    ("prior", "export", "x.json", "--private"): "2 projects with outcomes are too few",
    ("prior", "export", "x.json", "--minimum", "0"): "greater than or equal to 1",
    ("prior", "export", "x.json", "--minimum", "2", "--clip", "-1"): "must be a positive utility",
    ("prior", "export", "x.json", "--minimum", "2", "--private", "--mu", "0"): "needs 0 < mu",
    ("prior", "export", "x.json", "--private", "--clip", "1"): "takes --bound",
    ("prior", "export", "x.json", "--minimum", "2", "--card", "none.json"): "cannot read the card",
    ("prior", "export", "no/folder/x.json"): "cannot write the pack",
    ("prior", "import", "none.json"): "cannot read the pack",
    ("prior", "import", "poolwise.toml"): "cannot be read as JSON",
    ("prior", "inspect", "none.json"): "cannot read the pack",
    ("learn", "--config", "none.toml"): "no configuration file",
    ("learn", "--steps", "0"): "greater than or equal to 1",
    ("learn", "--out", "no/folder/card.json"): "there is no folder",
    ("learn", "--store", "sqlite:///mistyped.db"): "there is no store",
    ("learn", "--device", "abacus"): "device 'abacus' cannot be used",
    ("frobnicate",): "No such command",
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.items(), ids=" ".join)
def test_wrong_input_is_one_line_and_exit_2(finished, arguments, message):
    status, out, errors = finished(*arguments)
    assert (status, out) == (2, "")
    assert message in errors
    assert errors.startswith("poolwise: ")
    assert errors.count("\n") == 1
    assert json.loads(finished("status", "--json")[1])["outcomes"] == 60


def test_every_command_is_tried_with_wrong_input():
    tried = {arguments[0] for arguments in WRONG} | {" ".join(arguments[:2]) for arguments in WRONG}
    assert tried >= set(COMMANDS)
