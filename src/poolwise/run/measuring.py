"""Jobs that are measured, one after another or side by side, and what is kept of them."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from poolwise.engine import Engine
from poolwise.engine.safeguards import damaged_records
from poolwise.schema import Decision
from poolwise.workloads import Job, Measurement, Workload


class Task(NamedTuple):
    """A job for which an arm was chosen."""

    engine: Engine
    decision: Decision
    job: Job


def measured(workload: Workload, tasks: Iterable[Task], workers: int) -> Iterator[tuple[Task, Measurement]]:
    """Each task with its measurement, as they come to an end; at most `workers` are open at any time.

    Raises WorkloadError where the system cannot be run; closing the workload ends what still runs.
    """
    if workers == 1:
        yield from ((task, _measure(workload, task)) for task in tasks)
        return
    pool, running = ThreadPoolExecutor(workers), dict[Future[Measurement], Task]()
    try:
        for task in tasks:
            running[pool.submit(_measure, workload, task)] = task
            if len(running) == workers:
                yield from _finished(running)
        while running:
            yield from _finished(running)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def record(task: Task, found: Measurement) -> dict[str, Any]:
    """What is kept beside the outcome."""
    return {
        "decision": task.decision.id,
        "wall": found.wall,
        "baseline_wall": found.baseline_wall,
        "detail": found.detail,
        "baseline_cost": found.baseline_cost,
        "baseline_failed": found.baseline_failed,
    }


def recalled(workload: Workload, engine: Engine) -> None:
    """Tell a workload that wants to know it what the baseline came to on every job, so that none is run again."""
    if (recall := getattr(workload, "recall", None)) is None:
        return
    for body in damaged_records.usable(engine.store, "measurement"):
        if "baseline_cost" not in body:
            continue
        made = engine.store.decision(int(body["decision"]))
        job = Job(made.project, made.context, made.job or "")
        recall(job, body["baseline_cost"], body["baseline_wall"], failed=bool(body.get("baseline_failed")))


def _measure(workload: Workload, task: Task) -> Measurement:
    return workload.measure(task.job, task.decision.family, task.decision.params)


def _finished(running: "dict[Future[Measurement], Task]") -> Iterator[tuple[Task, Measurement]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result()
