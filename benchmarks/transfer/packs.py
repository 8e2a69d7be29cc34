"""Prior packs: what a new project gains from one, and what one gives away about a single project.

    python -m benchmarks.transfer.packs --populations 24 --json benchmarks/results/packs.json

A population: the simulated prover's table, 20 projects that each add Normal(0, d) to every mean, one after another,
100 compilations each, in one store. Its packs, one plain and one private at the default settings, then serve new
projects of the same population in stores of their own; regret in speed-up units against each context's best strategy,
over 100 compilations.

Membership: an attacker who holds all other 19 projects and the 20th, and sees the noisy sums that the private pack is
computed from (more than the pack itself), decides by the likelihood ratio whether the 20th took part. It did, or it was
left out, or another project stood in its place, with equal chances. Accuracy over all projects of all populations. The
same attacker on plain packs compares the pack with those of both worlds.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.simulation.prover import SHIPPED
from benchmarks.simulation.world import Problem, read
from poolwise import ArmSpace, Engine, Family
from poolwise.engine import Settings
from poolwise.engine.estimation.priors import given
from poolwise.engine.indexing.name_index import NameIndex
from poolwise.meta import privacy
from poolwise.meta.hyperposterior import pooled
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.workloads.simulation import floored_mean

PROJECTS, ROUNDS, NEW = 20, 100, 3
DRAWS = 100
"""Noises per project and world."""


class World:
    """One population: its table, and engines that play its projects."""

    def __init__(self, problem: Problem, deviation: float, seed: int) -> None:
        self.problem, self.deviation = problem, deviation
        self.rng = np.random.default_rng([seed, 61])
        self.space = ArmSpace([Family(arm) for arm in problem.arms], problem.arms[problem.baseline])
        self.settings = Settings(failure_utility=math.log(problem.failed), log_views=False, estimate="inline")

    def engine(self, seed: int) -> Engine:
        return Engine.open("memory://", self.space, settings=self.settings, seed=seed)

    def project(self) -> np.ndarray:
        """Means [context, arm] of a new project."""
        return self.problem.mean + self.rng.normal(0, self.deviation, self.problem.mean.shape)

    def play(self, engine: Engine, name: str, mean: np.ndarray, luck: int) -> float:
        """Total regret of one project's compilations."""
        problem, rng = self.problem, np.random.default_rng([luck, 67])
        value = np.vectorize(floored_mean)(mean, problem.sd, problem.floor)
        value = problem.reliability * value + (1 - problem.reliability) * problem.failed
        lost = 0.0
        for _ in range(ROUNDS):
            c = int(rng.choice(len(problem.contexts), p=problem.frequency))
            chance, score = rng.random(), rng.standard_normal()
            decision = engine.decide(name, problem.contexts[c])
            a = problem.arms.index(decision.family)
            fine = chance < problem.reliability[c, a]
            speed = max(problem.floor, mean[c, a] + problem.sd[c, a] * score) if fine else problem.failed
            engine.observe(decision.id, cost=1 / speed, baseline_cost=1.0, status="ok" if fine else "failed")
            lost += float(value[c].max() - value[c, a])
        return lost


def population(task: tuple[Problem, float, int]) -> dict[str, Any]:
    """Regrets of new projects, and answers of the attacker, in one population."""
    problem, deviation, seed = task
    world = World(problem, deviation, seed)
    source = world.engine(seed)
    for p in range(PROJECTS):
        world.play(source, f"project-{p}", world.project(), 1000 * seed + p)
    packs = {
        "nothing": None,
        "private pack": source.priors.exported_privately("private", seed=seed),
        "plain pack": source.priors.exported("plain"),
    }
    found: dict[str, Any] = {name: [] for name in (*packs, "the store itself")}
    for k in range(NEW):
        mean, luck = world.project(), 1000 * seed + 500 + k
        for name, pack in packs.items():
            engine = world.engine(seed)
            if pack is not None:
                engine.priors.adopt([pack])
            found[name].append(world.play(engine, "new", mean, luck))
        if k == 0:
            found["the store itself"].append(world.play(source, "new", mean, luck))
    return {"regret": found, **attacks(world, source, seed)}


def attacks(world: World, source: Engine, seed: int) -> dict[str, list[bool]]:
    """Whether the attacker was right, once for every project, world and noise."""
    told = given(source.store, NameIndex(source.store, world.space), world.settings, 1.0)
    rng, right = np.random.default_rng([seed, 71]), {"left out": [], "another instead": [], "plain": []}
    for p in range(PROJECTS):
        mine = (told.counts[p], told.values[p])
        others = [told.counts.sum(0) - mine[0], told.values.sum(0) - mine[1]]
        for _ in range(DRAWS):
            other = (p + 1 + int(rng.integers(PROJECTS - 1))) % PROJECTS  # one of the others serves as a stranger
            stranger = (told.counts[other], told.values[other])
            for name, absent in (("left out", (0.0, 0.0)), ("another instead", stranger)):
                for present in (True, False):
                    sums = [total + part for total, part in zip(others, mine if present else absent, strict=True)]
                    seen = privacy.add_noise(_as_sums(told, sums), privacy.MU, rng)
                    right[name].append(bool(_evidence(seen, others, mine) > 0) == present)
        right["plain"] += _plain(source, p)
    return right


def _as_sums(told: privacy.Contributions, sums: list[np.ndarray]) -> privacy.Contributions:
    return told._replace(counts=sums[0][None], values=sums[1][None])


def _evidence(seen: privacy.NoisySums, others: list[np.ndarray], mine: tuple[np.ndarray, ...]) -> float:
    """Log likelihood ratio of the 20th having taken part against it having been left out."""
    parts = zip((seen.counts, seen.values), others, mine, seen.scales, strict=True)
    return sum(float(((sums - rest - own / 2) * own).sum()) / scale**2 for sums, rest, own, scale in parts)


def _plain(source: Engine, p: int) -> list[bool]:
    """The pack with and without a project, told apart by which of the two it equals."""
    posterior = source.serving.belief.posterior
    stats, tally = posterior.statistics(), posterior.counts()
    keep = np.arange(len(stats.count)) != p
    without = SufficientStatistics(*(part[keep] for part in stats))
    there = pooled(stats, posterior.hyperparameters, *tally, 3, None)
    gone = pooled(without, posterior.hyperparameters, *(part[keep] for part in tally), 3, None)
    return [bool(np.abs(there.mean - gone.mean).max() > 1e-9)] * 2


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--populations", type=int, default=24)
    parser.add_argument("--deviation", type=float, default=0.15)
    parser.add_argument("--workload", type=Path, default=SHIPPED)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    problem = read(options.workload)
    tasks = [Work(population, (problem, options.deviation, seed), None) for seed in range(options.populations)]
    made = [result for _, result in computed(tasks, options.workers)]
    regret = {name: np.concatenate([one["regret"][name] for one in made]) for name in made[0]["regret"]}
    right = {name: np.concatenate([one[name] for one in made]) for name in ("left out", "another instead", "plain")}
    shown = [
        Figure("attacker right: the 20th took part, or was left out", float(right["left out"].mean()), "", 0.6),
        Figure("the same, or another in its place", float(right["another instead"].mean()), "", 0.6),
        Figure("the same with a plain pack", float(right["plain"].mean()), ""),
        Figure("bound of any attacker, Phi(mu / 2)", float(ndtr(privacy.MU / 2)), ""),
        *(
            Figure(f"regret of a new project, from {name}", float(values.mean()), "", None)
            for name, values in regret.items()
        ),
        Figure("from a private pack, over that from nothing", _ratio(regret, "private pack"), ""),
        Figure("from a plain pack, over that from nothing", _ratio(regret, "plain pack"), ""),
    ]
    print(table(shown))
    errors = {name: float(values.std() / len(values) ** 0.5) for name, values in regret.items()}
    case = {
        "populations": options.populations,
        "deviation": options.deviation,
        "projects": PROJECTS,
        "mu": privacy.MU,
        "epsilon": privacy.epsilon(privacy.MU),
        "guesses": len(right["left out"]),
    }
    body = {"case": case, "standard errors": errors}
    save(options.json, {**body, "figures": rows(shown)})


def _ratio(regret: dict[str, np.ndarray], name: str) -> float:
    return float(regret[name].mean() / regret["nothing"].mean())


if __name__ == "__main__":
    main()
