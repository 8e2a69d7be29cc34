"""Log and belief never part: whatever is raised, whoever writes, and however often the store is opened again."""

import contextlib
import copy
import math
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from poolwise import errors, policy
from poolwise.engine import Engine, Exploration, Safety, Settings, observe
from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.state import checkpoint, serving_posterior
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.space import ArmSpace, Family

NAMES = ("default", "fast", "slow")
SPACE = ArmSpace([Family(name) for name in NAMES], "default")
LARGER = ArmSpace([Family(name) for name in (*NAMES, "brandnew")], "default")
INLINE = Settings(estimate="inline")
NEVER = INLINE._replace(reestimate_every=((10**9, 10**9),))
LIMITED = NEVER._replace(safety=Safety(conservative=Conservative()), exploration=Exploration(context_budget=0.5))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'events.db'}"


def opened(url, settings=NEVER, space=SPACE):
    return Engine.open(url, space, seed=1, settings=settings, policy=policy.thompson())


def usual(engine, random):
    made = engine.decide(f"p{random.integers(3)}", f"c{random.integers(4)}")
    engine.observe(made.id, utility=float(random.normal(0.1, 0.3)))


def alone(engine, random):
    """A cost without the baseline's."""
    made = engine.decide("p0", "c0", job=f"job {random.integers(5)}")
    engine.observe(made.id, cost=math.exp(random.normal(0, 1)))


def late(engine, random):
    """Outcomes come when two more decisions have been made, and some never."""
    made = [engine.decide("p0", f"c{k}") for k in range(3)]
    engine.observe(made[0].id, utility=float(random.normal()))


def bulk(engine, random):
    made = engine.decide_many("p0", [f"c{k}" for k in range(30)])
    engine.observe_many(made.id, utility=random.normal(0, 0.3, 30))


LIVES = {"usual": [usual], "alone": [alone], "mixed": [usual, alone], "late": [late], "bulk": [bulk, usual]}


def live(engine, kinds, rounds, seed=0):
    random = np.random.default_rng(seed)
    for number in range(rounds):
        kinds[number % len(kinds)](engine, random)
    return engine


def same(one, other, tolerance=1e-9):
    for column in ("mean", "sd", "n"):
        np.testing.assert_allclose(one.beliefs()[column], other.beliefs()[column], rtol=0, atol=tolerance)
    for part in ("quarantined", "budgets"):
        assert one.overview().get(part) == other.overview().get(part)


def test_the_belief_is_computed_again_beside_and_stays_what_it_was(url, monkeypatch):
    monkeypatch.setattr(observe, "BLOCK", 16)
    monkeypatch.setattr(serving_posterior, "BLOCK", 16)
    with opened(url, NEVER._replace(estimate="beside")) as engine:
        first, deadline = engine._upkeep.current().belief.posterior, time.monotonic() + 20
        while engine._upkeep.current().belief.posterior is first and time.monotonic() < deadline:
            live(engine, [usual], 1)
        assert engine._upkeep.current().belief.posterior is not first
        live(engine, [usual], 5)
        assert engine.status()["learned"] == engine.store.answered()
        with opened(url) as again:
            same(engine, again)


@pytest.mark.parametrize("settings", [NEVER, LIMITED], ids=["plain", "limited"])
@pytest.mark.parametrize("kinds", LIVES.values(), ids=LIVES)
@pytest.mark.parametrize("saved", [False, True], ids=["from events", "from a checkpoint"])
def test_a_store_lived_with_and_one_opened_again_believe_the_same(url, settings, kinds, saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "AT_CLOSE", 20 if saved else 10**9)
    live(opened(url, settings), kinds, 40).close()
    engine = live(opened(url, settings), kinds, 23, seed=2)
    again = opened(url, settings)
    assert (again.serving.saved > 0) == saved
    same(engine, again)
    # And what comes then is decided alike.
    views = [one.store.view(one.decide("p0", "c0").view).arrays for one in (engine, again)]
    for name, array in views[0].items():
        np.testing.assert_allclose(views[1][name], array, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("damage", ["cut", "foreign", "ahead", "older"])
def test_a_checkpoint_that_is_none_costs_time_and_nothing_else(url, damage, monkeypatch):
    monkeypatch.setattr(checkpoint, "AT_CLOSE", 1)
    engine = live(opened(url), [usual], 30)
    before = engine.beliefs()
    engine.close()
    engine = opened(url)
    name = checkpoint._name(engine.serving, engine.space.baseline)
    kept = engine.store.checkpoint(name)
    spoiled = {
        "cut": kept._replace(body=kept.body[:300]),
        "foreign": kept._replace(body=b"not an archive"),
        "ahead": kept._replace(outcomes=10**9),
        "older": kept,
    }
    engine.store.save_checkpoint(name, spoiled[damage])
    engine.close()
    if damage == "older":
        monkeypatch.setattr(checkpoint, "VERSION", 0)
    again = opened(url)
    assert again.serving.saved == 0
    np.testing.assert_allclose(again.beliefs()["mean"], before["mean"], atol=1e-9)


class Interrupt(BaseException):
    """What a signal's handler raises."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("settings", [INLINE, Settings(), LIMITED], ids=["inline", "beside", "limited"])
def test_what_is_acknowledged_is_learned_once_whatever_is_raised(url, settings):
    """A timer raises at random moments of 400 calls; nothing is lost, doubled or wedged."""

    def handler(*_):
        raise Interrupt

    def attempt(after):
        try:
            signal.setitimer(signal.ITIMER_REAL, after)
            made = engine.decide("p", f"c{random.integers(3)}")
            utility = float(random.normal())
            if engine.observe(made.id, utility=utility):
                kept[made.id] = utility
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    before, random, kept = signal.signal(signal.SIGALRM, handler), np.random.default_rng(3), {}
    engine = opened(url, settings._replace(reestimate_every=((10**9, 25),)))
    for after in random.uniform(1e-5, 4e-3, 400):
        with contextlib.suppress(Interrupt):
            attempt(after)
    signal.signal(signal.SIGALRM, before)
    made = engine.decide("p", "c0")
    assert engine.observe(made.id, utility=0.5)
    stored = engine.store.outcomes()
    assert kept.items() <= dict(zip(stored.decision.tolist(), stored.utility.tolist(), strict=True)).items()
    status = engine.status()
    assert status["learned"] == status["outcomes"] == len(stored.decision)
    engine.close()
    assert opened(url).status()["learned"] == len(stored.decision)


def test_another_process_may_have_a_larger_space(url):
    old, new = opened(url), opened(url, space=LARGER)
    live(new, [usual], 25)
    assert old.refresh() == 25
    assert old.refresh() == 0
    assert old.status()["learned"] == 25
    live(old, [usual], 5)
    assert new.refresh() == 5
    live(new, [usual, bulk], 4)
    new.control("ban", "brandnew")
    live(old, [usual], 3)
    old.refresh()
    assert old.status()["learned"] == new.store.counts()["outcomes"]
    assert set(old.beliefs()["arm"]) == set(NAMES)
    np.testing.assert_allclose(opened(url).beliefs()["mean"], old.beliefs()["mean"], atol=1e-9)


def test_a_damaged_outcome_keeps_no_store_from_being_opened(url):
    engine = live(opened(url), [usual], 8)
    engine.close()
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db, db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{trigger}"')
        db.execute("UPDATE outcome SET utility = 9e999 WHERE sequence = 3")
    again = opened(url)
    assert again.status()["learned"] == 7
    assert again.decide("p0", "c0").id > 0


@pytest.mark.parametrize("call", [copy.copy, copy.deepcopy, pickle.dumps])
def test_an_engine_is_not_copied(call):
    with pytest.raises(errors.InputError, match=r"Engine\.open"):
        call(opened("memory://"))


def test_an_engine_ends_with_its_block(url):
    with opened(url) as engine:
        usual(engine, np.random.default_rng(0))
    engine.close()
    for call in (
        lambda: engine.decide("p", "c"),
        lambda: engine.observe(1, utility=0.1),
        engine.status,
        engine.beliefs,
        engine.across.projects,
        engine.refresh,
        engine.__enter__,
    ):
        with pytest.raises(errors.StoreClosed, match=r"Engine\.open"):
            call()


FORK = """
import os, sys
from poolwise import ArmSpace, Engine, Family
from poolwise.errors import StoreForked
engine = Engine.open(sys.argv[1], ArmSpace([Family("default"), Family("fast")], "default"))
before = engine.decide("p", "c").id
child = os.fork()
if not child:
    try:
        engine.decide("p", "c")
    except StoreForked as error:
        os._exit(0 if "fork" in str(error) else 2)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert engine.decide("p", "c").id == before + 1
"""


def test_a_fork_is_told_to_open_its_own(url):
    subprocess.run([sys.executable, "-c", FORK, url], check=True)


def test_scales_are_found_beside_the_calls_and_no_thread_outlives_the_engine(url):
    interval = sys.getswitchinterval()
    engine = opened(url, Settings(reestimate_every=((10**9, 20),)))
    live(engine, [usual], 50)
    for _ in range(100):
        if engine.status()["snapshot"]:
            break
        time.sleep(0.05)
    assert engine.status()["estimated_from"] >= 20
    assert all(engine.explain(id, replay=True)["replay"]["same"] for id in engine.store.decisions().id.tolist())
    live(engine, [usual], 25)
    engine.close()
    assert sys.getswitchinterval() == interval
    assert not [thread for thread in threading.enumerate() if thread.name == "poolwise"]


def test_one_process_of_many_estimates(url):
    settings = INLINE._replace(reestimate_every=((10**9, 10),))
    first, second = opened(url, settings), opened(url, settings)
    for turn in range(12):
        live(first, [usual], 5, seed=turn)
        live(second, [usual], 5, seed=100 + turn)
    snapshots = first.store.snapshots()
    assert 8 <= len(snapshots) <= 14
    for engine in (first, second, first):  # the second one may estimate when it comes level
        engine.refresh()
    assert first.status()["snapshot"] == second.status()["snapshot"] == len(first.store.snapshots())


def test_nothing_grows_with_decisions_that_are_not_answered():
    engine = opened("memory://", LIMITED)
    for _ in range(3):
        engine.decide_many("p", ["c"] * 5000)
        engine.decide("p", "c")
        engine.decide("p", "c")
    now = engine.serving
    assert now.ahead < 5001
    assert now.usage.total == now.policy_gate.safeguards.total == 15_006


def test_a_store_reopened_trusts_its_projects_as_the_one_that_was_lived_with(tmp_path):
    """Odds that a project is like the others are carried from outcome to outcome, however many come at once, and what
    the first project told when it was the only one counts in them."""
    settings, random = Settings(reestimate_every=((10**6, 10**6),), estimate="inline"), np.random.default_rng(0)
    url, space = f"sqlite:///{tmp_path}/lived.db", ArmSpace([Family(f"arm-{i}") for i in range(4)], "arm-0")
    with Engine.open(url, space, seed=1, settings=settings) as lived:
        for i in range(700):
            made = lived.decide(f"project {i % 3}", f"context {i % 4}")
            lived.observe(made.id, utility=float(0.2 * space.index[made.arm] + random.normal(0, 0.3)))
        expected = lived.beliefs()[["mean", "sd"]]
        with Engine.open(url, space, settings=settings) as reopened:
            np.testing.assert_allclose(reopened.beliefs()[["mean", "sd"]], expected, atol=1e-9)


def test_a_plain_outcome_is_folded_as_any_other(monkeypatch):
    def lived():
        made, found = Engine.open("memory://", SPACE, seed=3, settings=Settings(estimate="inline")), []
        random = np.random.default_rng(1)
        for k in range(80):
            one = made.decide(f"p{k % 3}", f"c{k % 4}")
            if k % 7 == 5:
                made.observe(one.id, status="failed")
            else:
                made.observe(one.id, utility=float(random.normal(0, 0.6)) * (30 if k == 41 else 1))
            found.append((one.arm, one.probability))
        return found, made.beliefs(), made.status()["clipped"]

    plain = lived()
    monkeypatch.setattr(observe, "_plain", lambda serving: False)
    columns = lived()
    assert plain[0] == columns[0]
    assert plain[2] == columns[2]
    np.testing.assert_array_equal(plain[1][["mean", "sd", "n"]], columns[1][["mean", "sd", "n"]])


def test_names_of_arms_without_an_order_are_said_and_not_awaited(monkeypatch):
    monkeypatch.setattr(NameIndex, "commit", lambda self: False)
    with pytest.raises(errors.StoreDamaged, match="no order"):
        Engine.open("memory://", ArmSpace([Family("default")], "default"))


def test_a_snapshot_and_a_wish_to_replay_are_held_to_their_types():
    with Engine.open("memory://", SPACE, settings=INLINE) as engine:
        snapshot = engine.refit()
        for field in ("hyper", "diagnostics", "outcomes", "status"):
            with pytest.raises(errors.RefitError):
                engine.propose(snapshot._replace(**{field: np.zeros(2)}))
        with pytest.raises(errors.InputError, match="True or False"):
            engine.explain(engine.decide("p", "c").id, replay=np.array([1, 2]))
        assert len(engine.store.snapshots()) == 1


def test_a_name_that_the_store_gives_no_place_is_damage(monkeypatch):
    with Engine.open("memory://", SPACE, settings=INLINE._replace(on_store_fault="raise")) as engine:
        engine.decide("p", "c")
        monkeypatch.setattr(engine.store, "names", lambda kind: [])
        with pytest.raises(errors.StoreDamaged, match="no order"):
            engine.decide("q", "c")


@pytest.mark.parametrize("wrong", [{"baseline": None}, {"mean": np.zeros(2)}, {"context": np.zeros(99)}])
def test_a_view_that_lacks_a_part_is_damage(monkeypatch, wrong):
    with Engine.open("memory://", SPACE, settings=INLINE) as engine:
        made = engine.decide("p", "c")
        logged = engine.store.view(made.view)
        arrays = {name: value for name, value in {**logged.arrays, **wrong}.items() if value is not None}
        monkeypatch.setattr(engine.store, "view", lambda id: logged._replace(arrays=arrays))
        with pytest.raises(errors.StoreDamaged, match="view"):
            engine.explain(made.id)


def test_times_of_what_is_withdrawn_may_be_of_any_number_type():
    with Engine.open("memory://", SPACE, settings=INLINE) as engine:
        engine.observe(engine.decide("p", "c").id, utility=0.1)
        assert engine.withdraw(since=np.float32(0.5), until=1e308)["outcomes"] == 1
