"""Exploration learned from other domains: what a card of all tables but a domain's own earns on those.

    python -m benchmarks.simulation.left_out --json benchmarks/results/left_out.json

Settings of the default policy race over public tables, each as it is and once more with an ordinary baseline: tables of
ASlib name as baseline the solver that is best in hindsight, which no project knows before. Seeds from 100 on learn,
seeds from 0 on judge: regret per decision in the loop of a replay over that of the default. `start`: the setting that
the other domains recommend where only the number of arms is known; `later`: where contexts, noise and deviation are
known too, how long the table goes on is not; `mean`: the setting with the least mean over the other domains, however
uncertain that is; `hindsight`: the setting that was best on the table itself, a ceiling.
"""

import argparse
import hashlib
import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.kept import kept
from benchmarks.harness.result import arguments, save
from poolwise import compute
from poolwise.compute import Pool
from poolwise.meta import augmentation, histories, racing, recommendation
from poolwise.meta import policy_card as cards
from poolwise.meta.histories import History
from poolwise.meta.racing import Lap
from poolwise.policy import default
from poolwise.progress import Logged
from poolwise.table import Table, take

DOMAINS = {
    "ASP": "ASP", "BNSL": "BN", "CSP": "CSP", "MAXSAT": "MaxSAT", "MIP": "MIP", "OPENML": "learning", "QBF": "QBF",
    "SAT1": "SAT", "TSP": "TSP", "lingeling": "SAT", "imagemagick": "images", "x264": "encoders", "xz": "encoders",
    "pmlb": "learning", "itp18_full": "E prover",
}  # fmt: skip
"""By a part of a table's name, so that no two tables of a domain are on both sides. Those of SMT-COMP, and the other
one of E prover, take minutes a play."""
ORDINARY = ", ordinary"
"""Ends the name of a history with an ordinary baseline."""
STATED = {"start": ("arms",), "later": ("arms", "contexts", "concentration", "noise", "deviation", "skew")}


def domain(name: str) -> str:
    return next(domain for part, domain in DOMAINS.items() if part in name)


def tables(root: Path, most: int, only: str) -> list[Table]:
    """Small ones first; of longer ones some projects, or jobs."""
    found = [one.load() for one in replay_sets(root) if any(part in one.name for part in DOMAINS)]
    found = [shortened(one, most) for one in found if any(part in one.name for part in only.split(","))]
    return sorted(found, key=lambda one: len(one.units))


def shortened(table: Table, most: int) -> Table:
    """At most so many jobs: all jobs of some projects, as far as that goes."""
    if len(table.units) <= most:
        return table
    rng = np.random.default_rng(43)
    made = augmentation.some_projects(rng, table, most / len(table.units))
    return augmentation.compact(take(made, np.sort(rng.permutation(len(made.units))[:most])))


def pasts(table: Table) -> list[History]:
    """The table as it is, and with an ordinary baseline."""
    made = augmentation.ordinary(table)
    both = [table] if made.baseline == table.baseline else [table, made._replace(name=table.name + ORDINARY)]
    return [histories.of_table(one, domain(table.name)) for one in both]


def picked(card: dict[str, Any], stated: tuple[str, ...]) -> dict[str, int]:
    """By history, the setting that those of other domains recommend to who knows these characteristics."""
    chosen, _ = recommendation.left_out(cards.arrays(card), stated)
    return {one["name"]: int(k) for one, k in zip(card["histories"], chosen, strict=True)}


def least_mean(card: dict[str, Any]) -> dict[str, int]:
    """By history, the setting with the least mean log ratio over the other domains."""
    groups, _, ratio, *_ = cards.arrays(card)
    mean = {kind: ratio[groups == kind].mean(axis=0) for kind in dict.fromkeys(groups)}
    others = {kind: np.mean([one for other, one in mean.items() if other != kind], axis=0) for kind in mean}
    return {one["name"]: int(np.argmin(others[one["group"]])) for one in card["histories"]}


def in_hindsight(card: dict[str, Any]) -> dict[str, int]:
    return {one["name"]: int(np.argmin(one["log_ratio"])) for one in card["histories"]}


def compared(ours: np.ndarray, theirs: np.ndarray) -> list[float]:
    """Ratio of the mean regrets and its standard error, paired by seed."""
    ratio = ours.mean() / theirs.mean()
    return [float(ratio), float((ours - ratio * theirs).std(ddof=1) / theirs.mean() / len(ours) ** 0.5)]


def laps(card: dict[str, Any], past: History, picks: dict[str, dict[str, int]], seeds: range) -> dict[int, Lap]:
    """What is to be played of a history, by setting: what was picked and the default, nothing if it alone was."""
    usual, numbers = default(), {0, *(pick[past.name] for pick in picks.values())}
    params = {k: {**usual.params, **card["settings"][k]} for k in sorted(numbers)}
    made = {k: Lap(past.play, usual.spec, one, tuple(seeds)) for k, one in params.items()}
    return made if len(numbers) > 1 else {}


def judged(
    card: dict[str, Any], past: list[History], picks: dict[str, dict[str, int]], seeds: range, pool: Pool
) -> dict[str, dict[str, Any]]:
    """Of every history, by how its setting was picked: ratio, its error, and the setting's number."""
    tasks = [(one.name, k, lap) for one in past for k, lap in laps(card, one, picks, seeds).items()]
    told = compute.mapped(pool, racing.played, [lap for _, _, lap in tasks], progress=Logged(), part="judged")
    lost = {(name, k): one for (name, k, _), one in zip(tasks, told, strict=True)}
    ratio = lambda name, k: compared(lost[name, k], lost[name, 0]) if k else [1.0, 0.0]
    return {one.name: {how: [*ratio(one.name, k), k] for how in picks for k in [picks[how][one.name]]} for one in past}


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--most", type=int, default=1500, help="jobs of a table, of longer ones a part")
    parser.add_argument("--only", default="", help="only tables whose name contains one of these, by commas")
    parser.add_argument("--learn", type=int, default=9, help="seeds to learn by, at most")
    parser.add_argument("--seeds", type=int, default=5, help="to judge by")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--laps", type=Path, help="folder that keeps what was played between runs of the same code")
    return parser.parse_args()


def named(lap: Lap, table: Table) -> str:
    """By what was played, its jobs included."""
    said = repr((table.name, table.baseline, sorted(lap.params.items()), lap.seeds)).encode()
    parts = (table.project, table.context, np.nan_to_num(table.reward))
    return hashlib.sha256(said + b"".join(part.tobytes() for part in parts)).hexdigest()[:32]


class Kept(NamedTuple):
    """Laps of tables, as far as they are not in the folder."""

    folder: Path | None

    def __call__(self, lap: Lap) -> np.ndarray:
        table = lap.play.args[0]
        return kept(self.folder, named(lap, table), lambda: racing.played(lap))


def learned(past: list[History], seeds: range, pool: Pool) -> dict[str, Any]:
    """The card of all tables."""
    usual = default()
    return cards.of_race(racing.race(past, usual, racing.grid(usual), seeds, np.inf, pool, Logged()))


def geometric(card: dict[str, Any], found: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Means of the ratios over tables, by baseline; `chosen`: of the best in hindsight, on the seeds that learn."""
    means = {}
    for form in ("own", "ordinary"):
        rows = [one for one in card["histories"] if (ORDINARY in one["name"]) == (form == "ordinary")]
        logs = {how: [np.log(found[one["name"]][how][0]) for one in rows] for how in next(iter(found.values()))}
        logs["chosen"] = [min(one["log_ratio"]) for one in rows]
        means[f"{form} baseline"] = {how: float(np.exp(np.mean(part))) for how, part in logs.items() if part}
    return means


def main() -> None:
    """Measure, print, write."""
    options = stated()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    past = [one for table in tables(options.data, options.most, options.only) for one in pasts(table)]
    with compute.opened("local", options.jobs) as workers:
        pool = Pool(workers.executor, lambda _, laps, retries: workers.run(Kept(options.laps), laps, retries))
        card = learned(past, range(100, 100 + options.learn), pool)
        picks = {how: picked(card, known) for how, known in STATED.items()}
        picks |= {"mean": least_mean(card), "hindsight": in_hindsight(card)}
        found = judged(card, past, picks, range(options.seeds), pool)
    means = geometric(card, found)
    print(json.dumps(found, indent=1), json.dumps(means, indent=1), cards.sentences(card))
    columns = ["ratio", "standard error", "setting; where nothing stands here it is the first, and the ratio 1"]
    moved = {name: {how: one for how, one in row.items() if one[2]} for name, row in found.items()}
    about = {"seeds": options.seeds, "settings": card["settings"], "of a table": columns, "geometric mean": means}
    save(options.json, {**about, "tables": moved, "held out by the card": card["held_out"]})


if __name__ == "__main__":
    main()
