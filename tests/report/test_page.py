"""The page: complete, self-contained, and drawn in the reader's colours."""

import re

import numpy as np
import pandas as pd
import pytest

from poolwise.engine import Engine
from poolwise.engine.insight.trials import trials
from poolwise.errors import InputError
from poolwise.report.page import page, write_page
from poolwise.report.palette import VARIABLES
from poolwise.report.plots import short
from poolwise.report.sentences import _saved
from poolwise.report.store_page import write_store_page
from poolwise.report.tables import summary
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("fast")], "default")


def written(projects, decisions=40):
    engine = Engine.open("memory://", SPACE, seed=2)
    rng = np.random.default_rng(0)
    for number in range(decisions):
        decision = engine.decide(projects[number * len(projects) // decisions], f"kind-{number % 2}")
        engine.store.append_record(
            "measurement", {"decision": decision.id, "wall": 1.0, "baseline_wall": 1.5, "detail": ""}
        )
        gain = 0.7 if decision.arm == "fast" else 0.0
        engine.observe(decision.id, cost=float(np.exp(-gain + 0.1 * rng.normal())), baseline_cost=1.0)
    table, beliefs = trials(engine.store), engine.beliefs()
    return page(table, beliefs, summary(table, beliefs, [engine]))


@pytest.fixture(scope="module")
def text():
    return written(["one", "<two> & more"])


def test_it_is_complete(text):
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert text.count("<svg") == 5
    assert text.count("<table>") == 6
    assert "$" not in text
    assert "nan" not in re.sub("<style>.*?</style>", "", text, flags=re.S)


def test_it_needs_nothing_from_outside(text):
    assert not re.findall(r"<(?:script|link|img|iframe)", text)
    assert not re.findall(r"(?:src|href)=\"(?!#)", text)
    assert "@import" not in text


def test_colours_are_the_readers(text):
    assert not [colour for colour in VARIABLES if colour in text.partition("</style>")[2]]
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= set(re.findall(r"(--[\w-]+):", text))


def test_names_are_escaped(text):
    assert "&lt;two&gt; &amp; more" in text
    assert "<two>" not in text


def test_ids_of_the_plots_do_not_clash(text):
    clips = re.findall(r'<clipPath id="(\w+)"', text)
    assert len(clips) == len(set(clips))


@pytest.mark.parametrize(("projects", "decisions"), [(["alone"], 1), (["alone"], 7), (list("abcdefgh"), 16)])
def test_short_runs_and_many_projects(projects, decisions):
    assert written(projects, decisions).count("<svg") == 5


def test_it_says_what_was_saved(text):
    table = pd.DataFrame({"cost": [1.0, 2.0], "baseline_cost": [2.0, 2.0], "gain": [0.7, 0.0], "arm": "a"})
    assert _saved(table) == "All jobs together cost 3, where the baseline would have cost 4: 1 saved, 25 %."
    assert "not known" in _saved(table.assign(cost=np.nan))
    assert "of the total cost with the baseline was saved" in text


def test_a_store_that_knows_no_costs_has_its_page(tmp_path):
    with Engine.open("memory://", SPACE, seed=2) as engine:
        for number in range(12):
            made = engine.decide("p", "c")
            engine.observe(made.id, utility=0.5 * (made.arm == "fast")) if number else engine.observe(
                made.id, status="timeout"
            )
        tables = write_store_page(tmp_path / "x.html", [engine])
    assert np.isnan(tables["totals"]["saved"].iloc[0])
    assert "nan" not in re.sub("<style>.*?</style>", "", (tmp_path / "x.html").read_text(), flags=re.S)


def test_nothing_to_report_is_said():
    engine = Engine.open("memory://", SPACE, seed=2)
    with pytest.raises(InputError, match="no outcome to report"):
        page(trials(engine.store), engine.beliefs(), {})


def test_a_place_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("poolwise.report.page.page", lambda *_: "text")
    with pytest.raises(InputError, match="cannot write the report"):
        write_page(tmp_path, None, None, {})
    write_page(tmp_path / "x.html", None, None, {})
    assert (tmp_path / "x.html").read_text() == "text"


@pytest.mark.parametrize(
    ("arm", "expected"),
    [("a", "a"), ("a(x=1)", "a(1)"), ("a(x=True,y=False,z=b)", "a(x, no y, b)"), ("a(x=" + "b" * 99 + ")", None)],
)
def test_short_names(arm, expected):
    assert len(short(arm)) <= 38
    assert expected in (None, short(arm))


def test_long_names_leave_room_for_the_pictures(tmp_path):
    """Nothing warns, and every name is there in the tables."""
    name = "a" * 1000
    with Engine.open("memory://", ArmSpace([Family("default"), Family(name)], "default"), seed=1) as engine:
        for k in range(8):
            engine.observe(engine.decide(name, f"{name[:-1]}b").id, utility=0.1 * k)
        made = trials(engine.store)
        write_page(tmp_path / "x.html", made, engine.beliefs(), summary(made, engine.beliefs(), [engine]))
