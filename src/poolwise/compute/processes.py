"""Processes of this machine, each behind a pipe of its own.

A pool of the standard library is broken as a whole when one of its processes is killed, since all of them read from one
locked pipe. Here none shares anything with another: a pipe that ends says which task its worker had.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from poolwise.errors import ComputeError


class Worker(NamedTuple):
    """A process that waits for tasks."""

    process: BaseProcess
    pipe: Connection


class Processes:
    """Workers that stay between two calls: what they have imported and compiled is there the next time."""

    def __init__(self, count: int) -> None:
        self.count, self._idle = count, list[Worker]()

    def run(self, function: Callable[[Any], Any], tasks: Sequence[Any], retries: int) -> Iterator[tuple[int, Any]]:
        """Number and result of every task, as they come. One call at a time."""
        body = pickle.dumps(function)
        waiting, deaths = deque(range(len(tasks))), Counter[int]()
        busy: dict[Connection, tuple[Worker, int]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.count:
                    number = waiting.popleft()
                    worker = self._given(body, tasks[number])
                    busy[worker.pipe] = worker, number
                for pipe in [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]:
                    worker, number = busy.pop(pipe)
                    try:
                        fine, result = pipe.recv()
                    except (EOFError, OSError):
                        self._buried(worker, number, deaths, retries)
                        waiting.append(number)
                        continue
                    self._idle.append(worker)
                    if not fine:
                        raise result
                    yield number, result
        finally:
            for worker, _ in busy.values():
                _end(worker)

    def close(self) -> None:
        """End all workers."""
        while self._idle:
            _end(self._idle.pop())

    def _given(self, body: bytes, task: Any) -> Worker:
        """A worker that has the task, an idle one that lives or a new one."""
        while self._idle:
            worker = self._idle.pop()
            try:
                worker.pipe.send((body, task))
            except OSError:  # It was killed while it waited.
                _end(worker)
            else:
                return worker
        worker = _started()
        worker.pipe.send((body, task))
        return worker

    def _buried(self, worker: Worker, number: int, deaths: Counter[int], retries: int) -> None:
        _end(worker)
        deaths[number] += 1
        if deaths[number] > retries:
            raise ComputeError(
                f"the worker of task {number + 1} died {deaths[number]} times, the last time with exit code "
                f"{worker.process.exitcode}: it was killed, for instance for its memory; use fewer workers"
            )


def _started() -> Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=False)
    process.start()
    theirs.close()
    return Worker(process, ours)


def _end(worker: Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _work(pipe: Connection) -> None:
    """In the worker: one task after another until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # An interrupt is for who asked, who then ends this process.
    threading.Thread(target=_orphaned, daemon=True).start()
    known, function = b"", abs
    while True:
        try:
            body, task = pipe.recv()
        except EOFError:
            return
        try:
            if body != known:
                known, function = body, pickle.loads(body)
            answer = pickle.dumps((True, function(task)))
        except Exception as error:
            answer = pickle.dumps((False, _portable(error)))
        pipe.send_bytes(answer)


def _orphaned() -> None:
    """End with the process that asked, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error as it arrives, with where it was raised."""
    where = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In a worker:\n{where}")
    return error
