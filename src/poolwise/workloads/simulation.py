"""A simulated workload: what a strategy does in a context is a row of a table, so that regret is known exactly.

    speed-up = failure_speedup                            with probability 1 - reliability,
               max(floor, Normal(mean, sd^2)) otherwise;  a job's baseline takes Uniform(low, high) seconds

A job is its own luck: the same job with the same strategy always comes out the same.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from poolwise.errors import ConfigError
from poolwise.space import ArmSpace, Family
from poolwise.workloads.base import Job, Measurement
from poolwise.workloads.strategies import frequencies, interval, positive, read


class Simulation:
    """See `workloads.base.Workload`; one project, arms in the order of the table.

    Args:
        strategies: context -> strategy -> {mean, sd, reliability}; every context has the same strategies.
        context_frequency: context -> how often it comes, in any unit.
        baseline: the strategy that would be used without us.
        failure_speedup: what a failed job is counted as.
        floor: smallest speed-up of a job that did not fail.
        baseline_seconds: [low, high], or context -> [low, high] where contexts differ in what a job is worth.
        seed: of the jobs' luck.
        arms: refused; the table names them.

    Raises ConfigError for a table that cannot be meant.

    >>> table = {"easy": {"plain": {"mean": 1.0, "sd": 0.1, "reliability": 1.0}}}
    >>> made = Simulation(table, {"easy": 1.0}, "plain")
    >>> made.measure(next(made.jobs(0)), "plain", {}).status
    'ok'
    """

    def __init__(
        self,
        strategies: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
        context_frequency: Mapping[str, float] | None = None,
        baseline: str | None = None,
        *,
        failure_speedup: float = 0.8,
        floor: float = 0.3,
        baseline_seconds: Sequence[float] | Mapping[str, Sequence[float]] = (0.5, 3.0),
        project: str = "simulation",
        seed: int = 0,
        arms: ArmSpace | None = None,
    ) -> None:
        if arms is not None:
            raise ConfigError("the simulation takes its arms from [workload.strategies]: remove [space]")
        self.table = read(strategies)
        self.frequency = frequencies(context_frequency, self.table)
        self.contexts, self.projects = tuple(self.table), (project,)
        names = list(next(iter(self.table.values())))
        if baseline not in names:
            raise ConfigError(f"baseline {baseline!r} in [workload] is no strategy: there are {', '.join(names)}")
        self.space = ArmSpace([Family(name) for name in names], baseline)
        self.failure_speedup = positive("failure_speedup", failure_speedup)
        self.floor, self.seed = positive("floor", floor), seed
        self.seconds = {context: interval(context, baseline_seconds) for context in self.contexts}

    def jobs(self, seed: int, projects: Sequence[str] | None = None) -> Iterator[Job]:
        """Contexts by their frequency, no job twice."""
        rng, number = Random(f"jobs/{seed}"), 0
        while True:
            context = rng.choices(list(self.frequency), list(self.frequency.values()))[0]
            yield Job(self.projects[0], context, f"{context}-{seed}-{number:04d}")
            number += 1

    def prepare(self, job: Job) -> None:
        """Nothing to prepare."""

    def measure(self, job: Job, family: str, params: dict[str, Any]) -> Measurement:
        """Seconds with this strategy; a failure costs what `failure_speedup` says, its reason in `detail`."""
        strategy, luck = self.table[job.context][family], Random(f"{self.seed}/{job.name}/{family}")
        seconds = Random(f"{self.seed}/{job.name}").uniform(*self.seconds[job.context])
        failed = luck.random() >= strategy.reliability
        speed = self.failure_speedup if failed else max(self.floor, luck.gauss(strategy.mean, strategy.sd))
        cost = seconds / speed
        detail = f"{family} failed in {job.context}" if failed else ""
        return Measurement("failed" if failed else "ok", cost, seconds, cost, seconds, detail)

    def expected(self, context: str, strategy: str) -> float:
        """Mean speed-up of a strategy in a context, failures included."""
        row = self.table[context][strategy]
        return row.reliability * floored_mean(row.mean, row.sd, self.floor) + (1 - row.reliability) * (
            self.failure_speedup
        )

    def close(self) -> None:
        """Nothing to close."""


def floored_mean(mean: float, sd: float, floor: float) -> float:
    """E[max(floor, Normal(mean, sd^2))] = floor + (mean - floor) Phi(z) + sd phi(z), z = (mean - floor) / sd."""
    if sd == 0:
        return max(floor, mean)
    z = (mean - floor) / sd
    chance, density = 0.5 * math.erfc(-z / math.sqrt(2)), math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return floor + (mean - floor) * chance + sd * density
