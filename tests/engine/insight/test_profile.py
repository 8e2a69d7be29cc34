"""Projects as first class: what the tables say follows from the events."""

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.errors import InputError
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("fast"), Family("slow")], "default")
INLINE = Settings(estimate="inline")


def engine_of(worlds, rounds=60, seed=1):
    """worlds: project -> context -> utility of the three arms."""
    engine, rng = Engine.open("memory://", SPACE, seed=seed, settings=INLINE), np.random.default_rng(seed)
    for _ in range(rounds):
        for project, contexts in worlds.items():
            for context, utilities in contexts.items():
                made = engine.decide(project, context)
                arm = ("default", "fast", "slow").index(made.family)
                engine.observe(made.id, utility=float(utilities[arm] + 0.1 * rng.normal()))
    return engine


@pytest.fixture(scope="module")
def engine():
    usual, odd = [0.0, 0.5, -0.2], [0.0, -0.5, 0.4]
    alike = {name: {"x": usual, "y": usual} for name in ("a", "b", "c")}
    return engine_of({**alike, "odd": {"x": odd, "y": odd}})


def test_characteristics(engine):
    table = engine.projects().set_index("project")
    assert table["decisions"].tolist() == [120] * 4
    assert table["outcomes"].tolist() == [120] * 4
    assert table["concentration"].tolist() == pytest.approx([0.5] * 4)
    assert (abs(table["noise"] - 0.1) < 0.03).all()
    assert table["gave"].sum() == pytest.approx(1)
    assert ((table["took"] >= 0) & (table["took"] < 0.6)).all()
    assert (
        table["gain"].between(0.1, 0.5 + 5 * 0.1 / 60**0.5).all()
    )  # at most the best arm's 0.5, and five standard errors


def test_projects_that_are_alike_are_near(engine):
    table = engine.projects().set_index("project")
    for name in ("a", "b", "c"):
        assert table.loc[name, "nearest"] in {"a", "b", "c"} - {name}
    assert table.loc["odd", "distance"] > 2 * table.loc["a", "distance"]


def test_the_odd_project_differs_and_the_interval_says_so(engine):
    table = engine.across.deviations()
    row = table.query("project == 'odd' and arm == 'slow'").iloc[0]
    assert 0 < row["low"] < row["difference"] < row["high"]
    fast = table.query("arm == 'fast'")
    assert fast.loc[fast["project"] == "odd", "difference"].max() < fast.loc[fast["project"] == "a", "difference"].min()


def test_intervals_hold_nine_times_out_of_ten():
    """Deviations drawn, then covered: 12 projects, all arms tried often; binomial tolerance of 4 standard errors."""
    rng = np.random.default_rng(4)
    shared = rng.normal(0, 0.3, (2, 3))
    own = rng.normal(0, 0.3, (12, 2, 3))
    worlds = {f"p{p}": {f"c{c}": (shared + own[p])[c] for c in range(2)} for p in range(12)}
    table = engine_of(worlds, rounds=15).across.deviations()
    code = [table[name].str[1:].astype(int) for name in ("project", "context")]
    arm = table["arm"].map({"default": 0, "fast": 1, "slow": 2})
    centred = own - own.mean(0)  # what the finite population makes of "elsewhere"
    truth = centred[code[0], code[1], arm]
    inside = ((table["low"] <= truth) & (truth <= table["high"])).mean()
    assert inside > 0.9 - 4 * np.sqrt(0.09 / len(table))


def test_projects_that_share_no_context_have_no_distance():
    table = engine_of({"a": {"x": [0.0, 0.5, 0.1]}, "b": {"y": [0.0, 0.5, 0.1]}}, rounds=3).projects()
    assert table["nearest"].tolist() == ["", ""]
    assert table["distance"].isna().all()


def test_one_project_and_none():
    empty = Engine.open("memory://", SPACE, seed=1)
    assert len(empty.projects()) == len(empty.across.deviations()) == 0
    empty.decide("a", "x")
    row = empty.projects().iloc[0]
    assert (row["decisions"], row["outcomes"], row["nearest"]) == (1, 0, "")
    assert np.isnan(row["gain"])


def test_neighbours_and_what_they_recommend(engine):
    found = engine.across.similar("a")
    assert set(found.neighbours["project"][:2]) == {"b", "c"}
    assert found.neighbours["project"].tolist()[2:] == ["odd"]
    first, second, odd = found.neighbours["weight"].tolist()
    assert first >= second > 5 * odd
    assert found.neighbours["weight"].sum() == pytest.approx(1)
    assert found.recommended["arm"].tolist() == ["fast", "fast"]
    with pytest.raises(InputError, match="no project 'z'"):
        engine.across.similar("z")


def test_nobody_is_like_a_project_that_shares_no_context():
    found = engine_of({"a": {"x": [0.0, 0.5, 0.1]}, "b": {"y": [0.0, 0.5, 0.1]}}, rounds=3).across.similar("a")
    assert len(found.neighbours) == len(found.recommended) == 0


def test_costs_alone_are_no_gain():
    engine = Engine.open("memory://", SPACE, seed=1)
    for job in ("one", "one", "two"):
        engine.observe(engine.decide("a", "x", job=job).id, cost=20.0)
    engine.observe(engine.decide("a", "x").id, utility=0.4)
    assert engine.projects()["gain"].tolist() == pytest.approx([0.4])
