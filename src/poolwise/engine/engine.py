"""decide, observe, refit: one lock around the store and what serves.

    decide:  [fold what waits] -> view -> policy -> probabilities -> pick -> store.append(decision) -> answer
    observe: check -> store.append(outcome) -> answer; it waits to be folded
    beside:  statistics -> search for the scales -> adopted between two calls

A call that raises leaves store and belief as they were, or what is in the store is folded by the next one (`upkeep`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from poolwise import policy as policies
from poolwise.engine import arguments, decide, insight, undo
from poolwise.engine.arguments import Available, Column, Known
from poolwise.engine.estimation.priors import Priors
from poolwise.engine.estimation.recommendations import Recommendations
from poolwise.engine.estimation.refit_request import RefitData, proposer
from poolwise.engine.indexing import job_features
from poolwise.engine.insight.project_tables import ProjectTables
from poolwise.engine.leases import Leases
from poolwise.engine.outcomes import many_reported, reported
from poolwise.engine.settings import Settings, chosen
from poolwise.engine.state import tables
from poolwise.engine.state.creation import remembered
from poolwise.engine.state.serving import Serving
from poolwise.engine.upkeep import Upkeep
from poolwise.errors import InputError, RefitError, StoreClosed, StoreError, StoreForked
from poolwise.inputs import truth
from poolwise.lazy import pandas as pd
from poolwise.objective import Objective
from poolwise.policy.view import Policy
from poolwise.schema import Decision, Snapshot
from poolwise.space import ArmSpace
from poolwise.store import open_store
from poolwise.store.base import NEW, DecisionColumns, Removal, Store


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

    def __init__(self, store: Store, space: ArmSpace, policy: Policy, settings: Settings, features: Any = None) -> None:
        self.store, self.features = store, job_features.declare(store, features)
        self.settings = chosen(settings, remembered(store, settings.objective)).meant_for(space)
        self._lock, self._process, self._closed = threading.RLock(), os.getpid(), False
        self._upkeep = Upkeep(store, space, policy, self.settings)
        self.policy = self._upkeep.current().policy_gate.policy
        self.across, self.priors = ProjectTables(self._held, self._upkeep.current), Priors(self._held, self._upkeep)
        self.leases, self.recommendations = Leases(self._held, self._upkeep), Recommendations(self._held, self._upkeep)

    @classmethod
    def open(
        cls,
        url: str,
        space: ArmSpace,
        *,
        policy: Policy | None = None,
        settings: Settings | None = None,
        seed: int | None = None,
        objective: Objective | None = None,
        features: Known = None,
    ) -> Engine:
        """Open or create the store at `url` (see `store.open_store`) and continue from its events.

        `seed` is that of a new store (drawn when None); an existing store keeps its own, and its `objective` too, see
        `Settings`. features: what is known of a job before it is decided, by name a `Feature` or a table of its fields;
        None: what the store was last used with. Raises StoreError, ConfigError, SpaceError.
        """
        seed = arguments.opening(url, space, policy, settings, seed)
        settings = chosen(settings or Settings(), objective).meant_for(space)
        store = open_store(url, seed=seed, lock_wait=settings.store_wait, durability=settings.durability)
        try:
            return cls(store, space, policy or policies.default(), settings, features)
        except BaseException:
            store.close()
            raise

    def decide(
        self, project: str, context: str, *, job: str | None = None, available: Available = None, features: Known = None
    ) -> Decision:
        """Choose an arm for one job. The decision is durable when it is returned.

        available: arms or families that can be used this time (None: all); the baseline must be among them. features:
        what is known of the job, by name; what is left out, None or NaN is missing. Raises InputError for names that
        are no strings or that the space does not hold, and features that are not declared or cannot be so. Where the
        store cannot be written, `Settings.on_store_fault` says what happens: an unlogged decision has a negative id.
        """
        upkeep, faults, known = self._upkeep, self._upkeep.faults, None
        if job is not None or available is not None or features is not None or not upkeep.knows(project, context):
            project, context, job, available = arguments.asked(project, context, job, available)
            known = self.features.row(features)
        with self._held():
            try:
                if not faults.waiting:
                    now = upkeep.current()
                    if not faults.waiting:
                        return upkeep.changed(now, decide.one, project, context, job, available, known)
            except StoreError as error:
                faults.meet(error)
                if self.settings.on_store_fault == "raise":
                    raise
            return self._unlogged(project, context, job, available, known)

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
        cost alone of a job that recurs (`decide(job=)`), which is compared with the other costs of that job. A time-out
        without a cost is read at `Settings.timeout`, a cost of 0 at `Settings.resolution`.

        True when it was new, False when the same outcome was reported before. It is durable then, and learned before
        the next decision. Raises OutcomeError, UnknownDecision, ConflictingOutcome, and StoreError where it could not
        be stored; then nothing has changed, and it may be reported again.
        """
        given = {"utility": utility, "cost": cost, "baseline_cost": baseline_cost}
        with self._held():
            outcome = reported(self.store, self.settings, id, **given, status=status)
            serving = self._upkeep.expect()
            new = self.store.append_outcome(outcome)
            if new and serving is not None:
                serving.received(outcome)
            return new

    def decide_many(self, project: Column, context: Column, *, features: Any = None) -> DecisionColumns:
        """Decide for many jobs from one belief: columns of length n, names as indices (`store.names(kind)`).

        Either may be a single name. features: a table or mapping of columns, or of values that stand for all. All
        decisions are durable when it returns.
        """
        columns = arguments.column("project", project), arguments.column("context", context)
        keys, which = tables.distinct_cells(*columns, self.features.count(features))
        known = self.features.rows(features, len(which))
        with self._held():
            return self._upkeep.change(lambda now: decide.many(now, keys, which, known))

    def observe_many(
        self, ids: Any, *, utility: Any = None, cost: Any = None, baseline_cost: Any = None, status: Any = "ok"
    ) -> np.ndarray:
        """Many outcomes at once: (n,) int8, 0 new, 1 repeated, 2 conflicting, 3 unknown; the new ones are learned.

        Raises OutcomeError for the first row that is no outcome; then none of them is stored.
        """
        given = {"utility": utility, "cost": cost, "baseline_cost": baseline_cost, "status": status}
        with self._held():
            columns = many_reported(self.store, self.settings, ids, **given)
            serving = self._upkeep.expect()
            verdict = self.store.append_outcomes(columns)
            if serving is not None:
                serving.others -= int((verdict == NEW).sum())
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
        order, arm, project, context = arguments.order(order, arm, project, context)
        with self._held():
            record = self._upkeep.current().policy_gate.checked(order, arm, project, context)
            if order == "promote":
                insight.overview.check_promotion(self.overview().get("shadow", []), project, context)
            self.store.append_record("control", record)
            self._upkeep.follow_overrides()
            return record

    def refit(self, method: str = "fast", **options: Any) -> Snapshot:
        """Estimate everything again from all outcomes; a gate decides whether the snapshot serves from now on.

        method: `fast` (closed form), `nuts` or `svi` (full Bayes by NumPyro); `options` are the fields of
        `refit.Options`. Decisions go on meanwhile. The snapshot is stored either way: `status` says serving or
        rejected, `reason` why. Raises RefitError where none could be proposed, InputError for a wrong option.
        """
        undone, found = self.store.undone(), proposer()(self.problem(), method=method, **options)
        if self.store.undone() != undone:
            raise RefitError("outcomes were taken back meanwhile, on which this refit rests: refit again")
        return self.propose(found)

    def problem(self) -> RefitData:
        """What a refit starts from: statistics of all that the belief rests on."""
        with self._held():
            return self._upkeep.current().belief.problem()

    def propose(self, snapshot: Snapshot) -> Snapshot:
        """Store a snapshot that a refit came to; it serves from now on if its status says so.

        Raises RefitError, with nothing changed, for one that is to serve and cannot.
        """
        snapshot = arguments.proposed(snapshot)
        with self._held():
            return self._upkeep.change(lambda now: now.belief.propose(snapshot))

    def forget(self, project: str) -> dict[str, Any]:
        """Delete a project for good: its events, views, orders and names, down to the ids of its decisions.

        Beliefs are then as if it had never been, and scales are estimated without it. The log keeps a digest of the
        name. Other engines follow with the next outcome, or `refresh`. Backups and archives that hold it
        are the operator's. Returns how many decisions, outcomes and views went. Raises InputError for a project that
        is not there, StorePruned where events were archived.
        """
        return self._undo(lambda: undo.forgetting(self.store, project))

    def withdraw(
        self,
        *,
        pack: str | None = None,
        decisions: tuple[int, int] | None = None,
        since: float | None = None,
        until: float | None = None,
        project: str | None = None,
    ) -> dict[str, Any]:
        """Take back an imported pack, by its name; or outcomes: of decisions from one id to another, reported since or
        until a time (seconds since 1970), of a project, where all that is given holds.

        Beliefs are then as if these had never been. What was withdrawn stays in the file, marked, and is learned no
        more; its decisions do not wait for other outcomes. Other engines follow with the next outcome, or `refresh`.
        Returns how many outcomes it were. Raises InputError where nothing is meant, StorePruned where events were
        archived.
        """
        return self._undo(lambda: undo.withdrawing(self.store, pack, decisions, since, until, project))

    def refresh(self) -> int:
        """Learn what other processes have written since, orders, snapshots and prior packs included, and count overdue
        decisions as failures. Returns how many outcomes of other processes were learned since the last time."""
        with self._held():
            return self._upkeep.refresh()

    @property
    def space(self) -> ArmSpace:
        """What is offered now: the space that was given, with what took others' places since (`Settings.renew`)."""
        return self._upkeep.space

    @property
    def serving(self) -> Serving:
        """What is believed and counted now; to be read, and not kept."""
        with self._held():
            return self._upkeep.current()

    def beliefs(self, project: str | None = None, context: str | None = None) -> pd.DataFrame:
        """project, context, family, arm, mean, sd, low, high (90 % interval), n, in log units, or in shares of what the
        baseline costs there (`objective`): a row for every known cell and arm, or for those of one project, or context.
        Raises InputError for a name without any decision."""
        with self._held():
            return tables.beliefs(self._upkeep.current(), project, context)

    def best(self, project: str | None = None, context: str | None = None) -> pd.DataFrame:
        """What to use today: project, context, family, arm, speed_up (`objective.speed_up`), low, high (90 % interval),
        probability of being the best, n (trials): of every cell the best arm. Raises as `beliefs`."""
        return tables.best(self.beliefs(project, context), self.settings.known_objective)

    def trials(self) -> pd.DataFrame:
        """What happened: a row for every decision with an outcome; see `engine.insight.trials`."""
        with self._held():
            return insight.trials.trials(self.store)

    def projects(self) -> pd.DataFrame:
        """What every project is like, what it gave the others and took from them; see `engine.profile.projects`."""
        return self.across.projects()

    def explain(self, id: int, *, replay: bool = False) -> dict[str, Any]:
        """Why a decision was made, from its logged view; with `replay` made again and compared bit for bit."""
        id, replay = arguments.decision(id), truth("replay", replay)
        with self._held():
            return insight.explain.explain(self.store, id, self.settings, self._upkeep.current().belief, replay=replay)

    def status(self) -> dict[str, Any]:
        """Counts, what serves, what became of decisions while the store failed; unreadable now: `store_fault`."""
        with self._held():
            return insight.shown.status(self._upkeep.current, self._upkeep.faults.status())

    def overview(self, project: str | None = None) -> dict[str, Any]:
        """How far learning has come in every context, or those of one project, what is limited and why; see
        `engine.overview`. Decisions wait meanwhile: where projects are many, ask for one after the other."""
        with self._held():
            return insight.overview.overview(self._upkeep.current(), self.store, project)

    def close(self) -> None:
        """Let the store go; a second time does nothing. Waits for a search for scales that is under way."""
        if self._closed or os.getpid() != self._process:
            return
        with self._lock:
            self._upkeep.close()
            self._closed = True
            self.store.close()

    def __enter__(self) -> Engine:
        self._held()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            with self._held():
                return insight.shown.line(self.store.counts(), self._upkeep.current().name_index.sizes())
        except StoreError as error:
            return f"<Engine: {error}>"

    def _repr_html_(self) -> str:
        return insight.shown.notebook(repr(self), self.best()) if not self._closed else repr(self)

    def __reduce__(self) -> NoReturn:
        raise InputError(arguments.COPIED)

    def _held(self) -> threading.RLock:
        """The lock. Raises StoreClosed after `close`, StoreForked in a process that was forked with the engine open."""
        if os.getpid() != self._process:
            raise StoreForked(arguments.FORKED)
        if self._closed:
            raise StoreClosed("this engine is closed: call Engine.open for another one")
        return self._lock

    def _undo(self, meant: Callable[[], Removal]) -> dict[str, Any]:
        with self._held():
            removal = meant()
            found = self._upkeep.undo(lambda: self.store.undo(removal, time.time()))
            return {**removal.record, **found._asdict()}

    def _unlogged(self, *asked: Any) -> Decision:
        free = self.settings.on_store_fault == "decide" and not self.settings.budgeted
        home = decide.baseline_alone(self.space, *asked)
        return self._upkeep.unlogged(lambda now: decide.unlogged(now, *asked, free=free), home)
