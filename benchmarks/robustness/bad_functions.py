"""Bad input for functions without an engine: the posterior's, a replay's, and pages and files with hostile names."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.robustness.bad_rooms import ROWS, Call, Room, told
from benchmarks.robustness.bad_values import anything, many, number, or_strange, text, whole
from poolwise import ArmSpace, Engine, Family, posterior, replay, table
from poolwise.engine.settings import Settings
from poolwise.report import page, tables, trials

STATS = posterior.SufficientStatistics.of([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0], [0.1, 0.2, 0.3, 0.2])
FIT = posterior.fit(STATS, iterations=2)
TABLE = table.from_rows(ROWS, name="t", source="t", baseline="old")


def functions(random: Random) -> Room:
    """Pure functions; nothing is kept."""
    return Room(lambda r: r.choice([_statistics, _fit, _beliefs, _replay])(r), lambda: None, 10**9)


def _statistics(random: Random) -> Call:
    rows = [or_strange(random, lambda r: many(r, whole)) for _ in range(3)]
    given = {"y": or_strange(random, lambda r: many(r, number))}
    if random.random() < 0.3:
        given[random.choice(["shape", "weight"])] = anything(random)
    return lambda: posterior.SufficientStatistics.of(*rows, **given), told("SufficientStatistics.of", *rows, given)


def _stats(random: Random) -> Any:
    """Statistics with one part spoiled, or none at all."""
    if random.random() < 0.3:
        return anything(random)
    part = random.choice(STATS._fields)
    spoiled = np.array(getattr(STATS, part))
    spoiled[0, 0, 0] = random.choice([-1.0, np.nan, np.inf, 1e308, 0.0])
    wrong = or_strange(random, lambda r: r.choice([spoiled, spoiled[0], spoiled.astype(object), spoiled.astype(str)]))
    return STATS._replace(**{part: wrong})


def _fit(random: Random) -> Call:
    stats, given = or_strange(random, lambda r: STATS, 0.3), {"iterations": 2}
    stats = stats if stats is STATS else _stats(random)
    for key in random.sample(["family", "prior", "start", "iterations"], 1 + (stats is STATS)):
        given[key] = anything(random)
    return lambda: posterior.fit(stats, **given), told("posterior.fit", stats, given)


def _beliefs(random: Random) -> Call:
    fit, stats = or_strange(random, lambda r: FIT, 0.8), _stats(random)
    return lambda: posterior.marginals(fit, stats), told("posterior.marginals", fit, stats)


def _replay(random: Random) -> Call:
    given = {key: anything(random) for key in random.sample(["policy", "order", "seeds", "delay", "horizon"], 2)}
    what = or_strange(random, lambda r: TABLE, 0.8)
    if isinstance(given.get("policy", 0), type(None)) or not {"order", "seeds"} & given.keys():
        given["seeds"] = random.choice([0, -1, "x", None, [], [None], [1.5], 2**70, {}])
    return lambda: replay.replay(what, **given), told("replay", what, given)


def pages(random: Random) -> Room:
    """Names of all kinds on a page, in an export and in a file of draws: shown, or refused at the door."""
    return Room(_page, lambda: None, 10**9)


def _page(random: Random) -> Call:
    names = [text(random) for _ in range(4)]

    def call() -> None:
        space = ArmSpace([Family("default"), Family(names[0])], "default")
        with Engine.open("memory://", space, seed=1, settings=Settings(estimate="inline")) as engine:
            for k in range(8):
                made = engine.decide(names[1], names[2], job=names[3] if k % 2 else None)
                engine.observe(made.id, utility=0.1 * k)
            seen, beliefs = trials.trials(engine.store), engine.beliefs()
            seen.to_parquet("x.parquet"), beliefs.to_csv("x.csv")
            if random.random() < 0.3:
                page.write_page("x.html", seen, beliefs, tables.summary(seen, beliefs, [engine]))
                _unmarked(Path("x.html").read_text(encoding="utf-8"))
            else:
                engine.refit("fast", save="x.nc")

    return call, told("page", *names)


def _unmarked(body: str) -> None:
    """No name is markup."""
    if "<script" in body.replace("<script>", "", 0) or "\x00" in body:
        raise RuntimeError("markup of a name reached the page")
