"""A plan on paper: what 10^9 decisions a day cost, stage by stage, from unit costs that were measured.

    python -m benchmarks.scale.plan             the tables of docs/scale.md
    python -m benchmarks.scale.plan --write     put them there

Every unit cost is a figure of a file in `benchmarks/results`, whose command `python -m benchmarks.registry` lists; what
is assumed stands in `ASSUMED`. A test holds the page to this.
"""

import argparse
import re
from typing import NamedTuple

from benchmarks.harness.machine import ROOT
from benchmarks.harness.recorded import figure, result
from benchmarks.harness.result import RESULTS
from benchmarks.registry import BENCHMARKS

PAGE = ROOT / "docs" / "scale.md"
DAY = 86_400.0
ASSUMED = {
    "decisions a day, each with its outcome": 1e9,
    "peak over mean": 3.0,
    "workspaces": 1e4,
    "projects, contexts and arms of a workspace": 1e6,
    "days that events are kept": 365.0,
    "dollars per core and hour": 0.04,
    "dollars per GB and month": 0.023,
}
"""10^6 projects in workspaces of 100 projects, 100 contexts and 100 arms: one belief never spans more (10^6 cells)."""


class Unit(NamedTuple):
    """A measured unit cost."""

    what: str
    value: float
    unit: str
    benchmark: str
    """Of `benchmarks.registry`, which measures it."""


def units() -> dict[str, Unit]:
    """By what they are of."""
    cores = 2.0
    request = cores / figure("service", "SQLite, 64 connections")
    batch = 1 / figure("store", "decide_many + observe_many")
    events = figure("aggregation", "statistics of 100,000,000 events")
    cells = figure("scaling", "8,000,000 cells, 10,000,000 events: fit and all beliefs, warm")
    memory = figure("scaling", "8,000,000 cells, 10,000,000 events: peak memory")
    return {
        "request": Unit("request over HTTP, one of two of a pair", request * 1e6, "core us", "service"),
        "batch": Unit("pair in batches of 10,000", batch * 1e6, "core us", "store"),
        "stored": Unit("pair in the store, with its view", figure("store_operations", "bytes per pair, 20"), "bytes",
                       "store_operations"),
        "archived": archived(),
        "folded": Unit("outcome folded into statistics", cores * events / 1e8 * 1e6, "core us", "aggregation"),
        "fitted": Unit("cell fitted and believed", cores * cells / 8e6 * 1e6, "core us", "scaling"),
        "held": Unit("cell in memory while it is fitted", memory * 1e6 / 8e6, "bytes", "scaling"),
    }  # fmt: skip


def archived() -> Unit:
    """As `poolwise archive` writes it, ids and times included, where that was measured."""
    if (RESULTS / "scale_archive.json").exists():
        return Unit("outcome in Parquet", figure("scale_archive", "bytes per event"), "bytes", "scale_archive")
    return Unit("outcome in Parquet", figure("aggregation", "size of the files") * 10, "bytes", "aggregation")


class Stage(NamedTuple):
    """Of one day."""

    name: str
    cores: float
    """Busy all day, on average."""
    gigabytes: float
    """Written a day."""
    kept: float
    """Days for which they are."""
    most: str
    """What it breaks at."""


def stages() -> list[Stage]:
    """Every stage of the plan."""
    cost = {name: one.value for name, one in units().items()}
    events, spaces = ASSUMED["decisions a day, each with its outcome"], ASSUMED["workspaces"]
    cells = spaces * ASSUMED["projects, contexts and arms of a workspace"]
    busy = lambda microseconds: microseconds * 1e-6 / DAY
    bearable = figure("service", "SQLite, 64 connections") / 2
    peak = ASSUMED["peak over mean"] * events / DAY / spaces
    kept = ASSUMED["days that events are kept"]
    return [
        Stage("serve over HTTP", busy(2 * events * cost["request"]) * ASSUMED["peak over mean"], 0.0, 0.0,
              f"a workspace above {bearable:,.0f} pairs a second: {bearable / peak:,.0f} times its mean peak"),
        Stage("serve in batches instead", busy(events * cost["batch"]) * ASSUMED["peak over mean"], 0.0, 0.0,
              f"a workspace above {1e6 / cost['batch']:,.0f} pairs a second"),
        Stage("store", 0.0, events * cost["stored"] / 1e9, 30.0, "disk: views leave after 30 days (`retention`)"),
        Stage("archive", 0.0, events * cost["archived"] / 1e9, kept, "nothing: files by workspace and day"),
        Stage("fold the new day", busy(events * cost["folded"]), 0.0, 0.0, "nothing: partitions are independent"),
        Stage("refit all workspaces", busy(cells * cost["fitted"]), 0.0, 0.0,
              f"a workspace of {64e9 / cost['held']:,.0f} cells, on a machine of 64 GB"),
    ]  # fmt: skip


def dollars(stage: Stage) -> float:
    """A day: cores, and what has been kept by then."""
    hours = 24 * stage.cores * ASSUMED["dollars per core and hour"]
    return hours + stage.gigabytes * stage.kept * ASSUMED["dollars per GB and month"] / 30


def tables() -> dict[str, str]:
    """By the name that stands in the page's marks."""
    assumed = [f"| {what} | {value:,.6g} |" for what, value in ASSUMED.items()]
    measured = [f"| {one.what} | {one.value:,.3g} {one.unit} | `make bench NAME={one.benchmark}` |"
                for one in units().values()]  # fmt: skip
    planned = [f"| {one.name} | {one.cores:,.1f} | {one.gigabytes:,.0f} | {dollars(one):,.0f} | {one.most} |"
               for one in stages()]  # fmt: skip
    return {
        "scaled": "\n".join(["| figure | measured | wanted | command |", "|---|---|---|---|", *scaled()]),
        "assumed": "\n".join(["| assumed | |", "|---|---|", *assumed]),
        "measured": "\n".join(["| unit cost | measured | command |", "|---|---|---|", *measured]),
        "plan": "\n".join(
            ["| stage | cores, all day | GB a day | dollars a day | breaks at |", "|---|---|---|---|---|", *planned]
        ),
    }


def scaled() -> list[str]:
    """A line for every figure of the benchmarks of scale that has a target."""
    lines = []
    for name in BENCHMARKS:
        if not name.startswith("scale_"):
            continue
        command = f"`make bench NAME={name}`"
        if not (RESULTS / f"{name}.json").exists():
            lines.append(f"| {command} | not measured yet | | |")
            continue
        for one in result(name)["figures"]:
            if "target" in one:
                wanted = f"{'>=' if one['at_least'] else '<='} {one['target']:g}"
                lines.append(f"| {one['what']} | {one['value']:.3g} {one['unit']} | {wanted} | {command} |")
    return lines


def page(text: str) -> str:
    """The text with its tables as they are now."""
    for name, body in tables().items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text = mark.sub(lambda found, body=body: f"{found[1]}{body}{found[2]}", text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into docs/scale.md")
    options = parser.parse_args()
    assert all(one.benchmark in BENCHMARKS for one in units().values())
    if options.write:
        PAGE.write_text(page(PAGE.read_text()))
    else:
        print("\n\n".join(tables().values()))


if __name__ == "__main__":
    main()
