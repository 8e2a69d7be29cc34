"""decide, observe, refit: one lock around the store, what decides (`deciding`) and what learns (`observing`).

    decide:  belief -> view -> policy -> probabilities -> pick -> store.append(decision) -> answer
    observe: outcome -> store.append(outcome) -> update of its cell and of what others borrow from it

A call that raises leaves store and belief as they were.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise import policy as policies
from poolwise.engine import door, explain, overview, tables
from poolwise.engine.across import Across
from poolwise.engine.catalogue import Catalogue
from poolwise.engine.deciding import Deciding
from poolwise.engine.guarding import Guarding
from poolwise.engine.live import Live
from poolwise.engine.observing import Observing
from poolwise.engine.outcomes import outcome as checked_outcome
from poolwise.engine.outcomes import outcomes as checked_outcomes
from poolwise.engine.priors import Priors
from poolwise.engine.refitting import Problem, proposer
from poolwise.engine.settings import Settings
from poolwise.policy.base import Policy
from poolwise.policy.uses import Uses
from poolwise.schema import Decision, Snapshot
from poolwise.space import ArmSpace
from poolwise.store import open_store
from poolwise.store.base import NEW, DecisionColumns, OutcomeColumns, Store


class Engine:
    """Decides, learns and remembers. Safe to call from several threads.

    >>> from poolwise.space import ArmSpace, Family
    >>> engine = Engine.open("memory://", ArmSpace([Family("default"), Family("fast")], "default"), seed=1)
    >>> decision = engine.decide(project="mathlib", context="nonlinear")
    >>> engine.observe(decision.id, cost=0.8, baseline_cost=1.3)
    True
    >>> engine.beliefs()["n"].sum()
    np.int64(1)
    """

    def __init__(self, store: Store, space: ArmSpace, policy: Policy, settings: Settings) -> None:
        self.store, self.space, self.settings = store, space, settings.meant_for(space)
        self._lock = threading.RLock()
        self._uses, committed = Uses(settings.horizon), False
        while not committed:  # Another process may give the store new arms in between.
            self._catalogue = Catalogue(store, space)
            self._guarding = Guarding(store, self._catalogue, space, policy, self.settings)
            self._live = Live(store, self._catalogue, self.settings)
            committed = self._catalogue.commit()
        self.policy = self._guarding.policy
        self.across = Across(self._lock, store, self._catalogue, self._live)
        self.priors = Priors(self._lock, store, self._catalogue, self._live, self.settings)
        self._deciding = Deciding(store, self._catalogue, self.settings, self._live, self._uses, self._guarding)
        self._observing = Observing(store, self._live, self._uses, self._guarding)
        self._observing.catch_up()

    @classmethod
    def open(
        cls,
        url: str,
        space: ArmSpace,
        *,
        policy: Policy | None = None,
        settings: Settings | None = None,
        seed: int | None = None,
    ) -> "Engine":
        """Open or create the store at `url` (`sqlite:///file.db`, `memory://`) and continue from its events.

        `seed` is that of a new store (drawn when None); an existing store keeps its own. Raises StoreError,
        ConfigError, SpaceError.
        """
        seed = door.opening(url, space, policy, seed)
        settings = settings or Settings()
        store = open_store(url, seed=seed, lock_wait=settings.lock_wait, durability=settings.durability)
        return cls(store, space, policy or policies.default(), settings)

    def decide(
        self, project: str, context: str, *, job: str | None = None, available: Iterable[str] | None = None
    ) -> Decision:
        """Choose an arm for one job. The decision is durable when it is returned.

        `available`: arms or families that can be used this time (None: all); the baseline must be among them.
        Raises InputError for names that are no strings or that the space does not hold.
        """
        asked = door.asked(project, context, job, available)
        with self._lock:
            return self._deciding.one(*asked)

    def observe(
        self,
        id: int,
        *,
        utility: float | None = None,
        cost: float | None = None,
        baseline_cost: float | None = None,
        status: str = "ok",
    ) -> bool:
        """Report what happened after a decision: a utility, a cost with the baseline's cost in the same unit, or the
        cost alone of a job that recurs (`decide(job=)`), which is compared with the other costs of that job.

        True when it was new, False when the same outcome was reported before. Raises OutcomeError, UnknownDecision,
        ConflictingOutcome; then nothing has changed.
        """
        id = door.decision(id)
        alone = cost is not None and baseline_cost is None and utility is None and status == "ok"
        job = self.store.decision(id).job if alone else None
        outcome = checked_outcome(
            id, self.settings, utility=utility, cost=cost, baseline_cost=baseline_cost, status=status, job=job
        )
        with self._lock:
            if not self.store.append_outcome(outcome):
                return False
            self._observing.one(outcome, self._deciding.answered(id), baseline_cost, job)
            return True

    def decide_many(self, project: str | Sequence[str], context: str | Sequence[str]) -> DecisionColumns:
        """Decide for many jobs from one belief: columns of length n, names as indices (`store.names(kind)`).

        One of the two may be a single name. All decisions are durable when it returns.
        """
        columns = door.column("project", project), door.column("context", context)
        count = max(1 if isinstance(names, str) else len(names) for names in columns)
        with self._lock:
            keys, which = tables.distinct_cells(*columns, count)
            return self._deciding.many(keys, which)

    def observe_many(
        self, ids: Any, *, utility: Any = None, cost: Any = None, baseline_cost: Any = None, status: Any = "ok"
    ) -> np.ndarray:
        """Many outcomes at once: (n,) int8, 0 new, 1 repeated, 2 conflicting, 3 unknown; the new ones are learned.

        Raises OutcomeError for the first row that is no outcome; then none of them is stored.
        """
        columns = checked_outcomes(
            ids, self.settings, utility=utility, cost=cost, baseline_cost=baseline_cost, status=status
        )
        with self._lock:
            verdict = self.store.append_outcomes(columns)
            self._observing.many(OutcomeColumns(*(column[verdict == NEW] for column in columns)))
            return verdict

    def control(
        self, order: str, arm: str | None = None, *, project: str | None = None, context: str | None = None
    ) -> dict[str, Any]:
        """Give an operator's order, for one project, one context, both, or everywhere; it is logged and holds at once.

        order: `pin` (the arm, unless it is in quarantine), `ban` (an arm or a family), `freeze` (favourites only),
        `stop` (the baseline only), `shadow` (decide, but answer the baseline), their opposites `unpin`, `unban`,
        `unfreeze`, `resume`, and `promote`, which ends a shadow. Other processes follow from their next `refresh`.
        Raises ConfigError for an order that means nothing or contradicts another, and for a promotion while the
        lower 95 % bound of the estimated gain is not above zero.
        """
        order, arm, project, context = door.order(order, arm, project, context)
        with self._lock:
            record = self._guarding.checked(order, arm, project, context)
            if order == "promote":
                overview.check_promotion(self.overview()["shadow"], project, context)
            self.store.append_record("control", record)
            self._guarding.follow_orders()
            self._deciding.forget()
            return record

    def refit(self, method: str = "fast", **options: Any) -> Snapshot:
        """Estimate everything again from all outcomes; a gate decides whether the snapshot serves from now on.

        method: `fast` (closed form), `nuts` or `svi` (full Bayes by NumPyro); `options` are the fields of
        `refit.Options`. Decisions go on meanwhile. The snapshot is stored either way: `status` says serving or
        rejected, `reason` why. Raises RefitError where none could be proposed, InputError for a wrong option.
        """
        return self.propose(proposer()(self.problem(), method=method, **options))

    def problem(self) -> Problem:
        """What a refit starts from: statistics of all that the belief rests on."""
        with self._lock:
            return self._live.problem()

    def propose(self, snapshot: Snapshot) -> Snapshot:
        """Store a snapshot that a refit came to; it serves from now on if its status says so.

        Raises RefitError, with nothing changed, for one that is to serve and cannot.
        """
        with self._lock:
            return self._live.propose(snapshot)

    def refresh(self) -> int:
        """Learn what other processes have written to the same store since, orders and prior packs included, and count
        overdue decisions as failures.

        Returns the number of new outcomes. To be called from time to time where either matters.
        """
        with self._lock:
            new = self._observing.refresh()
            if self._guarding.follow_orders():
                self._deciding.forget()
            return new

    def beliefs(self) -> pd.DataFrame:
        """project, context, family, arm, mean, sd, low, high (90 % interval), n: a row for every known cell."""
        with self._lock:
            return tables.beliefs(self._live, self._catalogue)

    def projects(self) -> pd.DataFrame:
        """What every project is like, what it gave the others and took from them; see `engine.profile.projects`."""
        return self.across.projects()

    def explain(self, id: int, *, replay: bool = False) -> dict[str, Any]:
        """Why a decision was made, from its logged view; with `replay` made again and compared bit for bit."""
        id = door.decision(id)
        with self._lock:
            return explain.explain(self.store, id, self.settings, self._live.ground, replay=replay)

    def status(self) -> dict[str, Any]:
        """Counts of events, what serves now, and the size of the problem."""
        with self._lock:
            return {**self.store.counts(), **self._live.status(), **self._catalogue.sizes()}

    def overview(self) -> dict[str, Any]:
        """How far learning has come in every context, what is limited and why; see `engine.overview`."""
        with self._lock:
            return overview.overview(self._live, self._catalogue, self._uses, self._guarding, self.store)

    def close(self) -> None:
        self.store.close()
