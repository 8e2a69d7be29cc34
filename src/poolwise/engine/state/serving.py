"""What serves: names, counts and belief at one cursor of the store's events, and what was made ready from them.

It is a fold over events, so nothing is lost with it: `Upkeep` takes it away before it is changed and puts it back when
the change is whole; where that was cut short, it is folded from the store again.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.safeguards.policy_gate import PolicyGate
from poolwise.engine.safeguards.recommended import Advisor
from poolwise.engine.settings import Settings
from poolwise.engine.state.cached_decision import CachedDecision
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.policy.constraints.usage import UsageCounts
from poolwise.policy.view import CUSTOM, Policy
from poolwise.schema import Decision, Outcome
from poolwise.space import ArmSpace
from poolwise.store.base import Store

MOST = 4096
"""Cells kept ready, decisions and outcomes remembered until they are folded: beyond that they are read again."""


class Serving:
    """One value for all that changes; only `decide` and `observe` change it."""

    def __init__(
        self,
        store: Store,
        space: ArmSpace,
        policy: Policy,
        settings: Settings,
        first: Sequence[str] = (),
        advisor: Advisor | None = None,
    ) -> None:
        self.store, self.settings = store, settings
        self.name_index = NameIndex(store, space, first, settings.named)
        self.policy_gate = PolicyGate(store, self.name_index, self.name_index.space, policy, settings, advisor)
        self.usage = UsageCounts(settings.horizon, session=settings.goal == "best")
        self.belief = ServingPosterior(store, self.name_index, settings)
        if self.policy_gate.safeguards is None and self.policy_gate.policy.spec != CUSTOM:
            self.belief.serve(self.policy_gate.policy)
        self.outcomes, self.decisions = 0, 0
        """The cursor: so many outcomes and decisions of the store are folded."""
        self.saved = 0
        """Outcomes that the store's checkpoint covers."""
        self.own: set[int] = set()
        """Decisions after the cursor that are counted already: this process has made them."""
        self.blocks: list[np.ndarray] = []
        """The same of decisions that were made together."""
        self.stored: list[Outcome] = []
        """Outcomes after the cursor that this process has stored, as far as they are remembered."""
        self.behind = False
        """Whether there may be events after the cursor that are to be folded before anything else."""
        self.torn = False
        """Whether a change is under way that cannot be given up half-way."""
        self.others = 0
        """Outcomes that were folded, less those that this process has stored."""
        self.recent: dict[int, Decision] = {}
        """Of this process, without an outcome yet."""
        self.cells: dict[tuple[str, str], CachedDecision] = {}
        self.leases: dict[int, Any] = {}
        """Of cells that other processes draw from, by their first id; see `engine.leases`."""
        self.policies: dict[bytes, int] = {}
        """Key in the store of the policy with these constants, as far as it was asked for."""

    def forget_cells(self) -> None:
        """What was made ready rests on orders, or constants, that no longer hold."""
        self.cells.clear()
        self.leases.clear()

    def succeeds(self, before: "Serving") -> bool:
        """Take the place of another one, which folded what this one has folded, and more. False where that rests on
        other scales, or events, than this one."""
        self.recent, self.others = before.recent, before.others + self.outcomes - before.outcomes
        same = self.belief.snapshot == before.belief.snapshot
        return same and self.belief.undone == self.store.undone()

    @property
    def ahead(self) -> int:
        """How many decisions after the cursor this process has made."""
        return len(self.own) + sum(map(len, self.blocks))

    def counted(self, project: int, context: int, made: Decision) -> None:
        """A decision that this process has just stored."""
        self.usage.decided(project, context)
        if self.policy_gate.safeguards is not None:
            self.policy_gate.safeguards.decided(project, context, self.name_index.arm[made.arm], made.reason)
        self.own.add(made.id)
        self.recent[made.id] = made
        if len(self.recent) > MOST:
            shorten(self.recent)
        if len(self.own) >= MOST:
            self.behind = True

    def counted_together(self, ids: np.ndarray) -> None:
        """Decisions that this process has just stored, and whose uses are counted."""
        self.blocks.append(ids)
        if self.ahead >= MOST:
            self.behind = True

    def received(self, outcome: Outcome) -> None:
        """An outcome that this process has just stored."""
        self.others -= 1
        if len(self.stored) < MOST:
            self.stored.append(outcome)


def shorten(found: dict[Any, Any]) -> None:
    """Drop the older half of what is kept beyond `MOST`."""
    if len(found) > MOST:
        for key in list(islice(found, MOST // 2)):
            del found[key]
