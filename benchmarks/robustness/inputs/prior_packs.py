"""Prior packs with something changed and a checksum that fits: read, imported, and decided with."""

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.robustness.inputs.engine_calls import stored
from benchmarks.robustness.inputs.room import INLINE, SPACE, Call, Room, told
from benchmarks.robustness.inputs.values import text
from poolwise import Engine
from poolwise.meta import packs

_VALUES = [None, True, -1, 0, 10**400, 1e308, -1e308, 5.0, 1e7, "x", "\ud800", "a" * 2000, [], {}, [[1]], "NaN"]
_VALUES += [float("nan"), float("inf"), 2**63, 1e-320, -0.0, [None] * 1000, {"": {}}]


def prior_packs(random: Random) -> Room:
    """An engine that has seen a little, and what it says it holds."""
    engine = Engine.open("memory://", SPACE, settings=INLINE, seed=2)
    for _ in range(6):
        engine.observe(engine.decide("p", "c").id, utility=0.1)

    def draw(random: Random) -> Call:
        body = json.loads(_pack(random.random() < 0.3))
        usual = dict(body)
        for _ in range(random.randrange(1, 3)):
            _change(body, random, 3)
        body["checksum"] = packs.checksum(body) if random.random() < 0.95 else "0"
        words = told("pack", {key: value for key, value in body.items() if value != usual.get(key)})
        read = _file(body, random) if random.random() < 0.1 else lambda: packs.from_dict(body)

        def call() -> None:
            engine.priors.adopt([read()])
            engine.decide("p", "c")
            engine.beliefs()

        return call, words

    return Room(draw, lambda: stored(engine))


def _file(body: dict[str, Any], random: Random) -> Any:
    """Reads the pack from a file, some bytes of which may be others."""
    raw, path = bytearray(json.dumps(body).encode("utf-8", "replace")), Path("pack.json")
    if random.random() < 0.5:
        raw[random.randrange(len(raw))] = random.randrange(256)

    def read() -> packs.Pack:
        path.write_bytes(raw)
        return packs.read(path)

    return read


@cache
def _pack(private: bool) -> str:
    engine = Engine.open("memory://", SPACE, settings=INLINE, seed=1)
    for k in range(60):
        engine.observe(engine.decide(f"p{k % 4}", "c").id, utility=0.1 * (k % 3))
    priors = engine.priors
    made = priors.exported_privately("usual", minimum=1, seed=1) if private else priors.exported("usual", minimum=1)
    return json.dumps(packs.to_dict(made))


def _change(body: Any, random: Random, depth: int) -> None:
    """Something in a tree of JSON becomes something else."""
    keys = list(body) if isinstance(body, dict) else list(range(len(body)))
    if not keys:
        return
    key = random.choice(keys)
    if isinstance(body[key], dict | list) and depth and random.random() < 0.6:
        _change(body[key], random, depth - 1)
    elif random.random() < 0.15:
        del body[key]
    else:
        body[key] = random.choice([*_VALUES, text(random)])
