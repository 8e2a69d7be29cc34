"""Calls of an open engine: decisions, outcomes, orders, refits, packs, removals, and what is asked of it."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from benchmarks.robustness.inputs.room import INLINE, SPACE, Call, Room, told
from benchmarks.robustness.inputs.values import anything, many, number, or_strange, text
from poolwise import Engine

COUNTED = ("decisions", "outcomes", "open", "snapshot", "learned", "estimated_from", "projects", "contexts", "arms")
KINDS = ("project", "context", "arm", "job")
RECORDS = ("space", "control", "prior", "export", "measurement")
IdOf = Callable[[], Any]


def engine_calls(random: Random) -> Room:
    """An engine in memory that has been lived with."""
    engine = Engine.open("memory://", SPACE, settings=INLINE, seed=random.randrange(1000))
    ids = [engine.decide("p", "c", job="j").id for _ in range(20)]
    for id in ids[:5]:
        engine.observe(id, utility=0.1)
    engine.store.decisions()  # which numbers names that were never asked for

    def draw(random: Random) -> Call:
        return random.choice(CALLS)(engine, random, lambda: or_strange(random, lambda r: r.choice(ids)))

    return Room(draw, lambda: stored(engine))


def stored(engine: Engine) -> Any:
    """What a refused call must leave alone."""
    store, status = engine.store, engine.status()
    names, records = [store.names(kind) for kind in KINDS], [len(store.records(kind)) for kind in RECORDS]
    return {key: status[key] for key in COUNTED}, names, records, len(store.snapshots())


def _name(random: Random) -> Any:
    return or_strange(random, lambda r: r.choice(["p", "c", "q", "default", text(r)]))


def _decide(engine: Engine, random: Random, id: IdOf) -> Call:
    given = (_name(random), _name(random))
    offered = or_strange(random, lambda r: r.choice([None, ["default", "fast"], [text(r)], many(r, _name)]))
    more = {"job": or_strange(random, lambda r: r.choice([None, text(r)])), "available": offered}
    return lambda: engine.decide(*given, **more), told("decide", *given, more)


def _observe(engine: Engine, random: Random, id: IdOf) -> Call:
    one, keys = id(), random.sample(["utility", "cost", "baseline_cost"], random.randrange(4))
    given = {key: or_strange(random, number) for key in keys}
    if random.random() < 0.3:
        given["status"] = or_strange(random, lambda r: r.choice(["ok", "failed", "timeout"]))
    return lambda: engine.observe(one, **given), told("observe", one, given)


def _decide_many(engine: Engine, random: Random, id: IdOf) -> Call:
    given = [or_strange(random, lambda r: many(r, _name)) if random.random() < 0.6 else _name(random) for _ in range(2)]
    return lambda: engine.decide_many(*given), told("decide_many", *given)


def _observe_many(engine: Engine, random: Random, id: IdOf) -> Call:
    ids, keys = or_strange(random, lambda r: many(r, lambda r: id())), ["utility", "cost", "baseline_cost"]
    given = {
        key: or_strange(random, lambda r: many(r, number) if r.random() < 0.7 else number(r))
        for key in random.sample(keys, random.randrange(4))
    }
    if random.random() < 0.4:
        given["status"] = or_strange(random, lambda r: many(r, lambda r: r.choice(["ok", "failed", text(r)])))
    return lambda: engine.observe_many(ids, **given), told("observe_many", ids, given)


def _control(engine: Engine, random: Random, id: IdOf) -> Call:
    orders = ["pin", "unpin", "ban", "unban", "freeze", "unfreeze", "stop", "resume", "shadow", "promote"]
    order = or_strange(random, lambda r: r.choice(orders))
    arm = or_strange(random, lambda r: r.choice([None, "fast", "default"]))
    scope = {key: _name(random) for key in random.sample(["project", "context"], random.randrange(3))}
    return lambda: engine.control(order, arm, **scope), told("control", order, arm, scope)


def _explain(engine: Engine, random: Random, id: IdOf) -> Call:
    one, again = id(), or_strange(random, lambda r: r.random() < 0.5, 0.9)
    return lambda: engine.explain(one, replay=again), told("explain", one, again)


def _similar(engine: Engine, random: Random, id: IdOf) -> Call:
    name = _name(random)
    return lambda: engine.across.similar(name), told("similar", name)


OPTIONS = (
    *("reason", "seed", "chains", "draws", "warmup", "steps", "device", "workers", "source"),
    *("save", "folder", "fresh", "model", "function", "limits", "progress", "sede"),
)


def _refit(engine: Engine, random: Random, id: IdOf) -> Call:
    method = or_strange(random, lambda r: "fast")
    given = {key: anything(random) for key in random.sample(OPTIONS, random.randrange(1, 3))}
    if isinstance(method, str) and random.random() < 0.9:
        given["device"] = "none"  # it is not the estimates that are tried here
    return lambda: engine.refit(method, **given), told("refit", method, given)


def _propose(engine: Engine, random: Random, id: IdOf) -> Call:
    what: Any = anything(random)
    if random.random() < 0.5 and (known := engine.store.snapshots()):
        what = known[-1]._replace(**{random.choice(known[-1]._fields): anything(random)})
    return lambda: engine.propose(what), told("propose", what)


def _export(engine: Engine, random: Random, id: IdOf) -> Call:
    name, private = _name(random), random.random() < 0.4
    keys = ["minimum", "mu", "bound", "seed"] if private else ["minimum", "clip", "card"]
    given = {key: or_strange(random, number) for key in random.sample(keys, random.randrange(3))}
    call = engine.priors.exported_privately if private else engine.priors.exported
    return lambda: call(name, **given), told("exported", name, given)


def _adopt(engine: Engine, random: Random, id: IdOf) -> Call:
    what = or_strange(random, lambda r: [anything(r)])
    return lambda: engine.priors.adopt(what), told("adopt", what)


def _withdraw(engine: Engine, random: Random, id: IdOf) -> Call:
    pair = or_strange(random, lambda r: (or_strange(r, lambda r: 10**6), or_strange(r, lambda r: 10**6 + 1)))
    kinds = {"decisions": pair, "pack": _name(random), "since": number(random), "until": number(random)}
    kinds["project"] = random.choice(["nobody", anything(random)])
    given = {key: kinds[key] for key in random.sample([*kinds], random.randrange(4))}
    return lambda: engine.withdraw(**given), told("withdraw", given)


def _forget(engine: Engine, random: Random, id: IdOf) -> Call:
    name = random.choice(["nobody", anything(random), np.str_("nobody")])
    return lambda: engine.forget(name), told("forget", name)


CALLS = [_decide, _observe, _decide_many, _observe_many, _control, _explain, _similar, _refit, _propose, _export]
CALLS += [_adopt, _withdraw, _forget]
