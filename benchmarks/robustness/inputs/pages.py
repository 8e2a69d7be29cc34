"""Names of all kinds on a page, in exports and in a file of draws: shown safely, or refused at the door."""

from pathlib import Path
from random import Random

from benchmarks.robustness.inputs.room import INLINE, Call, Room, told
from benchmarks.robustness.inputs.values import text
from poolwise import ArmSpace, Engine, Family
from poolwise.engine.insight import trials
from poolwise.report import page, tables

_KINDS = ["page", *["draws"] * 2, *["exports"] * 17]
"""A page takes ten times as long as the rest."""


def pages(random: Random) -> Room:
    return Room(_page)


def _page(random: Random) -> Call:
    names, kind = [text(random) for _ in range(4)], random.choice(_KINDS)

    def call() -> None:
        space = ArmSpace([Family("default"), Family(names[0])], "default")
        with Engine.open("memory://", space, seed=1, settings=INLINE) as engine:
            for k in range(8):
                made = engine.decide(names[1], names[2], job=names[3] if k % 2 else None)
                engine.observe(made.id, utility=0.1 * k)
            seen, beliefs = trials.trials(engine.store), engine.beliefs()
            seen.to_parquet("x.parquet"), beliefs.to_csv("x.csv"), engine.projects().to_csv("x.csv")
            if kind == "page":
                page.write_page("x.html", seen, beliefs, tables.summary(seen, beliefs, [engine]))
                _unmarked(Path("x.html").read_text(encoding="utf-8"))
            elif kind == "draws":
                engine.refit("fast", save="x.nc")

    return call, told(kind, *names)


def _unmarked(body: str) -> None:
    """No name is markup."""
    if "<script" in body or "\x00" in body:
        raise RuntimeError("markup of a name reached the page")
