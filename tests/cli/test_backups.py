"""backup and restore, as an operator types them."""

import json

import pytest

from poolwise import ArmSpace, Engine, Family
from poolwise.cli.app import main
from poolwise.engine.safeguards import audit

SPACE = ArmSpace([Family("default"), Family("fast"), Family("slow")], "default")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = Engine.open("sqlite:///events.db", SPACE, seed=1)
    for number in range(60):
        opened.observe(opened.decide("p", f"c{number % 3}").id, utility=0.1 * (number % 5))
    yield opened
    opened.close()


def test_a_store_in_use_is_copied_and_put_back_elsewhere(engine, capsys):
    assert main(["backup", "monday.db", "--store", "sqlite:///events.db"]) == 0
    assert "60 decisions and 60 outcomes" in capsys.readouterr().out
    assert main(["restore", "monday.db", "--store", "sqlite:///again.db", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["outcomes"], body["replayed"], body["different"]) == (60, 20, [])
    again = Engine.open("sqlite:///again.db", SPACE)
    assert all(again.explain(id, replay=True)["replay"]["same"] for id in again.store.decisions().id.tolist())
    again.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backup", "b.db", "--store", "sqlite:///none.db"], "no store"),
        (["backup", "events.db", "--store", "sqlite:///events.db"], "exists"),
        (["restore", "none.db", "--store", "sqlite:///b.db"], "no store"),
        (["restore", "text.db", "--store", "sqlite:///b.db"], "no SQLite file"),
        (["backup", "b.db", "--store", "sqlite://"], "in memory"),
    ],
)
def test_refusals_leave_nothing(engine, tmp_path, capsys, arguments, message):
    (tmp_path / "text.db").write_text("text")
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "b.db").exists()


def test_a_copy_whose_decisions_come_out_otherwise_is_not_kept(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "recompute", lambda *_: {"same": False})
    assert main(["backup", "b.db", "--store", "sqlite:///events.db"]) == 2
    assert not (tmp_path / "b.db").exists()
