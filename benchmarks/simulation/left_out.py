"""Exploration learned from other domains: what a card of all tables but a domain's own earns on those.

    python -m benchmarks.simulation.left_out --json benchmarks/results/left_out.json

Settings of the default policy race over public tables, each as it is and once more with an ordinary baseline: tables of
ASlib name as baseline the solver that is best in hindsight, which no project knows before. Seeds from 100 on learn,
seeds from 0 on judge: regret per decision in the loop of a replay over that of the default. `start`: the setting that
the other domains recommend where only the number of arms is known; `later`: where contexts, noise and deviation are
known too, how long the table goes on is not; `hindsight`: the setting that was best on the table itself, a ceiling.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.result import arguments, save
from poolwise.meta import augmentation, histories, racing, recommendation
from poolwise.meta import policy_card as cards
from poolwise.meta.histories import History
from poolwise.policy import Policy, default
from poolwise.table import Table

DOMAINS = {
    "ASP": "ASP", "BNSL": "BN", "CSP": "CSP", "MAXSAT": "MaxSAT", "MIP": "MIP", "OPENML": "learning", "QBF": "QBF",
    "SAT1": "SAT", "TSP": "TSP", "lingeling": "SAT", "imagemagick": "images", "x264": "encoders", "xz": "encoders",
    "pmlb": "learning",
}  # fmt: skip
"""By a part of a table's name, so that no two tables of a domain are on both sides."""
ORDINARY = ", ordinary"
"""Ends the name of a history with an ordinary baseline."""
STATED = {"start": ("arms",), "later": ("arms", "contexts", "concentration", "noise", "deviation", "skew")}


def domain(name: str) -> str:
    return next(domain for part, domain in DOMAINS.items() if part in name)


def tables(root: Path, most: int, only: str) -> list[Table]:
    """Small ones first."""
    found = [one.load() for one in replay_sets(root) if any(part in one.name for part in DOMAINS)]
    found = [one for one in found if len(one.units) <= most and any(part in one.name for part in only.split(","))]
    return sorted(found, key=lambda one: len(one.units))


def pasts(table: Table) -> list[History]:
    """The table as it is, and with an ordinary baseline."""
    made = augmentation.ordinary(table)
    both = [table] if made.baseline == table.baseline else [table, made._replace(name=table.name + ORDINARY)]
    return [histories.of_table(one, domain(table.name)) for one in both]


def picked(card: dict[str, Any], stated: tuple[str, ...]) -> dict[str, int]:
    """By history, the setting that those of other domains recommend to who knows these characteristics."""
    chosen, _ = recommendation.left_out(cards.arrays(card), stated)
    return {one["name"]: int(k) for one, k in zip(card["histories"], chosen, strict=True)}


def in_hindsight(card: dict[str, Any]) -> dict[str, int]:
    return {one["name"]: int(np.argmin(one["log_ratio"])) for one in card["histories"]}


def compared(ours: np.ndarray, theirs: np.ndarray) -> list[float]:
    """Ratio of the mean regrets and its standard error, paired by seed."""
    ratio = ours.mean() / theirs.mean()
    return [float(ratio), float((ours - ratio * theirs).std(ddof=1) / theirs.mean() / len(ours) ** 0.5)]


def judged(card: dict[str, Any], past: History, picks: dict[str, dict[str, int]], seeds: range) -> dict[str, Any]:
    """Of one history, by how its setting was picked: ratio, its error, and the setting."""
    usual = default()
    setting = lambda k: Policy(usual.probabilities, {**usual.params, **card["settings"][k]}, usual.spec)
    numbers = {how: pick[past.name] for how, pick in picks.items()}
    lost = {k: past.play(setting(k), seeds) for k in sorted({0, *numbers.values()})}
    return {how: [*compared(lost[k], lost[0]), card["settings"][k]] for how, k in numbers.items()}


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--most", type=int, default=900, help="jobs of a table")
    parser.add_argument("--only", default="", help="only tables whose name contains one of these, by commas")
    parser.add_argument("--learn", type=int, default=6, help="seeds to learn by, at most")
    parser.add_argument("--seeds", type=int, default=10, help="to judge by")
    parser.add_argument("--card", type=Path, help="file that keeps what was learned between runs")
    return parser.parse_args()


def learned(options: argparse.Namespace, past: list[History]) -> dict[str, Any]:
    """The card of all tables, from its file if it is there."""
    if options.card is not None and options.card.exists():
        return dict(json.loads(options.card.read_text()))
    usual = default()
    race = racing.race(past, usual, racing.grid(usual), range(100, 100 + options.learn), np.inf)
    card = cards.of_race(race)
    if options.card is not None:
        cards.write(card, options.card)
    return card


def main() -> None:
    """Measure, print, write."""
    options = stated()
    past = [one for table in tables(options.data, options.most, options.only) for one in pasts(table)]
    card = learned(options, past)
    picks = {**{how: picked(card, known) for how, known in STATED.items()}, "hindsight": in_hindsight(card)}
    found = {}
    for one in past:
        found[one.name] = judged(card, one, picks, range(options.seeds))
        print(one.name, found[one.name], flush=True)
    forms = {"own baseline": False, "ordinary baseline": True}
    means = {
        form: {how: float(np.exp(np.mean([np.log(found[name][how][0]) for name in found if (ORDINARY in name) == odd])))
               for how in picks}
        for form, odd in forms.items()
    }  # fmt: skip
    print(json.dumps(means, indent=1), cards.sentences(card))
    columns = ["ratio", "standard error", "setting"]
    body = {"seeds": options.seeds, "of a table": columns, "geometric mean": means, "tables": found}
    save(options.json, {**body, "held out by the card": card["held_out"]})


if __name__ == "__main__":
    main()
