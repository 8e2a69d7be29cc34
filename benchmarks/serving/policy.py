"""Policies: accuracy of P(arm is best) over 1,000 random cases, and the time of one decision's probabilities.

    python -m benchmarks.serving.policy --json benchmarks/results/policy.json

The reference is fine quadrature (`tests/policy/oracle.py`). Times are medians and minima over repeated batches of
calls in NumPy, nothing cached between calls, in processor time on one core.
"""

import time
import timeit

import numpy as np

from benchmarks.harness.result import arguments, save
from poolwise import policy as policies
from tests.policy import oracle
from tests.policy.views import view

SPECS = (
    "floored(safe(covered(curious(thompson))))",
    "thompson",
    "greedy",
    "ucb",
    "epsilon_greedy",
    "safe(thompson)",
    "macro_micro(thompson)",
    "knowledge_gradient",
    "farsighted(macro_micro(thompson))",
)


def accuracy(cases: int) -> dict[str, float]:
    """Largest errors over the oracle's hard cases with 2 to 2,000 arms."""
    worst, sums, bad, errors = 0.0, 0.0, 0, []
    for seed in range(cases):
        mean, scale = oracle.case(seed)
        found = policies.best_probability(mean, scale)
        error = float(np.abs(found - oracle.best_probability(mean, scale)).max())
        errors.append(error)
        worst, sums = max(worst, error), max(sums, abs(float(found.sum()) - 1))
        bad += int(np.isnan(found).any())
    return {"cases": cases, "largest_error": worst, "median_error": float(np.median(errors)), "sum": sums, "nan": bad}


def seconds(call, number: int) -> dict[str, float]:
    """Median and minimum time of one call, in microseconds."""
    times = np.array(timeit.repeat(call, timer=time.process_time, number=number, repeat=15)) / number * 1e6
    return {"median_us": float(np.median(times)), "minimum_us": float(times.min())}


def case(arms: int):
    """A usual view: prior-like scales, families of about eight arms."""
    draws = np.random.default_rng(arms)
    mean, scale = draws.normal(scale=0.3, size=arms), draws.uniform(0.05, 0.35, size=arms)
    return view(mean, scale, family=np.arange(arms) * max(arms // 8, 2) // arms)


def timings() -> list[dict]:
    """One row per (number of arms, policy)."""
    rows = []
    for arms in (8, 64, 80, 2_000):
        seen = case(arms)
        number = 500 if arms <= 80 else 10
        best = seconds(lambda seen=seen: policies.best_probability(seen.mean, seen.scale), number)
        rows.append({"arms": arms, "what": "best_probability", **best})
        for spec in SPECS:
            chosen = policies.parse(spec)
            call = lambda chosen=chosen, seen=seen: chosen.probabilities(chosen.params, seen)
            rows.append({"arms": arms, "what": spec, **seconds(call, number)})
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cases", type=int, default=1_000)
    options = parser.parse_args()
    result = {"accuracy": accuracy(options.cases), "timings": timings()}
    print("accuracy:", ", ".join(f"{key} {value:.3g}" for key, value in result["accuracy"].items()))
    for row in result["timings"]:
        print(f"{row['arms']:>6} arms  {row['what']:<60} {row['median_us']:>9.1f} us  (min {row['minimum_us']:.1f})")
    save(options.json, result)


if __name__ == "__main__":
    main()
