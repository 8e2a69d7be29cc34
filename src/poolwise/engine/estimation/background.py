"""Scales estimated again beside the calls: from copies, in a thread, adopted between two calls.

    asked (statistics, copied) -> search -> answer, waiting -> taken by the next call

The thread never touches what serves and takes no lock of the engine's, so nothing waits for it but `close`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.engine.state.exchange import Operation
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, estimate_hyperparameters
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.thread_switching import nimble
from poolwise.schema import Snapshot


class EstimationRequest(NamedTuple):
    """What scales are to be estimated from."""

    outcomes: int
    statistics: tuple[Any, ...]
    """As `estimate_hyperparameters` takes them."""
    packs: list[float]
    """Weights of prior packs in force."""
    made: Callable[[Hyperparameters | None], Posterior] | None = None
    """A posterior that serves from them; None: whoever takes the answer sees to it."""


class Estimate(NamedTuple):
    """What came of it."""

    outcomes: int
    """That the scales were estimated from."""
    packs: list[float]
    hyperparameters: Hyperparameters
    seconds: float
    posterior: Posterior | None = None
    snapshot: Snapshot | None = None
    """Of another process, which has estimated them and stored them."""
    recomputed: bool = False
    """Whether the scales are those that serve, and only the belief was computed again."""
    renewals: Any = None
    """Configurations that are to take others' places (`renewal.Renewals`); None: all stay."""


def answer(asked: EstimationRequest) -> Estimate:
    """Search for the scales."""
    began = time.perf_counter()
    hyperparameters = estimate_hyperparameters(*asked.statistics)
    posterior = (
        asked.made(hyperparameters) if asked.made and np.isfinite(hyperparameters.gaussian.log_evidence) else None
    )
    return Estimate(asked.outcomes, asked.packs, hyperparameters, time.perf_counter() - began, posterior)


def caught_up(found: Estimate, rest: Sequence[Operation]) -> Estimate:
    """With what was learned meanwhile, by the compiled call if that is there by now."""
    assert found.posterior is not None
    found.posterior.ready()
    for method, arguments in rest:
        method(found.posterior, *arguments)
    found.posterior.ready()
    return found


def as_snapshot(found: Estimate, hyper: dict[str, Any], reason: str, parent: int | None) -> Snapshot:
    """To be stored; it serves unless the search failed."""
    fit = found.hyperparameters.gaussian
    serves = bool(np.isfinite(fit.log_evidence))
    diagnostics = {
        "log_evidence": fit.log_evidence if serves else None,
        "iterations": fit.iterations,
        "converged": bool(fit.converged),
        "seconds": found.seconds,
    }
    return Snapshot(
        id=0,
        time=time.time(),
        parent=parent,
        method="fast",
        status="serving" if serves else "rejected",
        reason=reason if serves else f"{reason}: the marginal likelihood was not finite",
        outcomes=found.outcomes,
        hyper=hyper,
        diagnostics=diagnostics,
    )


class BackgroundEstimation:
    """At most one piece of work at a time: a search for scales, or something that gives no answer."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._found: list[Any] = []

    @property
    def busy(self) -> bool:
        """Whether there is work under way, or done and not yet taken."""
        return self._thread is not None

    @property
    def done(self) -> bool:
        """Whether there is work done and not yet taken."""
        return bool(self._found)

    def start(self, work: Callable[[], Any]) -> None:
        """In a thread of its own."""
        found = list[Any]()
        self._found, self._thread = found, threading.Thread(target=_worked, args=(work, found), name="poolwise")
        self._thread.start()

    def taken(self) -> Any:
        """The answer, an `Estimate` or what the work is for, or the exception that it broke down of, once; None: there
        is none."""
        if not self._found:
            return None
        found, self._found, self._thread = self._found[0], [], None
        return found

    def close(self) -> None:
        """Wait for the work under way, and drop its answer."""
        if self._thread is not None:
            self._thread.join()
        self._thread, self._found = None, []


def _worked(work: Callable[[], Any], found: list[Any]) -> None:
    try:
        with nimble():
            done = work()
        found.append(done)
    except Exception as error:
        found.append(error)


def refused(snapshot: Snapshot) -> str:
    """Why a proposal does not serve."""
    return f"snapshot {snapshot.id} ({snapshot.method}) does not serve: {snapshot.reason}"
