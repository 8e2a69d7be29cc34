"""`poolwise refit` and `poolwise report`."""

import json

import pytest

from poolwise.errors import RefitError


def test_refit_reports_its_snapshot(call):
    call("init")
    call("decide", "--project", "p", "--context", "c")
    status, out, _ = call("refit", "--json")
    assert status == 0
    assert json.loads(out)["outcomes"] == 0


def test_a_refit_and_its_page(finished, place):
    assert finished("refit")[0] == 0
    assert "serves" in finished("refit", "--method", "fast", "--draws", 50)[1]
    status, out, _ = finished("report", "run.db-refits/0001-fast.nc", "--output", "page.html", "--json")
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
    status, out, _ = finished("report", json.loads(finished("refit", "--json")[1])["diagnostics"]["inference_data"])
    assert (status, "rejected: chains disagree" in out) == (1, True)


@pytest.mark.parametrize(("text", "message"), [(None, "there is no model file"), ("x = 1", "has no function 'model'")])
def test_a_model_file_that_cannot_be_used_is_said_before_anything_is_sampled(finished, place, text, message):
    with (place / "poolwise.toml").open("a") as config:
        config.write('[model]\nfile = "mine.py"\n')
    if text:
        (place / "mine.py").write_text(text)
    status, out, errors = finished("refit", "--method", "nuts")
    assert (status, out) == (2, "")
    *executed, refusal = errors.splitlines()
    assert message in refusal
    assert executed == (["the model file mine.py is executed"] if text else [])
    assert not (place / "run.db-refits").exists() or not list((place / "run.db-refits").iterdir())


def test_a_refit_that_fails_is_a_problem_found(call, monkeypatch):
    def failing(*_, **__):
        raise RefitError("the search did not converge")

    monkeypatch.setattr("poolwise.engine.Engine.refit", failing)
    call("init")
    call("decide", "--project", "p", "--context", "c")
    assert call("refit")[::2] == (1, "poolwise: the search did not converge\n")
