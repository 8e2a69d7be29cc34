"""Every command that takes a store takes one on a server, and says the same of it."""

import json

import pytest

from tests.toy import CONFIG

LOOKS = [
    ("status",),
    ("log",),
    ("beliefs",),
    ("projects",),
    ("similar", "early"),
    ("explain", "7", "--replay"),
]


@pytest.fixture
def both(place, call, workspace):
    """The same run on a file and on a server; how to call a command on either."""
    urls = {"sqlite": f"sqlite:///{place / 'run.db'}", "postgresql": workspace}
    for kind, url in urls.items():
        (place / f"{kind}.toml").write_text(
            CONFIG.format(store=url).replace("[engine]", '[engine]\nestimate = "inline"')
        )
        status, _, errors = call("run", f"{kind}.toml")
        assert (status, errors) == (0, "")
    return lambda kind, *arguments: call(*arguments, "--config", f"{kind}.toml", "--store", urls[kind], "--json")


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_what_commands_say_does_not_depend_on_the_database(both, command):
    said = {kind: both(kind, *command) for kind in ("sqlite", "postgresql")}
    for status, _, errors in said.values():
        assert (status, errors) == (0, "")
    one, other = (_timeless(json.loads(out)) for _, out, _ in said.values())
    assert one == other


def _timeless(body):
    """Without times, and without what is drawn from a decision's own."""
    if isinstance(body, dict):
        return {key: _timeless(value) for key, value in body.items() if "time" not in key and key != "bytes"}
    return [_timeless(value) for value in body] if isinstance(body, list) else body


def test_a_life_on_a_server(both, call, place, workspace, workspaces):
    def done(*arguments):
        status, out, errors = both("postgresql", *arguments)
        assert (status, errors) == (0, ""), errors
        return json.loads(out) if out else None

    made = done("decide", "--project", "early", "--context", "big")
    assert done("observe", str(made["id"]), "--cost", "0.5", "--baseline-cost", "1")
    assert done("control", "ban", "slow")
    assert done("status")["outcomes"] == 61
    assert done("backup", "monday.db")["outcomes"] == 61
    target = next(workspaces)
    status, out, errors = call("restore", "monday.db", "--store", target, "--json")
    assert (status, errors, json.loads(out)["decisions"]) == (0, "", 61)
    moved = next(workspaces)
    status, out, errors = call("migrate", workspace, moved, "--json")
    assert (status, errors, json.loads(out)["tables"]["outcome"]["rows"]) == (0, "", 61)
    assert call("migrate", workspace, moved)[0] == 2
    assert call("evaluate", workspace, "--policy", "uniform")[0] in (0, 1)
    assert call("report", "--store", workspace, "--output", "page.html")[0] == 0
    assert call("export", "out", "--store", workspace)[0] == 0
    assert done("retention", "--views", "1h")["views"] == 0
    assert done("withdraw", "--project", "early")["outcomes"] > 0
    assert done("forget", "--project", "late")["decisions"] > 0
    assert done("status")["forgotten"] > 0
    assert json.loads(call("status", "--store", moved, "--json")[1])["outcomes"] == 61


def test_a_refit_on_a_server(both):
    status, out, errors = both("postgresql", "refit")
    assert status in (0, 1), errors
    assert json.loads(out)["status"] in ("serving", "rejected")


def test_two_runs_and_no_sharing(place, call, workspace):
    (place / "own.toml").write_text(CONFIG.format(store=workspace))
    status, _, errors = call("run", "own.toml", "--no-sharing")
    assert (status, errors) == (0, "")
    assert json.loads(call("status", "--store", f"{workspace}_early", "--json")[1])["outcomes"] > 0


def test_a_password_is_never_shown(place, call):
    for url in (
        "postgresql://me:s3cr3t@127.0.0.1:1/x",
        "postgresql://me:s3cr3t/@127.0.0.1/x",
        "postgres://me:s3cr3t@h/x",
    ):
        for command in ("status", "log", "beliefs", "backup x.db", "retention --views 1h", "report"):
            status, out, errors = call(*command.split(), "--store", url)
            assert (status, out) == (2, "")
            assert "s3cr3t" not in errors
            assert errors.count("\n") == 1
