"""What pages are made of: sums over time, pictures, alerts, and what takes an order back."""

import math
import re

import numpy as np
import pytest

from poolwise import Engine
from poolwise.engine.safeguards.settings import Exploration, Safety
from poolwise.engine.settings import Settings
from tests.service.conftest import SPACE

pytest.importorskip("markupsafe", reason="the console is tested where its extra is installed")

from poolwise.service.console import history, kept
from poolwise.service.console.history import COLUMNS, History
from poolwise.service.console.shown import charts, pages, words
from poolwise.service.console.shown.alerts import LEVELS, alerts
from poolwise.service.looking import by_project


def events(count, seed, span):
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, len(COLUMNS)))
    return 1.7e9 + span * random.random(count), random.integers(0, 5, count), values


@pytest.mark.parametrize("span", [1e-3, 10.0, 1e5, 1e9])
def test_a_history_is_the_sum_of_its_events_in_any_parts(span):
    time, project, values = events(500, 1, span)
    found = History(0)
    for part in np.array_split(np.random.default_rng(2).permutation(500), 7):
        found = history.added(found, time[part], project[part], values[part])
    assert len(found.bins) <= history.MOST
    for k, start in enumerate(found.times.tolist()):
        inside = (time >= start) & (time < start + found.width)
        np.testing.assert_allclose(found.bins[k], values[inside].sum(0), atol=1e-9)
    for p in range(5):
        np.testing.assert_allclose(found.projects[p], values[project == p].sum(0), atol=1e-9)


def test_a_history_of_a_store_reads_every_event_once_and_begins_again_after_an_undo(monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 7)
    with Engine.open("memory://", SPACE, seed=1) as engine:
        made = [engine.decide(project, "c") for project in ("p", "q") * 20]
        for k, one in enumerate(made[:30]):
            engine.observe(one.id, cost=0.5 if one.project == "p" else 2.0, baseline_cost=1.0, status="ok")
            if k == 10:
                found = kept.up_to_date(None, engine)
        found = kept.up_to_date(found, engine)
        assert [found.total(name) for name in ("decisions", "outcomes", "ok", "known", "unsafe")] == [
            40,
            30,
            30,
            30,
            15,
        ]
        assert found.total("gain") == pytest.approx(0.0)
        assert found.projects[0, COLUMNS.index("gain")] == pytest.approx(15 * math.log(2))
        explored = [one.reason.startswith("explored") for one in made]
        assert found.total("explored") == sum(explored)
        engine.forget("q")
        again = kept.up_to_date(found, engine)
        assert [again.total(name) for name in ("decisions", "outcomes", "unsafe")] == [20, 15, 0]


def test_what_is_kept_says_what_the_engine_says():
    settings = Settings(estimate="inline", safety=Safety(), exploration=Exploration(overall_budget=0.5))
    with Engine.open("memory://", SPACE, seed=1, settings=settings) as engine:
        assert by_project(engine)["contexts"] == engine.overview()["contexts"] == []
        for project in ("p", "q", "r") * 5:
            engine.observe(engine.decide(project, "c").id, utility=-1.0)
        engine.control("shadow", project="p")
        engine.observe(engine.decide("p", "c").id, utility=0.1)
        whole = by_project(engine)
        assert whole == engine.overview()
        assert [row["project"] for row in engine.overview("q")["contexts"]] == ["q"]
        observed = kept.Observed(engine)
        table = engine.projects().to_dict("records")
        assert observed.projects.get(60.0) == [pytest.approx(row, nan_ok=True) for row in table]


def test_a_value_is_made_again_beside_when_it_is_old():
    made = []
    value = kept.Kept(lambda: made.append(1) or len(made))
    assert value.get(60.0) == value.get(60.0) == 1
    value.outdated()
    assert value.get(60.0) == 2


def test_a_cell_is_what_a_policy_sees():
    with Engine.open("memory://", SPACE, seed=1, settings=Settings(estimate="inline")) as engine:
        for _ in range(30):
            engine.observe(engine.decide("p", "c").id, utility=0.2)
        table, believed = engine.across.borrowing("p", "c"), engine.beliefs("p", "c")
        other = table["arm"] != SPACE.baseline
        assert table["n"].tolist() == believed["n"].tolist()
        np.testing.assert_allclose(table["mean"][other], believed["mean"][other])
        assert table["probability"].sum() == pytest.approx(1.0)
        assert ((table["own"] >= 0) & (table["own"] <= 1)).all()
        assert (table["own"][table["n"] == 0] == 0).all()


ENDS = [(0.0, 1.0), (0.93, 1.31), (-5e-7, 5e-7), (1.0, 1.0), (0.0, 0.0), (-3.0, 1e9), (1e-12, 2e-12)]


@pytest.mark.parametrize(("low", "high"), ENDS)
def test_ticks_enclose_what_they_are_for_and_are_few_and_even(low, high):
    found = charts.ticks(low, high)
    assert found[0] <= low + 1e-9 * abs(low)
    assert found[-1] >= high - 1e-9 * abs(high)
    assert 2 <= len(found) <= 7
    np.testing.assert_allclose(np.diff(found), np.diff(found)[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("low", "high"), [(-0.1, 0.3), (0.0, 0.0), (-8.0, 0.1), (0.2, 0.3), (-50.0, 50.0), (-1e-4, 1e-4)]
)
def test_a_scale_of_speeds_holds_both_ends_and_the_baseline(low, high):
    axis = charts.speeds(low, high)
    assert axis.low <= max(low, -40) + 1e-9
    assert axis.high >= min(high, 40) - 1e-9
    assert "1" in axis.labels
    assert 2 <= len(axis.labels) <= 8


def test_a_line_has_its_points_where_they_belong_and_leaves_out_what_is_not_there():
    nan = float("nan")
    value = np.array([1.0, nan, 2.0])
    chart = charts.line(np.array([0.0, 50.0, 100.0]), value, value - 0.1, value + 0.1, unit="×", reference=1.0)
    points = re.search('class="line" points="([^"]+)"', chart.svg)[1].split()
    assert [point.split(",")[0] for point in points] == ["0.0", "1000.0"]
    top, bottom = (float(label.rstrip("×")) for label in (chart.up[0], chart.up[-1]))
    heights = [float(point.split(",")[1]) for point in points]
    np.testing.assert_allclose(heights, [charts.HEIGHT * (top - y) / (top - bottom) for y in (1.0, 2.0)], atol=0.06)
    assert "nan" not in chart.svg


@pytest.mark.parametrize("values", [[], [0.0], [float("nan")] * 3, [1e300, -1e300]])
def test_a_picture_of_little_or_much_is_a_picture(values):
    rows = np.zeros((max(len(values), 1), len(COLUMNS)))
    rows[:, :5] = 1
    rows[: len(values), COLUMNS.index("gain")] = np.nan_to_num(values)
    past = History(0, 1, 1, 1.0, 0, rows)
    with np.errstate(all="ignore"):
        found = pages.pictures(past)
    assert all("<polyline" in one.svg for one in found.values())


STATUS = {"learned": 1_000, "estimated_from": 900, "decisions": 1_000}
ALERTS = [
    ({}, {}, []),
    ({"store_fault": "gone"}, {}, ["fault"]),
    ({"unlogged": 3, "store_faults": 3, "last_fault": "full"}, {}, ["fault"]),
    ({"store_faults": 1, "last_fault": "full"}, {}, ["warning"]),
    ({"estimated_from": 300}, {}, ["warning"]),
    ({"learned": 100, "estimated_from": 3}, {}, []),
    ({"rejected": "snapshot 3 does not serve"}, {}, ["warning"]),
    ({"conflicting": 2, "overdue": 1}, {}, ["warning", "note"]),
    ({"quarantined": ["control 1: it is no order"]}, {}, ["fault"]),
    ({}, {"quarantined": [{}]}, ["warning"]),
    ({}, {"drift": [{"outcomes_since": 3}, {"outcomes_since": 900}]}, ["note"]),
    ({"suspicious": {"projects": ["p"], "camp": 1, "others": 9}}, {}, ["warning"]),
]


@pytest.mark.parametrize(("status", "overview", "levels"), ALERTS, ids=range(len(ALERTS)))
def test_alerts_are_what_an_operator_should_look_at_worst_first(status, overview, levels):
    found = alerts({**STATUS, **status}, overview)
    assert [one.level for one in found] == levels
    assert set(levels) <= set(LEVELS)


@pytest.mark.parametrize("seconds", [0.0, -1e18, 1e18, float("inf"), float("nan"), 1.7e9, None])
def test_any_time_can_be_shown(seconds):
    assert words.when(seconds)


def test_an_arm_that_is_not_on_the_page_is_on_another_and_the_baseline_on_all():
    rest = {"low": -1.0, "high": 1.0, "n": 1.0, "own": 0.5}
    wider = dict.fromkeys(("project", "project_sd", "elsewhere", "elsewhere_sd"), 0.1)
    rows = [{"arm": f"a{k}", "mean": -k / 100, **rest, **wider} for k in range(100)]
    seen = [[row["arm"] for row in pages.cell(rows, "a70", page)["arms"]] for page in (1, 2, 3)]
    assert {arm for page in seen for arm in page} == {row["arm"] for row in rows}
    assert all("a70" in page for page in seen)
    assert max(map(len, seen)) <= pages.ARMS + 1
