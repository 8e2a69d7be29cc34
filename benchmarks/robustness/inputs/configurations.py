"""TOML texts: a right one with some of it changed, sections with values of any kind, and bytes that are no text."""

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, get_args

from pydantic import BaseModel

from benchmarks.robustness.inputs.room import Call, Room, told
from benchmarks.robustness.inputs.values import text
from poolwise import config
from poolwise.config.tables import Config
from poolwise.run import setup

TOML = """
[run]
store = "sqlite:///s.db"
seed = 3
[space]
baseline = "default"
[space.families.default]
[space.families.fast]
[space.families.search.parameters]
strategy = { type = "choice", values = ["breadth", "depth"] }
restarts = { type = "integer", low = 1, high = 64, log = true, levels = 4 }
"""
_MARKS = ["[", "]", '"', "=", "\n", "{", "}", ",", "#", "'''", "\\u0000", "[[run]]"]
_NUMBERS = ["0", "1", "-1", "0.5", "1e400", "nan", "inf", "-inf", "99999999999999999999999", "1_0", "0x1f", "3.0"]
_DATES = ["true", "false", "2026-01-01", "12:00:00", "2026-01-01T00:00:00Z"]
_MEANT = ['"default"', '"fast"', '"thompson"', '"learned"', '"failed"', '"auto"', '"simulation"', "[]", "{}"]


def configurations(random: Random) -> Room:
    return Room(_configuration)


def _configuration(random: Random) -> Call:
    body = random.choice([_changed, _section])(random)
    if random.random() < 0.05:
        return _file(body, random)

    def call() -> None:
        found = config.parse(body)
        setup.policy_of(found)
        settings = setup.settings_of(found)
        if found.space:
            settings.meant_for(found.space.build())

    return call, told("config", body)


def _changed(random: Random) -> str:
    place = random.randrange(len(TOML))
    mark = random.choice([text(random), random.choice(_MARKS)])
    return TOML[:place] + mark + TOML[place + random.randrange(6) :]


def _section(random: Random) -> str:
    section, keys = random.choice(_sections())
    usual = "" if section.split(".")[0] in ("run", "space", "workload") else TOML
    chosen = random.sample(keys, min(2, len(keys)))
    if section == "workload":
        usual = f"[run]\nworkload = {random.choice(_MEANT)}\n"
    return usual + f"\n[{section}]\n" + "\n".join(f"{key} = {_value(random, 2)}" for key in chosen)


@cache
def _sections() -> list[tuple[str, list[str]]]:
    """Every table of a configuration with the keys that it knows, and two that exist for the names' sake."""
    found = [(name, [*fields, "nonsense"]) for name, fields in _tables("", Config)]
    parameter = ["type", "values", "low", "high", "log", "levels"]
    workload = ["projects", "contexts", "arms", "command", "tasks", "folder", "timeout", "cases", "baseline"]
    return [
        *found,
        ("workload", workload),
        ("space.families.a", ["parameters", "conditions", "forbidden", "limit"]),
        ("space.families.a.parameters.x", parameter),
        ("space.families.a.conditions.x", ["x", "y"]),
    ]


def _tables(name: str, model: type[BaseModel]) -> list[tuple[str, list[str]]]:
    found = [(name, [*model.model_fields])] if name else []
    for key, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += _tables(f"{name}.{key}".strip("."), kind)
    return found


def _file(body: str, random: Random) -> Call:
    """The text as a file in another encoding, or with bytes that no encoding has."""
    raw = body.encode(random.choice(["utf-8", "utf-16", "utf-8-sig", "latin-1"]), "replace")
    path, place = Path("c.toml"), random.randrange(len(raw))
    raw = raw[:place] + random.choice([b"", b"\xff", b"\x00"]) + raw[place:]

    def call() -> Any:
        path.write_bytes(raw)
        return config.load(path)

    return call, told("config.load", raw)


def _value(random: Random, depth: int) -> str:
    kind = random.randrange(8 if depth else 5)
    if kind <= 1:
        return random.choice(_NUMBERS)
    if kind == 2:
        return json.dumps(text(random))
    if kind <= 4:
        return random.choice([_DATES, _MEANT][kind - 3])
    inner = [_value(random, depth - 1) for _ in range(random.randrange(3))]
    if kind == 5:
        return f"[{', '.join(inner)}]"
    return "{" + ", ".join(f"{json.dumps(text(random))} = {one}" for one in inner) + "}"
