"""Where independent pieces of work run: in this process, in processes beside it, or on a Ray cluster.

    with compute.opened("local", workers=2) as pool:            # or "ray://local", "ray://HOST:10001"
        for number, result in compute.completed(pool, function, tasks):
            ...

Results do not depend on where they are made: tasks are cut the same way everywhere, and carry their own seeds. A worker
that is killed costs its task, which is done again; whoever stops listening ends what is running. What is to go on after
an interruption writes down each result as it comes.
"""

from poolwise.compute.door import HERE, Pool, completed, mapped, opened
from poolwise.compute.executor import LOCAL, Executor, parsed

__all__ = ["HERE", "LOCAL", "Executor", "Pool", "completed", "mapped", "opened", "parsed"]
