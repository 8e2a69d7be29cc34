"""Deciding, observing, and looking at what came of it."""

import json

import pandas as pd
import pytest

from tests.toy import Toy


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
        assert (status, "as the store was last used" in errors) == (0, True), arguments
        assert call(*arguments)[0] == 0
    assert "no configuration file" in call("decide", "--project", "p", "--context", "c")[2]


def test_orders_and_refits_need_no_configuration_either(finished, place):
    (place / "poolwise.toml").unlink()
    url = ("--store", "sqlite:///run.db")
    assert finished("control", "ban", "slow", *url)[0] == 0
    assert "ban slow" in finished("control", *url)[1]
    assert finished("refit", *url)[0] in (0, 1)
    assert "no configuration file" in finished("status")[2]


def test_a_store_is_looked_at_with_the_settings_that_it_was_served_with(call, place):
    call("init")
    with (place / "poolwise.toml").open("a") as file:
        file.write("[engine]\nfailure_utility = -3.0\n")
    made = json.loads(call("decide", "--project", "p", "--context", "c", "--json")[1])
    call("observe", made["id"], "--status", "failed")
    said = call("beliefs", "--json")[1]
    (place / "poolwise.toml").unlink()
    assert call("beliefs", "--json")[1] == said


def test_the_log_lists_decisions_with_their_outcomes(finished):
    rows = json.loads(finished("log", "--last", 3, "--project", "late", "--json")[1])
    assert len(rows) == 3
    assert {row["project"] for row in rows} == {"late"}
    assert all(row["status"] in ("ok", "failed") and row["cost"] > 0 for row in rows)
    made = json.loads(finished("decide", "--project", "late", "--context", "big", "--json")[1])
    assert [row["status"] for row in json.loads(finished("log", "--last", 1, "--json")[1])] == ["open"]
    assert str(made["id"]) in finished("log")[1]


@pytest.mark.parametrize("arguments", [("status",), ("explain", 1), ("observe", 1, "--cost", 1), ("export", "out")])
def test_a_mistyped_store_is_not_created(call, place, arguments):
    call("init")
    status, _, errors = call(*arguments, "--store", "sqlite:///mistyped.db")
    assert (status, "there is no store" in errors, "mistyped.db" in errors) == (2, True, True)
    assert not (place / "mistyped.db").exists()


def test_decide_says_how_to_report(call):
    call("init")
    status, out, _ = call("decide", "--project", "p", "--context", "c", "--available", "default")
    assert status == 0
    assert out.split()[1] == "default"
    assert "poolwise observe" in out


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


def test_a_replay_that_differs_exits_1(finished, monkeypatch):
    """A policy that is nearly sure of itself answers the same whatever the number: of several decisions one differs."""
    monkeypatch.setattr("poolwise.engine.insight.explain.uniform", lambda *_: 1 - 1e-16)
    assert {finished("explain", id, "--replay", "--json")[0] for id in range(1, 9)} == {0, 1}


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


def test_export_writes_what_can_be_read_back(finished, place):
    assert finished("export", "out/deep")[0] == 0
    trials = pd.read_parquet(place / "out" / "deep" / "trials.parquet")
    beliefs = pd.read_parquet(place / "out" / "deep" / "beliefs.parquet")
    assert len(trials) == 60
    assert len(beliefs) == 2 * 2 * 5


DECLARED = """
[features.size]
type = "integer"
log = true
[features.kind]
type = "choice"
values = ["dense", "sparse"]
"""


def test_features_are_declared_in_the_file_and_given_by_name(call, place):
    call("init")
    with (place / "poolwise.toml").open("a") as file:
        file.write(DECLARED)
    job = ("decide", "--project", "p", "--context", "c", "--json")
    made = json.loads(call(*job, "--feature", "size=12000", "--feature", "kind=sparse")[1])
    assert made["features"] == {"size": 12000, "kind": "sparse"}
    assert json.loads(call(*job)[1])["features"] is None
    refused = {
        "size": "NAME=VALUE",
        "size=many": "no number",
        "siz=3": "did you mean 'size'",
        "size=-1": "cannot be negative",
        "size=inf": "size",
        "size=1e999": "size",
        "kind=empty": "none of its values",
    }
    for given, words in refused.items():
        status, _, errors = call(*job, "--feature", given)
        assert (status, words in errors) == (2, True), errors
    status = json.loads(call("status", "--json")[1])
    assert status["decisions"] == 2
    assert {row["feature"] for row in status["features"]} == {"size", "kind=dense", "kind=sparse"}
    assert "Features: share of the differences" in call("status")[1]
    rows = json.loads(call("log", "--json")[1])
    assert [(row["f_size"], row["f_kind"]) for row in rows] == [(12000, "sparse"), (None, None)]
    assert "size is 12000, larger than" in call("explain", made["id"])[1]


def test_a_wrong_declaration_is_said_with_its_table(call, place):
    call("init")
    with (place / "poolwise.toml").open("a") as file:
        file.write("[features.size]\ntype = 'text'\n")
    status, _, errors = call("decide", "--project", "p", "--context", "c")
    assert status == 2
    assert "[features.size]" in errors
