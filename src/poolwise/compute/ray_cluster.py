"""Ray: a cluster of this machine that is started and stopped here, or one that runs already."""

import logging
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import poolwise
from poolwise.compute.executor import Executor
from poolwise.errors import ComputeError
from poolwise.extras import require

PATIENCE = 5.0
"""Seconds in which a cluster must accept a connection."""


class Cluster:
    """A connection to Ray. Raises MissingLibrary without it, ComputeError for a cluster that cannot be used."""

    def __init__(self, executor: Executor) -> None:
        require("ray")
        import ray

        self._ray, self._executor = ray, executor
        self._ours = executor.address != "ray://local" or not ray.is_initialized()
        if self._ours:
            with _quiet():
                _start(ray, executor)
        self._check()
        self._called = ray.remote(num_cpus=1)(_called)  # Once: workers fetch every function that is made remote.

    def run(self, function: Callable[[Any], Any], tasks: Sequence[Any], retries: int) -> Iterator[tuple[int, Any]]:
        """Number and result of every task, as they come."""
        ray = self._ray
        sent = ray.put(function)
        remote = self._called.options(max_retries=retries)
        running = {remote.remote(sent, task): number for number, task in enumerate(tasks)}
        try:
            while running:
                ready, _ = ray.wait(list(running), num_returns=1)
                number = running.pop(ready[0])
                yield number, self._result(ready[0], number)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def close(self) -> None:
        if self._ours:
            with _quiet():
                self._ray.shutdown()

    def _result(self, reference: Any, number: int) -> Any:
        ray = self._ray
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except ray.exceptions.RayError as error:
            raise ComputeError(
                f"task {number + 1} was lost at {self._executor.address} ({_first(error)}): its worker was killed, "
                "for instance for its memory; use fewer workers"
            ) from None

    def _check(self) -> None:
        """The same Poolwise and Python there as here. Ray itself was checked by Ray."""
        try:
            there = self._result(self._ray.remote(_versions).remote(), 0)
        except ModuleNotFoundError:
            there = {"Poolwise": "none"}
        except BaseException:
            self.close()
            raise
        here = _versions()
        wrong = [f"{name} {there.get(name)} there, {here[name]} here" for name in here if there.get(name) != here[name]]
        if wrong:
            self.close()
            raise ComputeError(f"versions at {self._executor.address} differ: {'; '.join(wrong)}: install the same")


def _start(ray: Any, executor: Executor) -> None:
    address = executor.address
    silence = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address == "ray://local":
        ray.init("local", num_cpus=executor.workers, include_dashboard=False, **silence)
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
        if ray.is_initialized():
            raise RuntimeError("this process uses another one already: call ray.shutdown() first")
        ray.init(address, **silence)
    except (OSError, OverflowError) as error:  # Ray's own ConnectionError is one of them.
        raise ComputeError(
            f"the Ray cluster at {address} does not answer ({_first(error)}): start one with `ray start --head "
            "--ray-client-server-port 10001`, name another, or set RAY_AUTH_MODE=token where it asks for a token"
        ) from None
    except RuntimeError as error:
        raise ComputeError(f"the Ray cluster at {address} cannot be used ({_first(error)})") from None


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _called(function: Callable[[Any], Any], task: Any) -> Any:
    return function(task)


def _versions() -> dict[str, str]:
    return {"Poolwise": poolwise.__version__, "Python": ".".join(map(str, sys.version_info[:2]))}


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray warns of what it will change one day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
