"""What is taken back has never been: beliefs are those of a store that never saw it."""

import numpy as np
import pytest

from poolwise import errors
from poolwise.engine import Engine, Settings
from tests.engine.limited import FULL, SPACE, thompson
from tests.stores import URLS

PLAIN = Settings(estimate="inline", backend="numpy")
UTILITY = {"default": 0.0, "fast": 0.6, "slow": -0.2, "odd": 0.1}


def opened(url="memory://", settings=PLAIN):
    return Engine.open(url, SPACE, seed=1, settings=settings)


def lived(engine, rounds=150, poison=("poison",), seed=3):
    """Three honest projects and others that report what they like, taking turns; (decision, utility) in their order."""
    draws, made = np.random.default_rng(seed), []
    projects = ("a", "b", "c", *poison)
    for turn in range(rounds):
        project = projects[turn % len(projects)]
        own = f"only of {project}" if project in poison and turn % 3 else ("x", "y")[turn // 4 % 2]
        decision = engine.decide(project, own)
        utility = UTILITY[decision.arm] + draws.normal(0, 0.1) if project not in poison else draws.normal(0, 4.0)
        engine.observe(decision.id, utility=utility)
        made.append((decision, utility))
    return made


def without(made, url="memory://", settings=PLAIN):
    """An engine that lived through the same, and through nothing else."""
    engine = opened(url, settings)
    for decision, utility in made:
        engine.store.reserve(1)
        engine.store.append_decision(decision._replace(view=0))
        if utility is not None:
            engine.observe(decision.id, utility=utility)
        assert engine.serving  # Learned at once, and scales are estimated where that is due.
    return engine


def same(one, other, decimals=1e-9):
    one, other = one.beliefs(), other.beliefs()
    keys = ["project", "context", "arm"]
    one, other = one.sort_values(keys).reset_index(drop=True), other.sort_values(keys).reset_index(drop=True)
    assert one[keys].equals(other[keys])
    assert one["n"].tolist() == other["n"].tolist()
    for column in ("mean", "sd"):
        np.testing.assert_allclose(one[column], other[column], rtol=decimals, atol=decimals)


@pytest.fixture(params=URLS)
def url(request):
    return URLS[request.param](request)


def test_a_forgotten_project_has_never_been(url):
    engine = opened(url)
    made = lived(engine)
    before = engine.beliefs()
    found = engine.forget("poison")
    assert found["decisions"] == found["outcomes"] == sum(d.project == "poison" for d, _ in made)
    assert "poison" in set(before["project"])
    assert "poison" not in str(found)
    never = without([(d, u) for d, u in made if d.project != "poison"])
    same(engine, never)
    assert engine.status()["estimated_from"] == never.status()["estimated_from"]
    assert engine.status()["decisions"] == never.status()["decisions"]
    assert list(engine.projects()["project"]) == ["a", "b", "c"]
    with pytest.raises(errors.InputError, match="forgotten already"):
        engine.forget("poison")
    if url != "memory://":
        engine.close()
        same(opened(url), never)


def test_withdrawn_outcomes_have_never_been(url):
    engine = opened(url)
    made = lived(engine, poison=())
    first, last = made[40][0].id, made[80][0].id
    found = engine.withdraw(decisions=(first, last), project="a")
    gone = {d.id for d, _ in made if first <= d.id <= last and d.project == "a"}
    assert found["outcomes"] == len(gone) > 5
    same(engine, without([(d, None if d.id in gone else u) for d, u in made]))
    with pytest.raises(errors.ConflictingOutcome):
        engine.observe(min(gone), utility=0.0)
    undone = engine.store.undone()
    assert engine.withdraw(decisions=(first, last), project="a")["outcomes"] == 0
    assert engine.store.undone() == undone
    assert engine.status()["withdrawn"] == len(gone)


def test_limits_are_those_of_a_store_that_never_saw_it():
    engine, settings = thompson(FULL), FULL
    made = lived(engine, 60)
    engine.forget("poison")
    never = without([(d, u) for d, u in made if d.project != "poison"], settings=settings)
    same(engine, never)
    assert engine.overview()["quarantined"] == never.overview()["quarantined"]
    assert engine.overview()["budgets"] == never.overview()["budgets"]


def test_a_withdrawn_pack_has_never_been(url):
    lender = opened()
    lived(lender, 60, poison=())
    pack = lender.priors.exported("lies", minimum=1)
    pack = pack._replace(mean=pack.mean + 3.0, contexts=("x", "unheard of"))
    engine = opened(url)
    made = lived(engine, 40, poison=())
    told = engine.beliefs()
    engine.priors.adopt([pack])
    assert "unheard of" in set(engine.beliefs()["context"])
    with pytest.raises(errors.InputError, match="no pack 'truth' was imported here: there are lies"):
        engine.withdraw(pack="truth")
    engine.withdraw(pack="lies")
    same(engine, without(made))
    assert set(engine.beliefs()["context"]) == set(told["context"])
    assert "quarantined" not in engine.status()


def test_other_engines_follow(tmp_path):
    url = f"sqlite:///{tmp_path / 'events.db'}"
    first, second = opened(url), opened(url)
    made = lived(first, 60)
    second.refresh()
    first.forget("poison")
    second.refresh()
    same(second, without([(d, u) for d, u in made if d.project != "poison"]))
    third = opened(url)
    mine = third.decide("b", "y")
    third.observe(mine.id, utility=0.1)
    first.forget("a")
    stale = third.decide("a", "x")  # Its name has another number now.
    assert third.store.decision(stale.id).project == "a"
    third.observe(stale.id, utility=0.5)
    assert third.beliefs().query("project == 'a'")["n"].sum() == 1
    columns = third.decide_many("a", ["x", "y"])
    assert {third.store.decision(id).project for id in columns.id.tolist()} == {"a"}


def test_an_outcome_of_what_was_forgotten_is_refused(url):
    engine = opened(url)
    open_, done = (engine.decide("poison", "x") for _ in range(2))
    engine.observe(done.id, utility=1.0)
    engine.decide("a", "x")
    engine.forget("poison")
    with pytest.raises(errors.UnknownDecision):
        engine.observe(open_.id, utility=1.0)
    with pytest.raises(errors.InputError):
        engine.observe(done.id, utility=1.0)
    assert engine.observe_many([open_.id, done.id], utility=[1.0, 2.0]).tolist() == [3, 2]
    assert engine.status()["open"] == 1


def test_nothing_is_left_of_a_forgotten_name(tmp_path):
    path = tmp_path / "events.db"
    engine = opened(f"sqlite:///{path}")
    lived(engine, 60, poison=("Zanzibar",))
    engine.control("stop", project="Zanzibar")
    engine.decide("Zanzibar", "x", job="Zanzibar's job")
    engine.forget("Zanzibar")
    engine.close()
    assert not [file for file in tmp_path.iterdir() if b"Zanzibar" in file.read_bytes()]


@pytest.mark.parametrize(
    "limits",
    [{}, {"pack": 3}, {"pack": "p", "project": "a"}, {"decisions": (5, 1)}, {"decisions": 7}, {"decisions": ("a", "b")},
     {"decisions": (1, 2**70)}, {"since": float("nan")}, {"until": "noon"}, {"since": 5.0, "until": 4.0},
     {"project": "q"}, {"project": "\ud800"}],
    ids=str,
)  # fmt: skip
def test_what_means_nothing_is_refused_and_changes_nothing(limits):
    engine = opened()
    lived(engine, 20)
    before = engine.beliefs()
    with pytest.raises(errors.InputError):
        engine.withdraw(**limits)
    assert engine.beliefs().equals(before)
    assert engine.store.undone() == 0


def test_a_time_takes_back_what_was_reported_since(url):
    engine = opened(url)
    made = lived(engine, 40, poison=())
    times = [engine.store.outcome(d.id).time for d, _ in made]
    found = engine.withdraw(since=times[30])
    assert found["outcomes"] == sum(time >= times[30] for time in times)
    same(engine, without([(d, u if time < times[30] else None) for (d, u), time in zip(made, times, strict=True)]))
