"""What exploring otherwise could earn: constants chosen by hindsight, and constants chosen on other domains alone.

    python -m benchmarks.simulation.left_out --json benchmarks/results/left_out.json

Regret per decision, in the loop of a replay, of the default policy with its bonus and its temperature multiplied by the
factors of a grid, over that of the default. Seeds from 100 on choose, seeds from 0 on judge. `hindsight`: for every
table the setting that is best there, a ceiling for whatever knows what kind of table this is. `left out`: for every
table the setting that is best, in geometric mean, on the tables of all other domains. `told`: the default that knows
how many jobs are to come. `alone`: the baseline, always. Tables of ASlib name as baseline the solver that is best in
hindsight, which no project knows before: with `--baselines own,median` all is measured again with the arm of median
mean reward as baseline.
"""

import argparse
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import arguments, save
from benchmarks.replay.ablation import replaced, seeds_of
from poolwise.policy import Policy, default
from poolwise.replay import compiled_loop, orders
from poolwise.replay.hindsight import PER_CELL, references
from poolwise.replay.loop import run_many
from poolwise.replay.settings import Settings
from poolwise.table import Table, utility

GRID = [(bonus, warmth) for bonus in (0.0, 1 / 3, 1.0, 3.0) for warmth in (1.0, 3.0)]
"""Factors of the bonus and of the temperature."""
USUAL = GRID.index((1.0, 1.0))
DOMAINS = {
    "ASP": "ASP", "BNSL": "BN", "CSP": "CSP", "MAXSAT": "MaxSAT", "MIP": "MIP", "OPENML": "learning", "QBF": "QBF",
    "SAT1": "SAT", "TSP": "TSP", "lingeling": "SAT", "imagemagick": "images", "x264": "encoders", "xz": "encoders",
    "pmlb": "learning",
}  # fmt: skip
"""By a part of a table's name, so that no two tables of a domain are on both sides."""


class Piece(NamedTuple):
    """One setting on one table."""

    root: Path
    data_set: str
    median: bool
    """Whether the baseline is the arm of median mean reward."""
    setting: int
    seeds: tuple[int, ...]
    told: bool = False
    """Whether the number of jobs is known."""


@cache
def table_of(root: Path, name: str, median: bool) -> Table:
    table = next(source for source in replay_sets(root) if source.name == name).load()
    mean = np.nanmean(table.reward, axis=0)
    return table._replace(baseline=int(np.argsort(-mean, kind="stable")[len(mean) // 2])) if median else table


def policy_of(setting: int) -> Policy:
    """The default with other constants."""
    (bonus, warmth), usual = GRID[setting], default()
    factor = {"own": bonus, "shared": bonus, "temperature": warmth}
    return usual._replace(params={name: factor.get(name, 1.0) * value for name, value in usual.params.items()})


_LOOPS: dict[Any, Any] = {}


def stretch(frame: Any, policy: Policy, arms: Any, course: Any, known: Any, jobs: Any, ends: tuple[int, int]) -> Any:
    """As that of the compiled loop, with the policy's constants as arguments: compiled once for all settings."""

    def loop(course: Any, known: Any, jobs: Any, first: Any, last: Any, params: Any) -> Any:
        chosen = policy._replace(params=params)
        body = lambda number, now: compiled_loop.step(frame, chosen, arms, now, known, jobs, number)
        return jax.lax.fori_loop(first, last, body, course)

    key = (frame, policy.spec, arms.family.tobytes(), arms.baseline, len(jobs.project))
    with jax.enable_x64():
        if key not in _LOOPS:
            _LOOPS[key] = jax.jit(loop, donate_argnums=0)
        params = {name: np.float64(value) for name, value in policy.params.items()}
        return _LOOPS[key](course, known, jobs, *ends, params)


def run(piece: Piece) -> list[float]:
    """Mean regret per decision, by seed."""
    table = table_of(*piece[:3])
    order, gain, best = orders(table, "shuffled", piece.seeds), utility(table), best_of(table)
    settings = Settings(repeats=False, horizon=float(len(gain)) if piece.told else None)
    with replaced({"poolwise.replay.loop:stretch": stretch}):
        made = run_many(table, order, policy_of(piece.setting), piece.seeds, settings)
    return [float((best[one.unit] - gain[one.unit, one.arm]).mean()) for one in made]


def best_of(table: Table) -> np.ndarray:
    """(units,) utility of the best fixed arm of every project and context."""
    return utility(table)[np.arange(len(table.units)), references(table)[PER_CELL]]


Found = dict[str, np.ndarray]
"""By table, (settings, seeds) regret."""


def in_hindsight(found: Found) -> dict[str, int]:
    return {name: int(regret.mean(axis=1).argmin()) for name, regret in found.items()}


def left_out(found: Found) -> dict[str, int]:
    """For every table the best setting of all tables of other domains."""
    ratio = {name: np.log(regret.mean(axis=1) / regret[USUAL].mean()) for name, regret in found.items()}
    others = lambda name: [one for other, one in ratio.items() if domain(other) != domain(name)]
    return {name: int(np.mean(others(name), axis=0).argmin()) if others(name) else USUAL for name in found}


def domain(name: str) -> str:
    return next(domain for part, domain in DOMAINS.items() if part in name)


def compared(ours: np.ndarray, theirs: np.ndarray) -> list[float]:
    """Ratio of the mean regrets and its standard error, paired by seed."""
    ratio = ours.mean() / theirs.mean()
    return [float(ratio), float((ours - ratio * theirs).std(ddof=1) / theirs.mean() / len(ours) ** 0.5)]


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--most", type=int, default=1_500, help="jobs of a table")
    parser.add_argument("--only", default="", help="only tables whose name contains one of these, by commas")
    parser.add_argument("--decisions", type=int, default=1_200, help="to choose by: seeds until so many, 3 to 12")
    parser.add_argument("--seeds", type=int, default=10, help="to judge by")
    parser.add_argument("--baselines", default="own", help="own, median or both, by commas")
    parser.add_argument("--cache", type=Path, help="file that keeps results between runs")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


def names(options: argparse.Namespace) -> list[str]:
    """Small tables first."""
    found = [source for source in replay_sets(options.data) if any(part in source.name for part in DOMAINS)]
    jobs = {source.name: len(source.load().units) for source in found}
    chosen = [name for name in jobs if any(part in name for part in options.only.split(","))]
    return sorted((name for name in chosen if jobs[name] <= options.most), key=lambda name: jobs[name])


def measured(pieces: list[Piece], options: argparse.Namespace) -> dict[Piece, np.ndarray]:
    work = [Work(run, piece, "|".join(map(str, piece[1:]))) for piece in pieces]
    return {done.task: np.array(found) for done, found in results(work, options.cache, options.jobs)}


def judged(options: argparse.Namespace, sets: list[str], median: bool) -> dict[str, Any]:
    """Every table's ratios, and their geometric means."""
    seeds = {name: seeds_of(len(table_of(options.data, name, median).units), options.decisions) for name in sets}
    pieces = [Piece(options.data, name, median, k, seeds[name]) for name in sets for k in range(len(GRID))]
    by_piece = measured(pieces, options)
    found = {name: np.stack([by_piece[piece] for piece in pieces if piece.data_set == name]) for name in sets}
    trial = lambda name, k, told=False: Piece(options.data, name, median, k, tuple(range(options.seeds)), told)
    picks = {"hindsight": in_hindsight(found), "left out": left_out(found)}
    wanted = {how: {name: trial(name, k) for name, k in pick.items()} for how, pick in picks.items()}
    wanted["told"] = {name: trial(name, USUAL, True) for name in sets}
    usual = {name: trial(name, USUAL) for name in sets}
    every = [*usual.values(), *(piece for pieces in wanted.values() for piece in pieces.values())]
    ours = measured(list(dict.fromkeys(every)), options)
    tables: dict[str, dict[str, Any]] = {
        name: {
            **{how: [*compared(ours[pieces[name]], ours[usual[name]]), *GRID[pieces[name].setting]]
               for how, pieces in wanted.items()},
            "alone": float(best_of(table_of(options.data, name, median)).mean() / ours[usual[name]].mean()),
        }
        for name in sets
    }  # fmt: skip
    for name, one in tables.items():
        print(name, "median" if median else "own", one, flush=True)
    means = {how: float(np.exp(np.mean([np.log(one[how][0]) for one in tables.values()]))) for how in wanted}
    return {"geometric mean": means, "worst": max(one["left out"][0] for one in tables.values()), "tables": tables}


def main() -> None:
    """Measure, print, write."""
    options = stated()
    sets = names(options)
    found = {f"{form} baseline": judged(options, sets, form == "median") for form in options.baselines.split(",")}
    print({form: one["geometric mean"] for form, one in found.items()})
    columns = ["ratio", "standard error", "factor of the bonus", "of the temperature"]
    chosen = {"seeds": options.seeds, "decisions to choose by": options.decisions, "of a table": columns}
    save(options.json, {**chosen, **found})


if __name__ == "__main__":
    main()
