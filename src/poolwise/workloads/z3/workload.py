"""Z3 as a workload: goals of four projects, decided by the real solver, every arm measured against Z3's default.

Effort is what is optimised: seconds = start + rate * Z3's resource count, which repeats exactly. `start` and `rate` are
calibrated for every family on each shape of goals, since counts of different engines are not comparable. Wall time is
measured beside it.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from poolwise.errors import InputError, WorkloadError
from poolwise.schema import Status
from poolwise.space import ArmSpace, arm_id
from poolwise.workloads.base import Job, Measurement
from poolwise.workloads.z3.arms import recipe, space
from poolwise.workloads.z3.projects import CONTEXTS, PROJECTS, goal
from poolwise.workloads.z3.script import Goal
from poolwise.workloads.z3.solver import Answer, Solver

log = logging.getLogger(__name__)

DECIDED = ("sat", "unsat")
Rates = Mapping[str, Mapping[str, tuple[float, float]]]
"""By family and shape of the goal: seconds to start, seconds per count."""


class Limits(NamedTuple):
    """What one solve may use."""

    multiple: float = 4.0
    """Effort, in multiples of the baseline's on the same goal."""
    floor: float = 0.05
    """Effort in seconds that every solve may use."""
    baseline: float = 1.0
    """Effort in seconds that the baseline may use."""
    wall_factor: float = 3.0
    """Wall time in multiples of the effort limit, after which the worker is asked to stop, and then ended."""
    memory_mb: int = 1024


class Solved(NamedTuple):
    """One solve, with its resource count made effort."""

    status: Status
    effort: float
    """Seconds; the limit itself where it ran out."""
    answer: Answer


class Z3Workload:
    """See `workloads.base.Workload`. Close it when done, or use a `with` statement.

    Two worker processes: one for the arms, one (started by `prepare`) that solves the defaults of coming goals.

    `seed` names the pool of goals, `goals` is how many each (project, context) has. A verdict that contradicts the
    baseline's is a failure: it is logged as an error, counted in `contradictions`, and its goal is kept in the folder
    `keep` as SMT-LIB text. Raises WorkloadError where Z3 is missing or refuses an arm.
    """

    def __init__(
        self,
        seed: int = 0,
        goals: int = 48,
        limits: Limits | None = None,
        keep: str | Path = "contradictions",
        arms: ArmSpace | None = None,
        rates: Rates | None = None,
    ) -> None:
        self.space, self.projects, self.contexts = arms or space(), tuple(PROJECTS), CONTEXTS
        self.seed, self.goals, self.limits = seed, goals, limits or Limits()
        self.keep, self.contradictions = Path(keep), 0
        self.rates = rates or calibrated_rates()
        self.solver, self._scout = Solver(self.limits.memory_mb), Solver(self.limits.memory_mb)
        self._background, self._coming = ThreadPoolExecutor(1), dict[Job, Future[Solved]]()
        self._baseline: dict[Job, Solved] = {}
        self._refuse_unknown_parameters()

    def jobs(self, seed: int, projects: Sequence[str] | None = None) -> Iterator[Job]:
        """Projects take turns at random, contexts come by their weights, goals repeat only when all have been used."""
        chosen = tuple(projects or self.projects)
        if unknown := set(chosen) - set(self.projects):
            raise InputError(f"unknown project {sorted(unknown)[0]!r}: this workload has {sorted(self.projects)}")
        rng, visits = Random(f"jobs/{seed}"), Counter[tuple[str, str]]()
        while True:
            project = rng.choice(chosen)
            weights = PROJECTS[project].weights
            context = rng.choices(list(weights), list(weights.values()))[0]
            number = visits[project, context] % self.goals
            visits[project, context] += 1
            yield self.job(project, context, number)

    def job(self, project: str, context: str, number: int) -> Job:
        return Job(project, context, f"{context}-{number:03d}")

    def goal(self, job: Job) -> Goal:
        return goal(job.project, job.context, int(job.name.rpartition("-")[2]), self.seed)

    def prepare(self, job: Job) -> None:
        """Solve the default on this goal in the second worker, so that `measure` finds it done."""
        if job not in self._baseline and job not in self._coming:
            self._coming[job] = self._background.submit(self._default, job, self._scout)

    def measure(self, job: Job, family: str, params: dict[str, Any]) -> Measurement:
        """Decide the goal with this arm and, once per goal, with the default."""
        return self.compare(job, arm_id(family, params), self.solve(job, family, params), self.baseline(job))

    def solve(self, job: Job, family: str, params: dict[str, Any]) -> Solved:
        """The arm's own run, within limits set by the baseline's effort."""
        base = self.baseline(job)
        if arm_id(family, params) == self.space.baseline:
            return base
        limit = max(self.limits.multiple * base.effort, self.limits.floor)
        return self._run(self.solver, job, family, params, limit)

    def compare(self, job: Job, arm: str, run: Solved, base: Solved) -> Measurement:
        """What the caller paid: where the arm gave no verdict, the default's run comes on top."""
        status, detail = run.status, ""
        if {run.answer.verdict, base.answer.verdict} == set(DECIDED):
            status, detail = "failed", self._contradiction(job, arm, run, base)
        elif status != "ok":
            detail = f"{arm}: {run.answer.verdict}: {run.answer.reason}"
        again = status != "ok" and run is not base
        return Measurement(
            status,
            cost=run.effort + base.effort * again,
            baseline_cost=base.effort,
            wall=run.answer.wall + base.answer.wall * again,
            baseline_wall=base.answer.wall,
            detail=detail,
        )

    def baseline(self, job: Job) -> Solved:
        """Z3's default on this goal; solved once, since its effort repeats exactly."""
        if job not in self._baseline:
            coming = self._coming.pop(job, None)
            self._baseline[job] = coming.result() if coming else self._default(job, self.solver)
        return self._baseline[job]

    def close(self) -> None:
        self._background.shutdown(cancel_futures=True)
        self.solver.close()
        self._scout.close()

    def __enter__(self) -> "Z3Workload":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _default(self, job: Job, solver: Solver) -> Solved:
        arm = self.space.arm(self.space.baseline)
        return self._run(solver, job, arm.family, arm.params, self.limits.baseline)

    def _run(self, solver: Solver, job: Job, family: str, params: dict[str, Any], limit: float) -> Solved:
        question, built = self.goal(job), recipe(family, params)
        start, rate = self.rates[family][question.shape]
        count_limit, seconds = max(1, int((limit - start) / rate)), 0.1 + self.limits.wall_factor * limit
        answer = solver.solve(question.text, built, count_limit=count_limit, seconds=seconds)
        effort = start + rate * answer.resources
        if answer.verdict in DECIDED:
            return Solved("ok", effort, answer)
        if answer.verdict == "killed" or answer.resources >= count_limit or answer.wall >= seconds:
            return Solved("timeout", limit, answer)
        return Solved("failed", min(answer.wall, limit) if answer.verdict == "crashed" else effort, answer)

    def _contradiction(self, job: Job, arm: str, run: Solved, base: Solved) -> str:
        self.contradictions += 1
        self.keep.mkdir(parents=True, exist_ok=True)
        path = self.keep / f"{job.project}-{job.name}-{self.contradictions}.smt2"
        detail = f"CONTRADICTION: {arm} says {run.answer.verdict}, the default {base.answer.verdict}"
        path.write_text(f"; {detail}\n{self.goal(job).text}(check-sat)\n")
        log.error("%s on %s/%s; goal kept in %s", detail, job.project, job.name, path)
        return f"{detail}; goal kept in {path}"

    def _refuse_unknown_parameters(self) -> None:
        for arm in self.space.arms:
            complaint = self.solver.validate(recipe(arm.family, arm.params))
            if complaint:
                self.close()
                raise WorkloadError(f"Z3 refuses arm {arm.id}: {complaint}; correct or remove it in the arm space")


def calibrated_rates() -> Rates:
    """As measured by `benchmarks/z3/truth.py --calibrate`."""
    text = resources.files("poolwise.workloads.z3").joinpath("rates.json").read_text(encoding="utf-8")
    return json.loads(text)["rates"]
