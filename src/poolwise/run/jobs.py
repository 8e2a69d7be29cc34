"""Which job comes when: projects arrive one after another and then take turns at random, all from one seed."""

from collections.abc import Iterator, Mapping
from itertools import count
from random import Random

from poolwise.workloads import Job, Workload


def stream(workload: Workload, seed: int, arrivals: Mapping[str, int]) -> Iterator[Job]:
    """The endless stream of jobs: at every decision, each project that has arrived is as likely as any other.

    Each project's own jobs come in an order that does not depend on the others.
    """
    own = {project: workload.jobs(seed, [project]) for project in arrivals}
    rng = Random(f"arrivals/{seed}")
    for number in count():
        arrived = [project for project, first in arrivals.items() if first <= number]
        yield next(own[rng.choice(arrived)])
