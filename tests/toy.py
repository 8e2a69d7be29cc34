"""A workload that costs nothing: what an arm saves is known, and its noise follows from the job's name."""

from itertools import count
from random import Random

from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice
from poolwise.workloads import Job, Measurement

SAVED = {"default": 1.0, "fast": 2.0, "slow": 0.5}
CONFIG = """
[run]
workload = "toy"
decisions = 60
seed = 3
store = "{store}"
[run.arrivals]
early = 0
late = 20
[engine]
reestimate_every = [[1000, 1000]]
"""


class Toy:
    """Two projects, two contexts; `odd(level=2)` fails."""

    def __init__(self, noise: float = 0.05, arms: ArmSpace | None = None) -> None:
        families = [*map(Family, SAVED), Family("odd", {"level": Choice([1, 2])})]
        self.space, self.noise = arms or ArmSpace(families, "default"), noise
        self.projects, self.contexts = ("early", "late"), ("big", "small")
        self.measured: list[tuple[Job, str]] = []
        self.prepared: list[Job] = []
        self.closed = False

    def jobs(self, seed, projects=None):
        rng = Random(f"{seed}/{projects}")
        for number in count():
            yield Job(rng.choice(projects or self.projects), rng.choice(self.contexts), f"job-{number}")

    def prepare(self, job):
        self.prepared.append(job)

    def measure(self, job, family, params):
        self.measured.append((job, family))
        cost = Random(job.name).lognormvariate(0, self.noise) / SAVED.get(family, 1.5)
        status = "failed" if params.get("level") == 2 else "ok"
        return Measurement(status, cost + (status == "failed"), 1.0, cost, 1.0, detail=status if status != "ok" else "")

    def close(self):
        self.closed = True
