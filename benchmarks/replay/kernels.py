"""GPU kernels tuned through the engine, under either goal, and by its peers: one table.

    python -m benchmarks.replay.kernels --searchers Poolwise --seeds 5 --json benchmarks/results/kernels.json
    python -m benchmarks.replay.kernels --searchers Optuna,random,Tuner --json benchmarks/results/kernels.json

Every space and GPU, sessions of 200 and of 400 trials; what the file holds of other searchers and lengths stays there,
and regrets are over those of TPE there if it does not run now. Scores as in `methodology.py`. Poolwise and Optuna see
single launches, Kernel Tuner mean times. Beside them what random search finds in the full spaces (`full_spaces.py`).
"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.machine import commit
from benchmarks.harness.result import RESULTS, Figure, arguments, save, table
from benchmarks.peers.kernel_tuner import STRATEGIES, ours
from benchmarks.peers.searchers import SEARCHERS, Searcher
from benchmarks.replay.engine_search import ENGINES
from benchmarks.replay.full_spaces import random_in_full
from benchmarks.replay.methodology import AT
from benchmarks.replay.searches import TRIALS, Found, mean, ratio, sessions, stated

TPE = "Optuna TPE"
EVERY: dict[str, Searcher] = {**SEARCHERS, **ENGINES, "Poolwise in Kernel Tuner": ours, **STRATEGIES}
FILE = RESULTS / "kernels.json"
AIMS: dict[str, dict[str, Any]] = {
    "earn": {"regret": 0.45, "worst regret": 1.0, "best": {200: 0.960, 400: 0.970}, "worst": 0.82, "score": 0.40},
    "best": {"regret": 0.70, "worst regret": 1.3, "best": {200: 0.978, 400: 0.987}, "worst": 0.88, "score": 0.52},
}
"""What either goal should come to after 200 trials, and at best after 400."""


def summary(found: Found, name: str, trials: int, tpe: dict[str, float] | None) -> dict[str, Any]:
    """Means over spaces and seeds; of regrets over TPE's, where that is known, the geometric mean; the worst spaces."""
    over = ratio(mean(found, name, lambda one: one.regret), tpe) if tpe else ()
    best = mean(found, name, lambda one: one.best[trials])
    every = [one for entry in found.values() for one in entry[name]]
    return {
        **dict(zip(("regret", "worst regret at", "worst regret"), over, strict=False)),
        **{f"best {at}": float(np.mean([one.best[at] for one in every])) for at in AT if at <= trials},
        "worst": min(best.values()),
        "worst at": min(best, key=best.__getitem__),
        "distinct": float(np.mean([one.distinct for one in every])),
        "score": float(np.mean([one.score for one in every])),
        "seconds": float(np.mean([one.seconds for one in every])),
    }


def figures(name: str, trials: int, made: dict[str, Any]) -> list[Figure]:
    """Of one searcher, after 200 trials beside what was aimed at."""
    goal = next((AIMS[goal] for goal in AIMS if name.endswith(f'goal = "{goal}"')), {})
    aim = goal if trials == TRIALS else {}
    over = [] if "regret" not in made else [
        Figure("regret / TPE's", made["regret"], "", aim.get("regret")),
        Figure(f"the same, worst: {made['worst regret at']}", made["worst regret"], "", aim.get("worst regret")),
    ]  # fmt: skip
    least = goal.get("best", {}).get(trials)
    return [
        *over,
        Figure("best configuration found, share of the optimum", made[f"best {trials}"], "", least, True),
        Figure(f"the same, worst: {made['worst at']}", made["worst"], "", aim.get("worst"), True),
        Figure("methodology score", made["score"], "", aim.get("score"), True),
        Figure("distinct configurations", made["distinct"], ""),
        Figure("processor time of a session", made["seconds"], "s"),
    ]


def earlier(path: Path) -> dict[str, Any]:
    """What a file holds."""
    return json.loads(path.read_text()) if path.exists() else {}


def main() -> None:
    """Measure, print, write."""
    parser = stated(arguments(__doc__), seeds=2)
    parser.add_argument("--trials", default="200,400", help="lengths of a session")
    parser.add_argument("--searchers", default="", help="only those whose names contain one of these")
    parser.add_argument("--cache", type=Path, help="file that keeps the peers' results between runs")
    options = parser.parse_args()
    names = [name for name in EVERY if any(part in name for part in options.searchers.split(","))]
    before = earlier(options.json or FILE)
    body = {key: dict(before.get(key, {})) for key in ("TPE", "searchers")}
    for name, trials in product(names, map(int, options.trials.split(","))):
        found = sessions(options, {name: EVERY[name]}, trials)
        if name == TPE:
            body["TPE"][str(trials)] = mean(found, TPE, lambda one: one.regret)
        made = summary(found, name, trials, body["TPE"].get(str(trials)))
        print(f"\n{name}, {trials} trials, {options.seeds} seeds")
        print(table(figures(name, trials, made)), flush=True)
        own = {"seeds": options.seeds, "commit": commit(), **made}
        body["searchers"][name] = {**body["searchers"].get(name, {}), str(trials): own}
        full = random_in_full(options.data, options.only)
        shares = {str(at): [one[at] for one in full.values()] for at in AT}
        body["full spaces"] = {at: {"best": float(np.mean(one)), "worst": min(one)} for at, one in shares.items()}
        save(options.json, body)


if __name__ == "__main__":
    main()
