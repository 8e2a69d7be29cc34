"""Whether a store holds what was decided: a sample of its decisions made again from their views."""

from typing import NamedTuple

import numpy as np

from poolwise.engine.insight.explain import CUSTOM, recompute
from poolwise.errors import UnknownDecision
from poolwise.store.base import Store


class Audit(NamedTuple):
    """What came of it."""

    decisions: int
    outcomes: int
    replayed: int
    """Decisions of the sample that have a view and a policy that can be built again."""
    different: tuple[int, ...]
    """Ids of those that came out otherwise: none in a store that is whole."""


def audit(store: Store, sample: int = 20) -> Audit:
    """Make decisions spread evenly over all that were made again, as `Engine.explain(replay=True)` does."""
    made = store.made()
    places = np.unique(np.linspace(0, max(made - 1, 0), sample).astype(int)).tolist() if made else []
    ids = {int(id) for place in places for id in store.decisions(after=place, limit=1).id}
    same = {id: found for id in sorted(ids) if (found := _same(store, id)) is not None}
    return Audit(made, store.answered(), len(same), tuple(id for id, agrees in same.items() if not agrees))


def _same(store: Store, id: int) -> bool | None:
    """None where the decision cannot be made again: no view, or a policy of the user's own."""
    decision = store.decision(id)
    try:
        logged = store.view(decision.view) if decision.view else None
    except UnknownDecision:
        return None
    if logged is None or store.policy(logged.policy)[0] == CUSTOM:
        return None
    return bool(recompute(store, decision, logged)["same"])
