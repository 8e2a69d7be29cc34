"""Where bad input goes in: a room draws one call after another, and says what is stored."""

import contextlib
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.robustness.bad_values import anything, many, number, or_strange, text
from poolwise import ArmSpace, Choice, Engine, Family, Integer, Real, Settings, config, ope, policy, replay, table
from poolwise.cli.app import app, main
from poolwise.errors import PoolwiseError
from poolwise.meta import packs
from poolwise.ope import files
from poolwise.store.retention import retain

Call = tuple[Callable[[], Any], str]
"""What is called, and how it is told."""


class Room(NamedTuple):
    """Somewhere to call."""

    draw: Callable[[Random], Call]
    state: Callable[[], Any]
    """Everything that a refused call must leave alone."""
    lasts: int
    """Calls until it is made anew."""


def told(name: str, *given: Any) -> str:
    try:
        return f"{name}{given!r}"[:300]
    except Exception:
        return f"{name}(what has no repr)"


SPACE = ArmSpace(
    [Family("default"), Family("fast"), Family("slow", {"level": Choice([1, 2]), "share": Real(0.1, 1.0, levels=2)})],
    "default",
)
INLINE = Settings(estimate="inline")
"""What is believed changes within calls alone."""
COUNTED = ("decisions", "outcomes", "open", "snapshot", "learned", "estimated_from", "projects", "contexts", "arms")


def api(random: Random) -> Room:
    """An engine in memory, and the functions beside it."""
    engine = Engine.open("memory://", SPACE, settings=INLINE, seed=random.randrange(1000))
    ids = [engine.decide("p", "c", job="j").id for _ in range(20)]
    for id in ids[:5]:
        engine.observe(id, utility=0.1)
    engine.store.decisions()  # which numbers names that were never asked for

    def draw(random: Random) -> Call:
        call = random.choice([*CALLS.values()])
        return call(engine, random, lambda: or_strange(random, lambda r: r.choice(ids)))

    def state() -> Any:
        store = engine.store
        counts = {name: value for name, value in engine.status().items() if name in COUNTED}
        kinds = [store.names(kind) for kind in ("project", "context", "arm", "job")]
        records = [len(store.records(kind)) for kind in ("space", "control", "prior", "export", "measurement")]
        return counts, kinds, records, len(store.snapshots())

    return Room(draw, state, 400)


def _name(random: Random) -> Any:
    return or_strange(random, lambda r: r.choice(["p", "c", "q", "default", text(r)]))


def _decide(engine: Engine, random: Random, id: Any) -> Call:
    given = (_name(random), _name(random))
    more = {
        "job": or_strange(random, lambda r: None),
        "available": or_strange(random, lambda r: r.choice([None, ["default", "fast"]])),
    }
    return lambda: engine.decide(*given, **more), told("decide", *given, more)


def _observe(engine: Engine, random: Random, id: Any) -> Call:
    one = id()
    given = {
        key: or_strange(random, number)
        for key in random.sample(["utility", "cost", "baseline_cost"], random.randrange(4))
    }
    if random.random() < 0.3:
        given["status"] = or_strange(random, lambda r: r.choice(["ok", "failed", "timeout"]))
    return lambda: engine.observe(one, **given), told("observe", one, given)


def _decide_many(engine: Engine, random: Random, id: Any) -> Call:
    given = [or_strange(random, lambda r: many(r, _name)) if random.random() < 0.6 else _name(random) for _ in range(2)]
    return lambda: engine.decide_many(*given), told("decide_many", *given)


def _observe_many(engine: Engine, random: Random, id: Any) -> Call:
    ids = or_strange(random, lambda r: many(r, lambda r: id()))
    given = {
        key: or_strange(random, lambda r: many(r, number) if r.random() < 0.7 else number(r))
        for key in random.sample(["utility", "cost", "baseline_cost"], random.randrange(4))
    }
    if random.random() < 0.4:
        given["status"] = or_strange(random, lambda r: many(r, lambda r: r.choice(["ok", "failed", text(r)])))
    return lambda: engine.observe_many(ids, **given), told("observe_many", ids, given)


def _control(engine: Engine, random: Random, id: Any) -> Call:
    orders = ["pin", "unpin", "ban", "unban", "freeze", "unfreeze", "stop", "resume", "shadow", "promote"]
    order, arm = (
        or_strange(random, lambda r: r.choice(orders)),
        or_strange(random, lambda r: r.choice([None, "fast", "default"])),
    )
    scope = {key: _name(random) for key in random.sample(["project", "context"], random.randrange(3))}
    return lambda: engine.control(order, arm, **scope), told("control", order, arm, scope)


def _explain(engine: Engine, random: Random, id: Any) -> Call:
    one, again = id(), random.random() < 0.5
    return lambda: engine.explain(one, replay=again), told("explain", one)


def _similar(engine: Engine, random: Random, id: Any) -> Call:
    name = _name(random)
    return lambda: engine.across.similar(name), told("similar", name)


OPTIONS = (
    "reason",
    "seed",
    "chains",
    "draws",
    "warmup",
    "steps",
    "device",
    "workers",
    "source",
    "save",
    "folder",
    "fresh",
    "model",
    "function",
    "limits",
    "progress",
    "sede",
)


def _refit(engine: Engine, random: Random, id: Any) -> Call:
    method = or_strange(random, lambda r: "fast")
    given = {key: anything(random) for key in random.sample(OPTIONS, random.randrange(1, 3))}
    if isinstance(method, str) and random.random() < 0.9:
        given["device"] = "none"  # it is not the estimates that are tried here
    return lambda: engine.refit(method, **given), told("refit", method, given)


def _propose(engine: Engine, random: Random, id: Any) -> Call:
    what = anything(random)
    return lambda: engine.propose(what), told("propose", what)


def _export(engine: Engine, random: Random, id: Any) -> Call:
    name, private = _name(random), random.random() < 0.4
    keys = ["minimum", "mu", "bound", "seed"] if private else ["minimum", "clip", "card"]
    given = {key: or_strange(random, number) for key in random.sample(keys, random.randrange(3))}
    call = engine.priors.exported_privately if private else engine.priors.exported
    return lambda: call(name, **given), told("exported", name, given)


def _adopt(engine: Engine, random: Random, id: Any) -> Call:
    what = or_strange(random, lambda r: [anything(r)])
    return lambda: engine.priors.adopt(what), told("adopt", what)


def _open(engine: Engine, random: Random, id: Any) -> Call:
    kinds: dict[str, Any] = {"url": "memory://", "space": SPACE, "seed": 1, "settings": Settings(), "policy": None}
    for key in random.sample([*kinds], random.randrange(1, 3)):
        kinds[key] = anything(random)
    if isinstance(kinds["url"], str) and kinds["url"].startswith("sqlite"):
        kinds["url"] = "memory://"
    return lambda: Engine.open(kinds.pop("url"), kinds.pop("space"), **kinds).close(), told("open", kinds)


def _settings(engine: Engine, random: Random, id: Any) -> Call:
    given = {key: anything(random) for key in random.sample(Settings._fields, random.randrange(1, 3))}
    return lambda: Engine.open("memory://", SPACE, settings=Settings(**given)), told("Settings", given)


def _parameter(engine: Engine, random: Random, id: Any) -> Call:
    kind = random.choice([Choice, Integer, Real])
    given = (
        [many(random, anything)]
        if kind is Choice
        else [or_strange(random, number) for _ in range(random.randrange(2, 5))]
    )
    return lambda: ArmSpace([Family("default"), Family("f", {"x": kind(*given)})], "default"), told(
        kind.__name__, *given
    )


def _space(engine: Engine, random: Random, id: Any) -> Call:
    named = [(_name(random), or_strange(random, lambda r: {})) for _ in range(random.randrange(3))]
    families, base = or_strange(random, lambda r: None), _name(random)

    def call() -> None:
        ArmSpace([Family("default"), *(Family(*one) for one in named)] if families is None else families, base)

    return call, told("ArmSpace", named, families, base)


def _policy(engine: Engine, random: Random, id: Any) -> Call:
    spec = or_strange(
        random, lambda r: r.choice(["thompson", "floored(thompson)", "safe(curious(ucb))", "safe(", "((", text(r)])
    )
    params = or_strange(random, lambda r: {r.choice(["temperature", "minimum", "x"]): number(r)})
    return lambda: policy.parse(spec, params), told("policy.parse", spec, params)


CALLS = {
    call.__name__: call
    for call in (
        _decide,
        _observe,
        _decide_many,
        _observe_many,
        _control,
        _explain,
        _similar,
        _refit,
        _propose,
        _export,
        _adopt,
        _open,
        _settings,
        _parameter,
        _space,
        _policy,
    )
}

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


def commands(random: Random) -> Room:
    """The command line in a folder with a store that has been lived with."""
    for name in ("poolwise.toml", "s.db", "s.db-wal", "s.db-shm"):
        Path(name).unlink(missing_ok=True)
    Path("poolwise.toml").write_text(TOML)
    with Engine_of() as engine:
        for _ in range(12):
            engine.observe(engine.decide("p", "c").id, utility=0.1)
    flags = _flags()

    def draw(random: Random) -> Call:
        name = random.choice([*flags])
        words = name.split()
        for _ in range(random.randrange(4)):
            words.append(random.choice([*flags[name], "--config", "--store", "--json", "--nonsense"]))
            if random.random() < 0.8:
                words.append(_word(random))
        words += [_word(random) for _ in range(random.randrange(3))]
        return lambda: _called(words), told("poolwise", *words)

    return Room(draw, _rows_of, 60)


def Engine_of() -> Any:
    return contextlib.closing(Engine.open("sqlite:///s.db", config.parse(TOML).space.build(), seed=3))  # type: ignore[union-attr]


def _word(random: Random) -> str:
    usual = ["1", "3", "fast", "default", "p", "c", "0.5", "-1", "poolwise.toml", "out", "x.csv", "list", "ban", "pin"]
    return str(random.choice([random.choice(usual), text(random), str(random.choice([10**25, -3, 2**63, 1e400]))]))


def _flags() -> dict[str, list[str]]:
    import typer.main

    group = typer.main.get_command(app)
    found: dict[str, list[str]] = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        for words, one in {f"{name} {k}": v for k, v in inner.items()}.items() if inner else [(name, command)]:
            found[words] = [flag for p in one.params for flag in p.opts if flag.startswith("--")]
    for slow in ("learn", "run"):
        found.pop(slow, None)
    return found


class _Refused(PoolwiseError):
    """A command that ended with 2."""


def _called(words: list[str]) -> None:
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = main(words)
    said = errors.getvalue()
    if status not in (0, 1, 2) or "Traceback" in said or (status == 2 and said.count("\n") != 1):
        raise RuntimeError(f"status {status}: {said}")
    if "\x1b[31" in out.getvalue() + said or "\x00" in out.getvalue() + said:
        raise RuntimeError("an escape sequence reached the terminal")
    if status == 2:
        raise _Refused(said.strip() or "nothing said")


def _rows_of() -> Any:
    """All rows of the store but those of refusals."""
    with contextlib.closing(sqlite3.connect("s.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        skip = {"counter", "checkpoint", "sqlite_sequence"}
        return {
            name: db.execute(
                f"SELECT count(*) FROM {name}"
                + (" WHERE kind NOT IN ('problem', 'snapshot')" if name == "record" else "")
            ).fetchone()
            for name in tables
            if name not in skip
        }


def configurations(random: Random) -> Room:
    """TOML texts: a right one with some of it changed, and trees of anything."""
    return Room(lambda r: _configuration(r), lambda: None, 10**9)


SECTIONS = {
    "run": ["workload", "decisions", "seed", "store", "arrivals"],
    "space": ["baseline", "families"],
    "policy": ["spec", "params", "learned"],
    "engine": [*Settings._fields],
    "model": ["file", "function"],
    "safety": [
        "off",
        "delta",
        "margin",
        "spend",
        "fallbacks",
        "ban",
        "pin",
        "freeze",
        "stop",
        "quarantine",
        "conservative",
    ],
    "exploration": ["off", "context_budget", "overall_budget", "grant", "memory", "quiet", "coverage", "drift"],
    "workload": ["x"],
}


def _configuration(random: Random) -> Call:
    from poolwise.run import setup

    body = TOML
    if random.random() < 0.5:
        place = random.randrange(len(body))
        body = (
            body[:place] + random.choice([text(random), "[", "]", '"', "=", "\n"]) + body[place + random.randrange(6) :]
        )
    else:
        section = random.choice([*SECTIONS])
        keys = random.sample(SECTIONS[section], min(2, len(SECTIONS[section])))
        if section in ("run", "space"):
            body = ""
        body += f"\n[{section}]\n" + "\n".join(f"{key} = {_toml(random, 2)}" for key in keys)

    def call() -> None:
        found = config.parse(body)
        setup.policy_of(found)
        settings = setup.settings_of(found)
        if found.space:
            settings.meant_for(found.space.build())

    return call, told("config", body)


def _toml(random: Random, depth: int) -> str:
    kind = random.randrange(8 if depth else 5)
    if kind <= 1:
        return random.choice(
            ["0", "1", "-1", "0.5", "1e400", "nan", "inf", "-inf", "99999999999999999999999", "1_0", "0x1f"]
        )
    if kind == 2:
        return json.dumps(text(random))
    if kind == 3:
        return random.choice(["true", "false", "2026-01-01", "12:00:00", "2026-01-01T00:00:00Z"])
    if kind == 4:
        return random.choice(['"default"', '"fast"', '"thompson"', '"learned"', '"failed"', "[]", "{}"])
    if kind == 5:
        return "[" + ", ".join(_toml(random, depth - 1) for _ in range(random.randrange(3))) + "]"
    return (
        "{"
        + ", ".join(f"{json.dumps(text(random))} = {_toml(random, depth - 1)}" for _ in range(random.randrange(3)))
        + "}"
    )


def tables(random: Random) -> Room:
    """Tables and logs, as data frames, CSV and Parquet."""
    return Room(lambda r: _table(r), lambda: None, 10**9)


ROWS = pd.DataFrame(
    [(f"u{u}", "p", "c", "f", arm, cost, arm == "old") for u in range(3) for arm, cost in (("old", 2.0), ("new", 1.0))],
    columns=["unit", "project", "context", "family", "arm", "cost", "is_baseline"],
)
LOG = pd.DataFrame(
    {
        "project": "p",
        "context": "c",
        "arm": ["a", "b"] * 30,
        "probability": 0.5,
        "utility": np.linspace(0, 1, 60),
        "decision": range(60),
    }
)


def _table(random: Random) -> Call:
    log = random.random() < 0.4
    with contextlib.suppress(Exception):  # What pandas itself does not take is nothing to be tried.
        frame = None
        frame = _spoiled(LOG if log else ROWS, random)
    if frame is None:
        return _table(random)
    way = random.choice(["frame", "csv", "parquet", "bytes"])
    path = Path(f"t.{'csv' if way in ('csv', 'bytes') else 'parquet'}")
    if way != "frame" and not _written(frame, path, random, raw=way == "bytes"):
        way = "frame"

    def call() -> None:
        if log:
            read = frame if way == "frame" else files.read_log(path)
            made, _ = ope.from_frame(
                read, random.choice(["uniform", "a", ope.target_policy(read, "a")]), model=random.random() < 0.2
            )
            ope.evaluate(made)
        elif way == "frame":
            table.from_rows(frame, name="t", source="t", baseline=random.choice(["old", "", "x"]))
        else:
            replay.read(path, random.choice([None, "old"]))

    return call, told(f"table {way} {log}", [*frame.columns], frame.head(2).to_numpy().tolist())


def _spoiled(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    frame = frame.copy()
    for _ in range(random.randrange(1, 3)):
        column = random.choice([*frame.columns]) if len(frame.columns) else None
        kind = random.randrange(9)
        if column is None or not isinstance(frame[column], pd.Series):
            return frame
        if kind == 0:
            frame = frame.drop(columns=column)
        elif kind == 1:
            frame[column] = pd.Series([anything(random) for _ in range(len(frame))], index=frame.index, dtype=object)
        elif kind == 2:
            values = frame[column].astype(object).tolist()
            if values:
                values[random.randrange(len(values))] = anything(random)
            frame[column] = pd.Series(values, index=frame.index, dtype=object)
        elif kind == 3:
            frame = frame.rename(columns={column: text(random)})
        elif kind == 4:
            frame = pd.concat([frame, frame[[column]]], axis=1)
        elif kind == 5:
            frame = frame.iloc[: random.randrange(4)]
        elif kind == 6:
            frame[column] = frame[column].astype("category")
        elif kind == 7:
            frame[column] = random.choice([pd.Timestamp("2026-01-01"), True, 1, 1.5, pd.NA, b"x", pd.Timedelta(1, "s")])
        else:
            frame.index = range(5, 5 + len(frame))
    return frame


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed or unusual objects as text: pyarrow may crash the process where it is to write them."""
    found = frame.copy()
    for place in range(frame.shape[1]):
        values = frame.iloc[:, place]
        kinds = {type(value) for value in values if value is not None}
        if values.dtype == object and (len(kinds) > 1 or not kinds <= {str, bytes, bool, int, float}):
            found.isetitem(place, values.map(str))
    return found


def _written(frame: pd.DataFrame, path: Path, random: Random, *, raw: bool) -> bool:
    """Whether the frame could be written at all; raw: with some bytes of it changed."""
    try:
        if path.suffix == ".csv":
            encoding = random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
            body = frame.to_csv(index=random.random() < 0.1, sep=random.choice([",", ",", ",", ";", "\t"]))
            path.write_bytes(body.encode(encoding))
        else:
            _storable(frame).to_parquet(path)
        if raw or random.random() < 0.1:
            body = bytearray(path.read_bytes())
            for _ in range(random.randrange(1, 4)):
                body[random.randrange(len(body))] = random.randrange(256)
            path.write_bytes(body)
    except Exception:
        return False
    return True


def packs_of(random: Random) -> dict[str, Any]:
    engine = Engine.open("memory://", SPACE, seed=1)
    for k in range(60):
        engine.observe(engine.decide(f"p{k % 4}", "c").id, utility=0.1 * (k % 3))
    return packs.to_dict(engine.priors.exported("usual", minimum=1))


_PACK: dict[str, Any] = {}


def prior_packs(random: Random) -> Room:
    """Packs with something changed and a checksum that fits, read and imported."""
    if not _PACK:
        _PACK.update(packs_of(random))
    engine = Engine.open("memory://", SPACE, seed=2)
    for _ in range(6):
        engine.observe(engine.decide("p", "c").id, utility=0.1)

    def draw(random: Random) -> Call:
        body = json.loads(json.dumps(_PACK))
        for _ in range(random.randrange(1, 3)):
            _change(body, random, 3)
        body["checksum"] = packs.checksum(body) if random.random() < 0.95 else "0"

        def call() -> None:
            pack = packs.from_dict(body)
            engine.priors.adopt([pack])
            engine.decide("p", "c")
            engine.beliefs()

        return call, told("pack", {key: value for key, value in body.items() if value != _PACK.get(key)})

    def state() -> Any:
        return len(engine.store.records("prior")), engine.store.names("context"), engine.status()["snapshot"]

    return Room(draw, state, 25)


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
        values = [None, True, -1, 0, 10**400, 1e308, -1e308, 5.0, 1e7, "x", "\ud800", "a" * 2000, [], {}, [[1]], "NaN"]
        body[key] = random.choice([*values, text(random)])


_FILES: list[bytes] = []
"""Stores that pages are damaged in: a young one, and one with records of every kind, packs, a checkpoint, prunings."""


def databases(random: Random) -> Room:
    """A store with damaged pages: opened, asked, written to."""
    if not _FILES:
        _FILES.extend(_file(rich) for rich in (False, True))

    def draw(random: Random) -> Call:
        body, target = bytearray(random.choice(_FILES)), Path(f"d{random.randrange(10**9)}.db")
        for _ in range(random.choice([1, 1, 3, 30])):
            start = random.randrange(len(body))
            length = random.choice([1, 4, 64, 4096])
            piece = random.choice([bytes(length), random.randbytes(length)])
            body[start : start + length] = piece[: len(body) - start]
        if random.random() < 0.1:
            del body[random.randrange(len(body)) :]

        def call() -> None:
            target.write_bytes(body)
            try:
                with contextlib.closing(Engine.open(f"sqlite:///{target}", SPACE, settings=INLINE)) as engine:
                    made = engine.decide("p0", "c")
                    engine.observe(made.id, utility=0.1)
                    engine.status(), engine.beliefs(), engine.overview(), engine.explain(made.id, replay=True)
                    engine.refresh()
            finally:
                for end in ("", "-wal", "-shm"):
                    Path(f"{target}{end}").unlink(missing_ok=True)

        return call, told("damaged", len(body))

    return Room(draw, lambda: None, 10**9)


def _file(rich: bool) -> bytes:
    path = Path("whole.db")
    with contextlib.closing(Engine.open(f"sqlite:///{path}", SPACE, seed=3, settings=INLINE)) as engine:
        for k in range(12):
            engine.observe(engine.decide(f"p{k % 3}", "c").id, utility=0.1)
        if rich:
            pack = engine.priors.exported("usual", minimum=1)
            engine.priors.adopt([pack, pack._replace(name="other")])
            engine.priors.exported_privately("private", minimum=1, seed=1)
            engine.control("ban", "slow")
            engine.withdraw(pack="other")  # which leaves a checkpoint
    if rich:
        retain(path, Path("archive"), events=2.0**40)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    body = path.read_bytes()
    path.unlink()
    return body
