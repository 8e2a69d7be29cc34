"""What each setting of the default model and policy is worth: regret of variants over the default's, paired by seed.

    python -m benchmarks.replay.ablation --json benchmarks/results/ablation.json

A variant replaces values of the package by name (`module:NAME`). Regret is that of `tables`, on seeds that no reported
figure rests on; the ratio is a geometric mean over data sets and seeds, with its standard error. Results are kept in
`--cache`, one per variant, data set and seed.
"""

import argparse
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import arguments, save
from benchmarks.replay import null
from benchmarks.replay.variants import VARIANTS
from poolwise.replay import compiled_loop, orders, run_poolwise_many
from poolwise.replay.hindsight import PER_CELL, references
from poolwise.table import Table, utility

FIRST, SEEDS = 100, (3, 12)
NULLS = 4
PARTS = 5
"""A run's regret is kept for so many equal parts."""


class Piece(NamedTuple):
    """One variant on one data set."""

    root: Path
    data_set: str
    variant: str
    seeds: tuple[int, ...]


def names(root: Path) -> list[str]:
    """Public tables, and simulated ones in which contexts do not matter."""
    return [*(source.name for source in replay_sets(root)), *(f"null/{FIRST + world}" for world in range(NULLS))]


def table_of(root: Path, name: str) -> Table:
    if name.startswith("null/"):
        return null.table(int(name.removeprefix("null/")))
    return next(source for source in replay_sets(root) if source.name == name).load()


def seeds_of(units: int, decisions: int) -> tuple[int, ...]:
    """More of them where a set is small."""
    return tuple(range(FIRST, FIRST + int(np.clip(np.ceil(decisions / units), *SEEDS))))


@contextmanager
def replaced(values: dict[str, Any]) -> Iterator[None]:
    """With other values of `module:NAME` or `module:Class.name`."""
    before = []
    for path, value in values.items():
        module, _, names = path.partition(":")
        *owners, name = names.split(".")
        owner = importlib.import_module(module)
        for one in owners:
            owner = getattr(owner, one)
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)
    compiled_loop._LOOPS.clear()  # what is compiled holds the values of before
    try:
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)


def run(piece: Piece) -> dict[str, Any]:
    """Regret per seed and part of the stream, mean per decision."""
    table = table_of(piece.root, piece.data_set)
    order, gain, started = orders(table, "shuffled", piece.seeds), utility(table), perf_counter()
    with replaced(VARIANTS[piece.variant]):
        chosen = run_poolwise_many(table, order, piece.seeds)
    best = gain[np.arange(len(gain)), references(table)[PER_CELL]]
    lost = best[order] - gain[order, chosen]
    parts = np.stack([part.mean(axis=1) for part in np.array_split(lost, PARTS, axis=1)], axis=1)
    return {"regret": lost.mean(axis=1).tolist(), "parts": parts.tolist(), "seconds": perf_counter() - started}


def compared(found: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Geometric mean of the ratios over all sets, its standard error, and the same of every set."""
    logs = {name: np.log(found[name]["regret"]) - np.log(other[name]["regret"]) for name in found}
    errors = np.array([part.std(ddof=1) / len(part) ** 0.5 for part in logs.values()])
    means = np.array([part.mean() for part in logs.values()])
    sets = {
        name: [mean, error] for name, mean, error in zip(logs, np.exp(means).tolist(), errors.tolist(), strict=True)
    }
    whole = float((errors**2).sum() ** 0.5 / len(errors))
    return {"ratio": float(np.exp(means.mean())), "error": whole, "sets": sets}


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--decisions", type=int, default=1_200, help="seeds until a set has so many, 3 to 12 of them")
    parser.add_argument("--only", default="aslib", help="only data sets whose name contains one of these, by commas")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="names of variants, by commas")
    parser.add_argument("--cache", type=Path, help="file that keeps results between runs")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    options = stated()
    sets = [name for name in names(options.data) if any(part in name for part in options.only.split(","))]
    seeds = {name: seeds_of(len(table_of(options.data, name).units), options.decisions) for name in sets}
    chosen = ["default", *(name for name in options.variants.split(",") if name != "default")]
    pieces = [
        Work(run, Piece(options.data, name, variant, seeds[name]), f"{variant}|{name}|{seeds[name]}")
        for variant in chosen
        for name in sets
    ]
    found: dict[str, dict[str, Any]] = {variant: {} for variant in chosen}
    for piece, result in results(pieces, options.cache, options.jobs):
        found[piece.task.variant][piece.task.data_set] = result
        where, regret = (piece.task.variant, piece.task.data_set), np.mean(result["regret"])
        print(*where, f"{regret:.4f} in {result['seconds']:.0f} s", flush=True)
    report = {variant: compared(found[variant], found["default"]) for variant in chosen}
    for variant, one in report.items():
        print(f"{variant:<28} {one['ratio']:.3f} +- {one['error']:.3f}")
    save(options.json, {"first": FIRST, "seeds": {name: len(part) for name, part in seeds.items()}, "variants": report})


if __name__ == "__main__":
    main()
