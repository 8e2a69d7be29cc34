"""decide, observe, refit: the only stateful object, a thin shell over store, posterior and policy.

    decide:  belief -> view -> policy -> probabilities -> pick -> store.append(decision) -> answer
    observe: outcome -> store.append(outcome) -> update of its cell and of what others borrow from it

A call that raises leaves store and belief as they were.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise import policy as policies
from poolwise.engine import explain, overview, tables
from poolwise.engine.across import Across
from poolwise.engine.catalogue import Catalogue
from poolwise.engine.cell import Cell, cumulative
from poolwise.engine.guarding import Guarding
from poolwise.engine.live import Live
from poolwise.engine.outcomes import outcome as checked_outcome
from poolwise.engine.outcomes import outcomes as checked_outcomes
from poolwise.engine.priors import Priors
from poolwise.engine.randomness import uniform, uniforms
from poolwise.engine.refitting import Problem, proposer
from poolwise.engine.settings import Settings
from poolwise.engine.suite import Suite
from poolwise.errors import InputError
from poolwise.policy.base import Policy, View
from poolwise.policy.limits import Limits, to_arrays
from poolwise.policy.uses import Uses
from poolwise.schema import Decision, LoggedView, Snapshot
from poolwise.space import ArmSpace
from poolwise.store import open_store
from poolwise.store.base import NEW, DecisionColumns, OutcomeColumns, Store

_BLOCK = 1024
"""Decision ids are reserved so many at a time."""


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
        self._catalogue = Catalogue(store, space)
        self._guarding = Guarding(store, self._catalogue, space, policy, self.settings)
        self.policy = self._guarding.policy
        self._policy = store.add_policy(self.policy.spec, self.policy.params)
        self._uses = Uses(settings.horizon)
        self._live = Live(store, self._catalogue, self.settings)
        self.across = Across(self._lock, store, self._catalogue, self._live)
        self.priors = Priors(self._lock, store, self._catalogue, self._live, self.settings)
        self._cells: dict[tuple[str, str], Cell] = {}
        self._open: dict[int, tuple[int, int, int]] = {}
        self._next, self._reserved = 0, 0
        self._catch_up()

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
        return cls(open_store(url, seed=seed), space, policy or policies.default(), settings or Settings())

    def decide(
        self, project: str, context: str, *, job: str | None = None, available: Iterable[str] | None = None
    ) -> Decision:
        """Choose an arm for one job. The decision is durable when it is returned.

        `available`: arms or families that can be used this time (None: all); the baseline must be among them.
        Raises InputError for names that are no strings or that the space does not hold.
        """
        with self._lock:
            cell = self._cell(project, context) if available is None else self._look(project, context, available)
            if self._next == self._reserved:
                self._next = self.store.reserve(_BLOCK)
                self._reserved = self._next + _BLOCK
            identity = self._next
            self._next += 1
            k = cell.pick(uniform(self.store.seed, identity))
            arm = cell.arms[k]
            chosen = (arm.family, arm.params, arm.id, cell.probabilities[k], cell.reasons[k])
            decision = Decision(identity, project, context, *chosen, time.time(), job, cell.view)
            self.store.append_decision(decision)
            self._uses.decided(cell.project, cell.context)
            code = self._catalogue.arm[arm.id]
            self._open[identity] = (cell.project, cell.context, code)
            if (suite := self._guarding.suite) is not None:
                suite.decided(identity, cell.project, cell.context, code, decision.reason)
            return decision

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
        alone = cost is not None and baseline_cost is None and utility is None and status == "ok"
        job = self.store.decision(id).job if alone else None
        outcome = checked_outcome(
            id, self.settings, utility=utility, cost=cost, baseline_cost=baseline_cost, status=status, job=job
        )
        with self._lock:
            if not self.store.append_outcome(outcome):
                return False
            cell = self._open.pop(id) if id in self._open else self._catalogue.cell_of(self.store.decision(id))
            project, context, arm = cell
            self._uses.observed(project, context, np.nan if baseline_cost is None else baseline_cost)
            worth = self._live.add(project, context, arm, outcome, job)
            if (suite := self._guarding.suite) is not None:
                if not suite.knows([id]):
                    suite.decided(id, project, context, arm, self.store.decision(id).reason)
                self._live.fade(suite.observed(id, project, context, arm, worth))
            return True

    def decide_many(self, project: str | Sequence[str], context: str | Sequence[str]) -> DecisionColumns:
        """Decide for many jobs from one belief: columns of length n, names as indices (`store.names(kind)`).

        One of the two may be a single name. All decisions are durable when it returns.
        """
        count = max(1 if isinstance(names, str) else len(names) for names in (project, context))
        with self._lock:
            keys, which = tables.distinct_cells(project, context, count)
            if self._guarding.suite is not None:
                return self._one_by_one(self._guarding.suite, keys, which)
            cells = [self._cell(*key) for key in keys]
            first = self.store.reserve(count)
            ids = np.arange(first, first + count, dtype=np.int64)
            columns = tables.draw(cells, which, ids, uniforms(self.store.seed, ids), self._catalogue, time.time())
            self.store.append_decisions(columns)
            for cell, made in zip(cells, np.bincount(which, minlength=len(cells)), strict=True):
                self._uses.decided(cell.project, cell.context, int(made))
            return columns

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
            self._learn(self._live.stored(OutcomeColumns(*(column[verdict == NEW] for column in columns))))
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
        with self._lock:
            record = self._guarding.checked(order, arm, project, context)
            if order == "promote":
                overview.check_promotion(self.overview()["shadow"], project, context)
            self.store.append_record("control", record)
            self._guarding.follow_orders()
            self._cells.clear()
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
            new = len(self._learn(self._live.fresh(self.store.outcomes(after=self._live.read))))
            if self._guarding.follow_orders():
                self._cells.clear()
            self._live.follow_priors()
            self._live.assume_overdue(time.time())
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

    def _cell(self, project: str, context: str) -> Cell:
        cell = self._cells.get((project, context))
        if (
            cell is None
            or cell.version != self._live.version
            or self._uses.decisions(cell.project, cell.context) >= cell.refresh
            or (self._guarding.suite is not None and self._guarding.stale(cell.project, cell.context, cell.gate))
        ):
            cell = self._cells[project, context] = self._look(project, context, None)
        return cell

    def _look(self, project: str, context: str, available: Iterable[str] | None) -> Cell:
        """Compute and log the view of one cell, and the probabilities that follow from it."""
        for kind, name in (("project", project), ("context", context)):
            if not isinstance(name, str) or not name:
                raise InputError(f"{kind} must be a non-empty string, got {type(name).__name__} {name!r}")
        p, c = self._catalogue.project(project), self._catalogue.context(context)
        view = self._view(p, c, self._catalogue.allowed(available, self._guarding.trusted))
        found = self._guarding.choice((project, context), (p, c), view)
        sums = cumulative(found.probabilities)
        key = self._log(project, context, view, found.limits) if self.settings.log_views else 0
        made = self._uses.decisions(p, c)
        return Cell(
            p,
            c,
            found.answers,
            found.propensities,
            sums,
            found.reasons,
            key,
            self._live.version,
            max(4 * made, 16),
            found.gate,
        )

    def _one_by_one(self, suite: Suite, keys: list[tuple[str, str]], which: np.ndarray) -> DecisionColumns:
        """`decide_many` where each decision may change what the next one is allowed."""
        first, now, rows = self.store.reserve(len(which)), time.time(), []
        try:
            for id, number in enumerate(which.tolist(), start=first):
                cell = self._cell(*keys[number])
                k = cell.pick(uniform(self.store.seed, id))
                arm, reason = self._catalogue.arm[cell.arms[k].id], cell.reasons[k]
                rows.append((id, cell.project, cell.context, arm, cell.probabilities[k], cell.view, now, reason, -1))
                suite.decided(id, cell.project, cell.context, arm, reason)
            columns = tables.decision_columns(rows, self._catalogue)
            self.store.append_decisions(columns)
        except Exception:
            self._guarding.refold()
            raise
        for (p, c), made in tables.counted(columns.project, columns.context):
            self._uses.decided(p, c, made)
        return columns

    def _view(self, project: int, context: int, allowed: np.ndarray) -> View:
        return overview.view_of_cell(self._live, self._catalogue, self._uses, project, context, allowed)

    def _log(self, project: str, context: str, view: View, limits: Limits | None) -> int:
        arrays = {name: value for name, value in zip(View._fields, view, strict=True) if value is not None}
        arrays["baseline"], arrays["context"] = np.asarray(view.baseline), np.array(view.context, dtype=np.float64)
        if limits is not None:
            arrays.update(to_arrays(limits))
        ids = self._catalogue.ids
        logged = LoggedView(0, project, context, self._policy, self._live.snapshot, self._live.outcomes, ids, arrays)
        return self.store.append_view(logged)

    def _catch_up(self) -> None:
        """Fold what the store holds: frequencies of use from decisions, beliefs from outcomes."""
        made = self.store.decisions()
        for (p, c), count in tables.counted(made.project, made.context):
            self._uses.decided(p, c, count)
        answered = self._learn(self._live.fresh(self.store.outcomes()))
        for (p, c), number in tables.informed(made, answered):
            self._uses.informed(p, c, number)

    def _learn(self, new: OutcomeColumns) -> np.ndarray:
        """Learn what this process has not learned yet; the decisions that it belongs to."""
        for (p, c), count, cost in tables.costs(new):
            self._uses.observed(p, c, cost, count)
        for part, fade in tables.parted(new, self._guarding.fades(new)):
            self._live.add_many(part)
            self._live.fade(fade)
        return new.decision
