"""How each project explores, where it was recommended to: what whoever advises calls, and what the log says of it."""

import threading
from collections.abc import Callable
from typing import Any

from poolwise.engine.safeguards.recommended import Advisor, Recommendation
from poolwise.engine.upkeep import Upkeep
from poolwise.names import checked


class Recommendations:
    """Of one engine; safe to call from several threads."""

    def __init__(self, held: Callable[[], threading.RLock], upkeep: Upkeep) -> None:
        self._held, self._upkeep = held, upkeep

    def ask(self, advisor: Advisor) -> None:
        """Let `advisor` be asked, within the call that decides, about every project for which there is no
        recommendation yet: when it is first met, and once in every process."""
        with self._held():
            self._upkeep.advisor = advisor

    def make(self, project: str, said: Recommendation) -> dict[str, Any]:
        """Let a project explore with other constants of the policy from now on, or, with none, as the default does. It
        is logged, and every decision with the constants that made it. Other processes follow from their next
        `refresh`. Raises InputError and ConfigError for constants that the policy cannot have, StoreError."""
        project = checked("project", project)
        with self._held():
            return self._upkeep.recommend(project, said)

    def made(self) -> dict[str, dict[str, Any]]:
        """The last one of every project: the fields of `Recommendation`, and `decisions` of all projects until then."""
        with self._held():
            return dict(self._upkeep.current().policy_gate.recommended)
