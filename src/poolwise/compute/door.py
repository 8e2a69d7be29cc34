"""Many tasks to whatever executor: results as they come, progress, retries."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from poolwise.compute.executor import LOCAL, Executor, parsed
from poolwise.compute.processes import Processes
from poolwise.compute.ray_cluster import Cluster
from poolwise.progress import Progress, silent

RETRIES = 5
"""How often a task is done again whose worker died."""
Results = Iterator[tuple[int, Any]]
"""Number of a task in the list of tasks, and what it came to."""


class Pool(NamedTuple):
    """Workers that are there."""

    executor: Executor
    run: Callable[[Callable[[Any], Any], Sequence[Any], int], Results]
    """Function, tasks, retries -> results as they come."""


@contextmanager
def opened(executor: Executor | str = "local", workers: int = 1) -> Iterator[Pool]:
    """Workers, until the end of the block. They start with their first task, and keep what they compiled between two
    calls. Raises InputError for an unknown executor, ComputeError where a cluster cannot be used."""
    chosen = parsed(executor, workers)
    if chosen.address != "local":
        cluster = Cluster(chosen)
        try:
            yield Pool(chosen, cluster.run)
        finally:
            cluster.close()
    elif chosen.workers == 1:
        yield HERE
    else:
        processes = Processes(chosen.workers)
        try:
            yield Pool(chosen, processes.run)
        finally:
            processes.close()


def _here(function: Callable[[Any], Any], tasks: Sequence[Any], _: int) -> Results:
    return ((number, function(task)) for number, task in enumerate(tasks))


HERE = Pool(LOCAL, _here)
"""This process, one task after another."""


def completed(
    pool: Pool,
    function: Callable[[Any], Any],
    tasks: Sequence[Any],
    *,
    retries: int = RETRIES,
    progress: Progress = silent,
    part: str = "tasks",
) -> Results:
    """Number and result of every task, as they come.

    function: of a task; function, tasks and results can be pickled. Whoever stops listening ends what is running.
    Raises what a task raises, and ComputeError for a task whose worker died more than `retries` times.
    """
    for done, found in enumerate(pool.run(function, tasks, retries), start=1):
        progress(part, done, len(tasks))
        yield found


def mapped(pool: Pool, function: Callable[[Any], Any], tasks: Sequence[Any], **options: Any) -> list[Any]:
    """The results in the order of the tasks; options: of `completed`.

    >>> with opened() as pool:
    ...     mapped(pool, abs, [-1, 2])
    [1, 2]
    """
    found = dict(completed(pool, function, tasks, **options))
    return [found[number] for number in range(len(tasks))]
