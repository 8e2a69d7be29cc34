"""What happened, checked and stored: all that whoever reports an outcome waits for. It is learned before a decision."""

from poolwise.engine import arguments, outcomes
from poolwise.engine.settings import Settings
from poolwise.schema import Outcome
from poolwise.store.base import Store


def reported(
    store: Store,
    settings: Settings,
    id: int,
    *,
    utility: float | None = None,
    cost: float | None = None,
    baseline_cost: float | None = None,
    status: str = "ok",
) -> Outcome:
    """The outcome that is meant; see `Engine.observe`. Raises OutcomeError, UnknownDecision."""
    id = arguments.decision(id)
    alone = cost is not None and baseline_cost is None and utility is None
    alone = alone and isinstance(status, str) and status == "ok"
    job = store.decision(id).job if alone else None
    return outcomes.outcome(
        id, settings, utility=utility, cost=cost, baseline_cost=baseline_cost, status=status, job=job
    )
