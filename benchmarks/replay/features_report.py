"""What runs with features come to: ratios of regret over scenarios, the best peer in hindsight, shares of the gap."""

from typing import Any

import numpy as np

from benchmarks.harness.result import Figure
from benchmarks.replay.features_run import MEASURES, POOLWISE

Learner = tuple[str, str]
Runs = dict[str, dict[Learner, dict[int, dict[str, Any]]]]
WITH, WITHOUT = (POOLWISE, "with"), (POOLWISE, "without")
GAPS = {"BNSL-2016": 0.70, "ASP-POTASSCO": 0.50, "SAT11-HAND": 0.20, "SAT12-INDU": 0.10}
"""Aims of the share of PAR10's gap that is closed in the last third."""
PARTS = {"all": 0.90, "last third": 0.82, "first hundred": 1.0}
"""Aims of regret with features over that without."""


def seeds_of(runs: Runs, learner: Learner) -> list[int]:
    """Seeds that the learner finished on every scenario."""
    done = [set(one[learner]) for one in runs.values() if learner in one]
    return sorted(set.intersection(*done)) if len(done) == len(runs) and done else []


def regret(runs: Runs, learner: Learner, measure: str) -> np.ndarray:
    """(scenarios, seeds)"""
    place, seeds = MEASURES.index(measure), seeds_of(runs, learner)
    return np.array([[one[learner][seed]["measures"][place] for seed in seeds] for one in runs.values()])


def ratio(above: np.ndarray, below: np.ndarray) -> tuple[float, float, float]:
    """Geometric mean over scenarios of ratios of means over seeds; its standard error by paired seeds; the worst."""
    single = above.mean(axis=1) / below.mean(axis=1)
    error = float("nan")
    if above.shape == below.shape and (seeds := above.shape[1]) > 1:
        change = above / above.mean(axis=1, keepdims=True) - below / below.mean(axis=1, keepdims=True)
        error = float(np.exp(np.log(single).mean()) * change.mean(axis=0).std(ddof=1) / np.sqrt(seeds))
    return float(np.exp(np.log(single).mean())), error, float(single.max())


def peers(runs: Runs) -> list[Learner]:
    """Those that finished."""
    found = next(iter(runs.values()))
    return [one for one in found if one[0] != POOLWISE and seeds_of(runs, one)]


def figures(runs: Runs) -> list[Figure]:
    """What was finished, beside its aims."""
    compared = [made for make in (against_without, against_peers, noise, gaps) for made in make(runs)]
    return [one for one in compared if np.isfinite(one.value)]


def against_without(runs: Runs) -> list[Figure]:
    if not (seeds_of(runs, WITH) and seeds_of(runs, WITHOUT)):
        return []
    made = []
    for part, aim in PARTS.items():
        mean, error, worst = ratio(regret(runs, WITH, part), regret(runs, WITHOUT, part))
        made.append(Figure(f"regret with features over without, {part}", mean, "", aim))
        made.append(Figure(f"  its standard error, {part}", error, ""))
        made.append(Figure(f"  worst scenario, {part}", worst, "", 1.05 if part == "all" else None))
    return made


def against_peers(runs: Runs) -> list[Figure]:
    """Per scenario the best peer in hindsight, and the one that is best over all scenarios."""
    others = peers(runs)
    if not others:
        return []
    made = []
    for part in ("all", "last third"):
        table = np.stack([regret(runs, one, part).mean(axis=1) for one in others])
        best, single = table.min(axis=0), int(np.log(table).mean(axis=1).argmin())
        for own, aims in ((WITH, (0.90, 0.80)), (WITHOUT, (None, None))):
            if not seeds_of(runs, own):
                continue
            mine, name = regret(runs, own, part), " ".join(others[single])
            hindsight, alone = mine.mean(axis=1) / best, ratio(mine, regret(runs, others[single], part))
            head = f"{own[1]} features over the"
            mean = float(np.exp(np.log(hindsight).mean()))
            made.append(Figure(f"{head} best peer per scenario in hindsight, {part}", mean, "", aims[0]))
            made.append(Figure("  worst scenario", float(hindsight.max()), "", 1.15 if aims[0] else None))
            made.append(Figure(f"{head} best single peer ({name}), {part}", alone[0], "", aims[1]))
    return made


def noise(runs: Runs) -> list[Figure]:
    pairs: list[tuple[str, Learner, Learner]] = [
        ("20 columns of noise added, over the features alone", (POOLWISE, "noise added"), WITH),
        ("nothing but 20 columns of noise, over without", (POOLWISE, "only noise"), WITHOUT),
    ]
    made = []
    for what, above, below in pairs:
        if seeds_of(runs, above) and seeds_of(runs, below):
            mean, error, worst = ratio(regret(runs, above, "all"), regret(runs, below, "all"))
            made += [Figure(what, mean, "", 1.03), Figure("  its standard error", error, "")]
            made.append(Figure("  worst scenario", worst, "", 1.08))
    return made


def gaps(runs: Runs) -> list[Figure]:
    if not seeds_of(runs, WITH):
        return []
    mean = dict(zip(runs, regret(runs, WITH, "gap, last third").mean(axis=1), strict=True))
    return [
        Figure(f"PAR10's gap closed in the last third, {name}", float(mean[f"aslib/{name}"]), "", aim, at_least=True)
        for name, aim in GAPS.items()
        if f"aslib/{name}" in mean
    ]


def kept(runs: Runs) -> dict[str, Any]:
    """What is written: of every scenario MEASURES of Poolwise and of its best peer in hindsight; of every peer the
    geometric mean over scenarios of regret, by PARTS. Means over seeds, three digits."""
    others = peers(runs)
    own = [one for one in next(iter(runs.values())) if one[0] == POOLWISE and seeds_of(runs, one)]
    sets: dict[str, Any] = {}
    for name, one in runs.items():
        mean = {
            learner: np.mean([run["measures"] for run in one[learner].values()], axis=0) for learner in own + others
        }
        best = sorted(others, key=lambda learner: mean[learner][0])[:1]
        sets[name.removeprefix("aslib/")] = {" ".join(learner): digits(mean[learner]) for learner in own + best}
    means = {
        " ".join(one): digits([float(np.exp(np.log(regret(runs, one, part).mean(axis=1)).mean())) for part in PARTS])
        for one in others
    }
    return {"sets": sets, "peers": means}


def digits(values: Any) -> list[float]:
    return [float(f"{value:.3g}") for value in values]


def print_sets(runs: Runs) -> None:
    """Regret per scenario, and seconds a seed over all of them."""
    names = [name.removeprefix("aslib/")[:8] for name in runs]
    print(f"{'regret per job':28}{'mean':>8}" + "".join(f"{name:>9}" for name in names) + f"{'s/seed':>8}")
    for learner in next(iter(runs.values())):
        if not seeds_of(runs, learner):
            continue
        found = regret(runs, learner, "all").mean(axis=1)
        seconds = sum(np.mean([one["seconds"] for one in all_of[learner].values()]) for all_of in runs.values())
        cells = "".join(f"{value:9.4f}" for value in found)
        print(f"{' '.join(learner):28}{np.exp(np.log(found).mean()):8.4f}{cells}{seconds:8.1f}")
