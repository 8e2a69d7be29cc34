"""What the next site gains from a hub that combines the private packs of many, and what sites that lie cost it.

    python -m benchmarks.scale.hub --json benchmarks/results/scale_hub.json
    python -m benchmarks.scale.hub --quick

Sites differ: every mean of the simulated prover's table moves by Normal(0, 0.15) from site to site, and by as much from
project to project. A project tries arms at random for `--outcomes` outcomes; a site exports one private pack at the
default settings, from the same sums as `poolwise prior export --private`. The hub combines them (`meta.hub`). A new
site, its project served from nothing, from the hub's pack, and from one made with a tenth of the sites poisoned, who
send the negative of what they found with a hundred times its precision. Regret of its first `--decisions` decisions in
each context, in speed-up units, against each context's best arm.
"""

import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.harness.shown import say, shown
from benchmarks.simulation.prover import SHIPPED
from benchmarks.simulation.world import read
from benchmarks.transfer.packs import World
from poolwise import Engine, compute
from poolwise.meta import hub, privacy
from poolwise.meta.packs import Pack
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.workloads.simulation import floored_mean

DEVIATION, POISONED = 0.15, 0.1
BLOCK = 10
"""Sites of a task."""
KINDS = ("nothing", "hub", "hub, a tenth poisoned")


class Case(NamedTuple):
    """Sizes."""

    projects: int
    outcomes: int
    decisions: int
    workload: Path


def means(world: World, seed: int) -> np.ndarray:
    """[context, arm] of a site."""
    shape = world.problem.mean.shape
    return world.problem.mean + np.random.default_rng([seed, 83]).normal(0, DEVIATION, shape)


def exported(case: Case, seed: int) -> Pack:
    """The private pack of one site."""
    problem = read(case.workload)
    world, random = World(problem, DEVIATION, seed), np.random.default_rng([seed, 89])
    settings, shape = world.settings, problem.mean.shape
    own = means(world, seed) + random.normal(0, DEVIATION, (case.projects, *shape))
    total = case.projects * case.outcomes
    project = np.repeat(np.arange(case.projects), case.outcomes)
    context, arm = random.choice(shape[0], total, p=problem.frequency), random.integers(shape[1], size=total)
    at = context, arm
    speed = np.maximum(problem.floor, own[project, *at] + problem.sd[at] * random.standard_normal(total))
    ok = random.random(total) < problem.reliability[at]
    utility = np.log(np.where(ok, speed, problem.failed))
    families = np.arange(shape[1])
    public = init_hyperparameters(families, settings.success_prior(problem.arms))
    told = privacy.contributions((project, context, arm, utility, ok), (case.projects, *shape), public,
                                 settings.failure_utility, 1.0)  # fmt: skip
    found, number = privacy.shared(privacy.add_noise(told, privacy.MU, random), told, 3)
    return Pack(f"site {seed}", tuple(problem.contexts), tuple(problem.arms), tuple(problem.arms),
                problem.arms[problem.baseline], *found, True, {}, (), (int(number), 0), 3,
                {"with_earlier_packs": {"mu": privacy.MU}}, None)  # fmt: skip


def exported_block(case: Case, seeds: range) -> list[Pack]:
    return [exported(case, seed) for seed in seeds]


def poisoned(pack: Pack) -> Pack:
    return pack._replace(mean=-pack.mean, precision=100 * pack.precision)


def served(case: Case, packs: list[Pack | None], seed: int) -> list[float]:
    """Regret of a new site's project, from each of the packs."""
    world = World(read(case.workload), DEVIATION, seed)
    site = means(world, seed) + np.random.default_rng([seed, 97]).normal(0, DEVIATION, world.problem.mean.shape)
    return [played(world, world.engine(seed), pack, site, case, seed) for pack in packs]


def played(world: World, engine: Engine, pack: Pack | None, mean: np.ndarray, case: Case, seed: int) -> float:
    """Every context has as many decisions, in random order."""
    if pack is not None:
        engine.priors.adopt([pack])
    problem, random = world.problem, np.random.default_rng([seed, 101])
    value = np.vectorize(floored_mean)(mean, problem.sd, problem.floor)
    value = problem.reliability * value + (1 - problem.reliability) * problem.failed
    lost = 0.0
    for c in random.permutation(np.repeat(np.arange(len(problem.contexts)), case.decisions)).tolist():
        decision = engine.decide("new", problem.contexts[c])
        a, fine, score = problem.arms.index(decision.family), random.random(), random.standard_normal()
        ok = fine < problem.reliability[c, a]
        speed = max(problem.floor, mean[c, a] + problem.sd[c, a] * score) if ok else problem.failed
        engine.observe(decision.id, cost=1 / speed, baseline_cost=1.0, status="ok" if ok else "failed")
        lost += float(value[c].max() - value[c, a])
    return lost


def measured(case: Case, sites: int, new: int, workers: int) -> list[Figure]:
    progress = shown()
    with compute.opened(os.environ.get("POOLWISE_EXECUTOR", "local"), workers) as pool:
        blocks = [range(first, min(first + BLOCK, sites)) for first in range(0, sites, BLOCK)]
        made = compute.mapped(pool, partial(exported_block, case), blocks, progress=progress, part="sites, in tens")
        packs = [pack for block in made for pack in block]
        say("combined")
        honest = hub.combine(packs, "all")
        liars = round(POISONED * sites)
        bad = hub.combine([poisoned(pack) for pack in packs[:liars]] + packs[liars:], "poisoned")
        play = partial(served, case, [None, honest.pack, bad.pack])
        places = range(10**6, 10**6 + new)
        lost = np.array(compute.mapped(pool, play, places, progress=progress, part="new sites"))
    ratio = lost.mean(0) / lost[:, 0].mean()
    apart = lost[:, 1:] - ratio[1:] * lost[:, :1]
    error = apart.std(0, ddof=1) / new**0.5 / lost[:, 0].mean()
    return [
        Figure(f"regret of site {sites + 1}, hub's pack over nothing", float(ratio[1]), "", 0.7),
        Figure("the same, a tenth of the sites poisoned", float(ratio[2]), "", 0.85),
        *(Figure(f"standard error, {kind}", float(one), "") for kind, one in zip(KINDS[1:], error, strict=True)),
        Figure("weight of the poisoned tenth", float(bad.weights[:liars].sum()), ""),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument("--projects", type=int, default=100)
    parser.add_argument("--outcomes", type=int, default=80, help="of each project of a site")
    parser.add_argument("--decisions", type=int, default=100, help="of the new site, in each context")
    parser.add_argument("--new", type=int, default=64, help="new sites")
    parser.add_argument("--workload", type=Path, default=SHIPPED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="30 sites of 20 projects, 4 new ones")
    options = parser.parse_args()
    if options.quick:
        options.sites, options.projects, options.new = 30, 20, 4
    case = Case(options.projects, options.outcomes, options.decisions, options.workload)
    found = measured(case, options.sites, options.new, options.workers)
    print(table(found))
    about = {"sites": options.sites, "new": options.new, **case._replace(workload=Path(case.workload.name))._asdict()}
    save(options.json, {"case": {**about, "workload": case.workload.name}, "figures": rows(found)})


if __name__ == "__main__":
    main()
