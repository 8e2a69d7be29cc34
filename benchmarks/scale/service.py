"""The service under load, as a simulation of discrete events (SimPy): queues, staleness, and what both cost in regret.

    python -m benchmarks.scale.service --json benchmarks/results/scale_service.json
    python -m benchmarks.scale.service --quick

One writer of a workspace answers requests one after another; how long one takes is drawn around what
`benchmarks.service.load` measured (log-normal, its p99 over its p50 at one connection). Decisions come as a Poisson
process at a share of what the writer can bear, each with its outcome as a second request after an exponential delay.
Who has waited `PATIENCE` takes the baseline, and reports nothing. The belief is one Normal a cell, known noise, and the
policy is Thompson's, so that a decision knows what was folded when it was answered: staleness is how many outcomes of
its cell were on their way then. Regret is the mean gap to the best arm, over that of the same decisions at a load of a
tenth.
"""

import math
from typing import NamedTuple

import numpy as np
import simpy

from benchmarks.harness.recorded import figure
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.harness.shown import say, shown

LOADS = (0.1, 0.8, 0.95, 1.1)
CONTEXTS, ARMS, NOISE = 50, 8, 0.3
DELAY, PATIENCE = 0.5, 0.1
"""Seconds until an outcome is there, on average; seconds that a client waits."""


class Costs(NamedTuple):
    """Of one request."""

    mean: float
    """Seconds."""
    sigma: float
    """Standard deviation of the logarithm."""


class Seen(NamedTuple):
    """Of one run, a number for every decision."""

    waited: np.ndarray
    stale: np.ndarray
    regret: np.ndarray
    lost: float
    """Share of decisions that took the baseline."""
    longest: int
    """Requests that waited at once, at most."""


def costs() -> Costs:
    """As measured: requests per second of a service under 64 connections, spread of one connection's."""
    spread = math.log(
        figure("service", "SQLite, one connection, p99") / figure("service", "SQLite, one connection, p50")
    )
    return Costs(1 / figure("service", "SQLite, 64 connections"), spread / 2.326)


class Writer:
    """One workspace: its belief, and what is on its way to it."""

    def __init__(self, cost: Costs, seed: int) -> None:
        self.environment = simpy.Environment()
        self.turn, self.cost = simpy.Resource(self.environment, 1), cost
        self.luck, self.jobs = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
        self.truth = np.random.default_rng([seed, 3]).normal(0, 0.3, (CONTEXTS, ARMS)) * (np.arange(ARMS) > 0)
        self.count, self.total = np.zeros((CONTEXTS, ARMS)), np.zeros((CONTEXTS, ARMS))
        self.coming = np.zeros(CONTEXTS, int)
        self.waited, self.stale, self.regret = list[float](), list[int](), list[float]()
        self.lost = self.longest = 0

    def answer(self, request: simpy.resources.resource.Request):  # type: ignore[no-untyped-def]
        yield request
        took = self.cost.mean * math.exp(self.luck.normal(-(self.cost.sigma**2) / 2, self.cost.sigma))
        yield self.environment.timeout(took)

    def decide(self, context: int):  # type: ignore[no-untyped-def]
        began = self.environment.now
        self.longest = max(self.longest, len(self.turn.queue))
        with self.turn.request() as request:
            found = yield request | self.environment.timeout(PATIENCE)
            if request not in found:
                self.lost += 1
                self.regret.append(float(self.truth[context].max()))
                return
            yield from self.answer(request)
            arm = self.chosen(context)
        self.waited.append(self.environment.now - began)
        self.stale.append(int(self.coming[context]))
        self.regret.append(float(self.truth[context].max() - self.truth[context, arm]))
        self.coming[context] += 1
        yield self.environment.timeout(self.luck.exponential(DELAY))
        with self.turn.request() as request:
            yield from self.answer(request)
            self.count[context, arm] += 1
            self.total[context, arm] += self.truth[context, arm] + NOISE * self.luck.normal()
        self.coming[context] -= 1

    def chosen(self, context: int) -> int:
        """Thompson's; the prior has the spread of the truth."""
        precision = 1 / 0.3**2 + self.count[context] / NOISE**2
        draw = self.total[context] / NOISE**2 / precision + self.luck.normal(size=ARMS) / np.sqrt(precision)
        draw[0] = 0.0
        return int(draw.argmax())

    def arrivals(self, decisions: int, rate: float):  # type: ignore[no-untyped-def]
        for context in self.jobs.integers(CONTEXTS, size=decisions).tolist():
            yield self.environment.timeout(self.jobs.exponential(1 / rate))
            self.environment.process(self.decide(context))


def run(load: float, decisions: int, cost: Costs, seed: int) -> Seen:
    """load: of what the writer can bear, two requests a decision."""
    writer = Writer(cost, seed)
    writer.environment.process(writer.arrivals(decisions, load / (2 * cost.mean)))
    writer.environment.run()
    parts = (np.array(part) for part in (writer.waited, writer.stale, writer.regret))
    return Seen(*parts, writer.lost / decisions, writer.longest)


def measured(decisions: int, seeds: int) -> list[Figure]:
    cost, usual, found = costs(), 0.0, list[Figure]()
    for load in LOADS:
        say(f"load {load:.0%}")
        every = [run(load, decisions, cost, seed) for seed in range(seeds)]
        regret = float(np.mean([one.regret.mean() for one in every]))
        usual = usual or regret
        waited = np.concatenate([one.waited for one in every])
        found += [
            Figure(f"load {load:.0%}: wait with answer, p99", float(np.quantile(waited, 0.99)) * 1e3, "ms"),
            Figure(f"load {load:.0%}: longest queue", float(max(one.longest for one in every)), ""),
            Figure(f"load {load:.0%}: outcomes of the cell on their way",
                   float(np.mean([one.stale.mean() for one in every])), ""),
            Figure(f"load {load:.0%}: took the baseline",
                   float(np.mean([one.lost for one in every])), ""),
            Figure(f"load {load:.0%}: regret over that at 10%", regret / usual, ""),
        ]  # fmt: skip
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--decisions", type=int, default=30_000)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="2,000 decisions, one seed")
    options = parser.parse_args()
    if options.quick:
        options.decisions, options.seeds = 2_000, 1
    shown()
    found = measured(options.decisions, options.seeds)
    print(table(found))
    case = {"decisions": options.decisions, "seeds": options.seeds, "delay": DELAY, "patience": PATIENCE}
    save(options.json, {"case": case, "figures": rows(found)})


if __name__ == "__main__":
    main()
