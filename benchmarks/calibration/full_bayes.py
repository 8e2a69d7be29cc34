"""Full Bayes of a store of the demo's size and of 16,000 cells: seconds, R-hat and effective sample sizes.

    python -m benchmarks.calibration.full_bayes --json benchmarks/results/full_bayes.json

`demo`: 4 projects, 6 contexts, 64 arms in 9 families, 2,400 outcomes; arms as unevenly tried as a bandit tries them.
`large`: 100 projects, 20 contexts, 8 arms of a family each, 100,000 outcomes. Everything from statistics to what the
gate judges is counted, compilation included; processor seconds stand beside, as others may use the machine.
"""

import time
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.refit import gate
from poolwise.refit.draws.convergence import mixing
from poolwise.refit.methods import nuts, svi
from poolwise.refit.options import Options

SEED = 7
CASES = {"demo": ((4, 6, 64), 9, 2_400, 60.0), "large": ((100, 20, 8), 8, 100_000, 120.0)}
"""Shape, families, outcomes, and seconds that NUTS may take."""
METHODS = {"nuts": nuts.run, "svi": svi.run}


def problem(name: str) -> RefitData:
    """Drawn from the model: effects of arms and of their families, noise 0.25, one outcome in ten fails."""
    (shape, families, outcomes, _), random = CASES[name], np.random.default_rng(SEED)
    (projects, contexts, arms), family = shape, np.arange(shape[2]) % families
    theta = np.zeros(shape)
    for scale, size in ((0.3, (1, 1)), (0.35, (1, contexts)), (0.15, (projects, 1)), (0.1, shape[:2])):
        theta = theta + scale * random.standard_normal((*size, arms))
        theta = theta + scale * random.standard_normal((*size, families))[..., family] * (families < arms)
    share = random.dirichlet(np.full(arms, 0.3)) if families < arms else np.full(arms, 1 / arms)
    at = (*(random.integers(0, size, outcomes) for size in shape[:2]), random.choice(arms, outcomes, p=share))
    ok = random.uniform(size=outcomes) < 0.9
    y = theta[at] + 0.25 * random.standard_normal(outcomes)
    stats = SufficientStatistics.of(*(index[ok] for index in at), y[ok], shape=shape)
    names = [tuple(f"{kind}{i}" for i in range(size)) for kind, size in zip("pca", shape, strict=True)]
    return RefitData(
        *names,
        families=tuple(f"f{one}" for one in family),
        stats=stats,
        tried=SufficientStatistics.of(*at, y, shape=shape).count,
        succeeded=stats.count,
        hyperparameters=init_hyperparameters(family, np.full((arms, 2), 1.0)),
        prior=HYPERPRIOR,
        padded_shape=shape[:2],
        outcomes=outcomes,
        baseline="a0",
        limit=5.0,
    )


def judged(case: str, method: str, workers: int) -> tuple[list[Figure], dict[str, Any]]:
    """One refit."""
    asked, options = problem(case), Options(workers=workers)
    began, cpu = time.perf_counter(), time.process_time()
    found = METHODS[method](asked, options)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    wrong = gate.verdict(gate.checks(asked, found, options.limits))
    what, target = f"{case}, {method}", CASES[case][3] if method == "nuts" else 30.0
    made = [Figure(f"{what}: seconds", wall, "s", target), Figure(f"{what}: processor seconds", cpu, "s")]
    if method == "nuts":
        mixed = [mixing(values.reshape(*values.shape[:2], -1)) for values in found.chains.values()]
        made.append(Figure(f"{what}: largest R-hat", max(float(np.nanmax(one.r_hat)) for one in mixed), "", 1.01))
        for kind in ("bulk", "tail"):
            least = min(float(np.nanmin(getattr(one, kind))) for one in mixed)
            made.append(Figure(f"{what}: smallest {kind} ESS", least, "draws", 400, at_least=True))
    return made, {"gate": wrong or "passed", **found.notes}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that work on chains; their time is not beside"
    )
    asked = parser.parse_args()
    figures, about = [], {}
    for case in asked.cases:
        for method in asked.methods:
            found, about[f"{case}, {method}"] = judged(case, method, asked.workers)
            print(table(found), about[f"{case}, {method}"]["gate"], sep="\n", flush=True)
            figures += found
    body = {"seed": SEED, "figures": rows(figures), "about": about}
    save(asked.json, body)


if __name__ == "__main__":
    main()
