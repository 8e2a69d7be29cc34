"""A posterior that can be exchanged for one made beside: what was done to the one meanwhile is done to the other.

So scales are adopted where nobody waits for it, and nothing that was learned while they were searched for is lost.
"""

import math
from collections.abc import Callable
from typing import Any

from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.posterior import Posterior

Operation = tuple[Callable[..., None], tuple[Any, ...]]
"""A method of `Posterior`, and its arguments."""
AT_ONCE = 16
"""Operations that a call may have to wait for."""


class Exchange:
    """Holds a `Posterior`. All that changes what it knows goes through `do`."""

    def __init__(self, posterior: Posterior) -> None:
        self.posterior = posterior
        self._since: list[Operation] | None = None
        self._handed = math.inf

    def do(self, method: Callable[..., None], *arguments: Any) -> None:
        """Call a method of `Posterior` on the posterior."""
        method(self.posterior, *arguments)
        if self._since is not None:
            self._since.append((method, arguments))

    def copied(
        self, fresh: Callable[[Hyperparameters], Posterior], learned: int
    ) -> Callable[[Hyperparameters | None], Posterior] | None:
        """Makes a posterior that knows what this one does, ready to serve from other scales (None: from the same), and
        has learned so many outcomes one by one; what is done from now on is remembered for it. None where only events
        give back what this one knows. fresh: makes one that knows nothing."""
        saved, hyperparameters, prior = self.posterior.saved(), self.posterior.hyperparameters, self.posterior.prior
        if saved is None:
            return None
        self._since, self._handed = [], math.inf

        def made(other: Hyperparameters | None) -> Posterior:
            found = fresh(hyperparameters)
            found.prior = prior
            found.resume(saved, learned)
            if other is not None:
                found.set_hyperparameters(other)
            found.ready()
            return found

        return made

    def forget(self) -> None:
        """Whatever is being made beside is out of date."""
        self._since = None

    @property
    def behind(self) -> int | None:
        """How much there is to be done to the other one; None: it is out of date."""
        return None if self._since is None else len(self._since)

    @property
    def close_by(self) -> bool:
        """Whether what is left to be done to the other one takes no time; or as much came since as is done beside in
        that time, and handing over would never end."""
        behind = self.behind or 0
        return behind <= AT_ONCE or 2 * behind > self._handed

    def rest(self) -> list[Operation]:
        """What is to be done to the other one, handed over."""
        found, self._since = self._since or [], []
        self._handed = len(found)
        return found

    def exchange(self, posterior: Posterior) -> None:
        """Serve from the other one from now on."""
        for method, arguments in self.rest():
            method(posterior, *arguments)
        self.posterior, self._since = posterior, None
