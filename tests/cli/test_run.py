"""`poolwise run`: its tables, its report, and how it ends."""

import html
import json

from tests.toy import CONFIG, Toy


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


def test_a_tuning_session_ends_where_enough_is_found_and_says_so(place, call):
    goal = '[engine]\ngoal = "best"\nenough = 5.0'
    (place / "x.toml").write_text(CONFIG.format(store="sqlite:///x.db").replace("[engine]", goal))
    status, out, _ = call("run", "x.toml", "--report", "page.html")
    said = next(line for line in out.splitlines() if line.startswith('goal = "best": '))
    assert status == 0
    assert "1 of 60 are made" in said
    assert "less than the 500 % that are enough: stop" in said
    assert html.escape(said) in (place / "page.html").read_text()
    assert said in call("status", "--config", "x.toml")[1]


def test_a_goal_in_one_word_is_all_that_is_needed_and_another_is_refused(place, call):
    text = CONFIG.format(store="sqlite:///x.db")
    for goal, other in (("earn", "best"), ("best", "earn")):
        (place / "x.toml").write_text(
            text.replace("[engine]", f'[engine]\ngoal = "{goal}"').replace("x.db", f"{goal}.db")
        )
        body = json.loads(call("run", "x.toml", "--json", "--decisions", 8)[1])
        assert [(one["goal"], f'goal = "{other}"' in one["sentence"]) for one in body["goals"]] == [(goal, True)]
        assert any(f'goal = "{goal}"' in line for line in call("explain", 8, "--config", "x.toml")[1].splitlines())
    (place / "x.toml").write_text(text.replace("[engine]", '[engine]\ngoal = "fastest"'))
    assert call("run", "x.toml")[::2] == (
        2,
        "poolwise: goal = 'fastest' in [engine] of x.toml is wrong: input should be 'earn' or 'best'\n",
    )
