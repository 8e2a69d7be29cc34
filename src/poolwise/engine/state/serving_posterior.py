"""The belief that serves: fed from the store and from this process, its scales estimated again on a schedule."""

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from poolwise.engine.estimation.background import Estimate, EstimationRequest, answer, as_snapshot, caught_up, refused
from poolwise.engine.estimation.prior_packs import PriorPackPool
from poolwise.engine.estimation.refit_request import RefitData, problem_of
from poolwise.engine.estimation.schedule import is_due, until_due
from poolwise.engine.indexing import job_features
from poolwise.engine.indexing.arms import aligned
from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.safeguards import damaged_records
from poolwise.engine.safeguards.safeguards import Discount
from poolwise.engine.settings import Settings
from poolwise.engine.state import observations
from poolwise.engine.state.creation import frame_of, hyperparameters_of, posterior_of, restored
from poolwise.engine.state.exchange import Exchange
from poolwise.engine.state.idle_features import idle, warn
from poolwise.engine.state.job_adjustment import JobAdjustment
from poolwise.engine.state.overdue import Overdue
from poolwise.engine.state.savings import OutcomeSavings
from poolwise.errors import RefitError
from poolwise.policy.view import Policy, View
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, to_dict
from poolwise.posterior.posterior import WARM, Posterior
from poolwise.posterior.recursive.compiled import failure
from poolwise.posterior.recursive.types import Predictive
from poolwise.schema import Decision, Outcome, Snapshot
from poolwise.store.base import OutcomeColumns, Store
from poolwise.views import SCALARS, extra, probabilities_of, view

PATIENCE = 5_000
"""Outcomes after which the posterior is compiled, at the earliest, where other processes write to the store too: those
share the cores as well, and to compile takes as long as to learn some thousand outcomes without."""
BLOCK, FEW, BLOCKS = 512, 64, 4
"""Outcomes after which the belief is computed again, and that are learned at once between; blocks after which it is
computed again beside calls, where estimates, which come with a belief of their own, are rarer."""


class ServingPosterior:
    """A `Posterior` belief with its bookkeeping: which outcomes it has seen, which snapshot it serves from."""

    def __init__(self, store: Store, name_index: NameIndex, settings: Settings) -> None:
        self._store, self.name_index, self._settings = store, name_index, settings
        self.version, self.clipped, self._looked, self.trouble = 0, 0, -1, ""
        self._warm, self.shared, self._led = WARM, False, False
        self.learned, self._began, self._latest = 0, 0, 0
        """Outcomes that were folded, so many of the store's first ones; the project of the last."""
        self.in_service, self.worn = False, False
        """Whether calls wait for what is done; whether the belief is to be computed again beside."""
        self.overdue, self.borrowed = Overdue(), PriorPackPool(store, name_index, settings)
        self.undone = store.undone()
        stored = store.snapshots()
        served = damaged_records.serving(store)
        self._rejected = stored[-1] if stored and stored[-1].status == "rejected" else None
        self.snapshot, self.estimated = (served[-1].id, served[-1].outcomes) if served else (0, 0)
        self.frame = frame_of(name_index, settings)
        self._tail: tuple[Any, Any, int] | None = None
        self._constants = np.zeros(0)
        self._exchange = Exchange(self._posterior(hyperparameters_of(self.frame, reversed(served))))
        self.job_adjustment = JobAdjustment(self._exchange, settings.utility_limit)
        self.savings = OutcomeSavings(settings, name_index.known_family, self.frame.home) if settings.total else None
        self.borrowed.apply(self.posterior, served[-1].hyper.get("packs", ()) if served else None)
        warn(store, name_index, self.posterior.hyperparameters)

    def _posterior(self, hyperparameters: Hyperparameters) -> Posterior:
        return posterior_of(self.frame, hyperparameters, self._warm, self._tail)

    @property
    def posterior(self) -> Posterior:
        """The belief itself, to be read."""
        return self._exchange.posterior

    def share(self) -> None:
        """Other processes write to the store, too; not all of them compile at the same time."""
        if not self.shared and self.learned - self._began < WARM:
            self._warm = self.posterior.warm = int(PATIENCE * random.uniform(1.0, 3.0))
        self.shared = True

    @property
    def outcomes(self) -> int:
        """How many outcomes the belief rests on."""
        return self.posterior.outcomes

    def predict(self, project: int, context: int, known: np.ndarray | None = None) -> Predictive:
        """What is believed now about the offered arms. known: of a job."""
        found = self.posterior.predict(project, context, self.name_index.features.encoded_row(known))
        return self._offered(self._valued(found, project, context))

    def ratios(self, project: int, context: int) -> Predictive:
        """What is believed now about the log ratios of the offered arms, whatever is optimised."""
        return self._offered(self.posterior.predict(project, context))

    def _valued(self, found: Predictive, project: int, context: int) -> Predictive:
        """The belief about what is optimised, from that about log ratios."""
        return found if self.savings is None else self.savings.convert(found, project, context)

    def _offered(self, found: Predictive) -> Predictive:
        if isinstance(arms := self.name_index.offered, slice):
            return found
        return Predictive._make(None if part is None else part[..., arms] for part in found)

    def serve(self, policy: Policy) -> None:
        """Let the compiled call that finds a belief apply this policy to it, too, where it is about log ratios."""
        if self.savings is not None:
            return
        arms = self.name_index
        places = tuple(arms.columns.tolist()), tuple(arms.family.tolist()), arms.baseline
        key = (policy.spec, tuple(policy.params), *places)
        self._tail = probabilities_of(policy, arms), key, SCALARS + len(arms.ids) + len(policy.params)
        self._constants = np.array(list(policy.params.values()))
        self.posterior.serve(*self._tail)

    def view(
        self, at: tuple[int, int], allowed: np.ndarray, scalars: np.ndarray, known: Any = None, constants: Any = None
    ) -> tuple[View, np.ndarray | None]:
        """What a policy sees of one cell, and the probabilities that the policy of `serve` with these constants, or its
        own, gives where one compiled call made both; scalars: of the cell's use; known: of the job."""
        arms, chosen = self.name_index, self._constants if constants is None else constants
        found, chances = self.posterior.answer(*at, extra(scalars, allowed, chosen), arms.features.encoded_row(known))
        session = self._settings.goal == "best"
        alike = self.posterior.among_configurations(at, self._offered(found), arms.columns, session=session)
        return view(self._valued(found, *at), arms, allowed, scalars, *alike), chances

    def until_due(self, projects: np.ndarray) -> int:
        """After how many more outcomes the scales are to be estimated again. projects: of those to come."""
        return until_due(self._settings.reestimate_every, self.posterior, self.estimated, projects)

    def update(self, rows: OutcomeColumns) -> None:
        """Learn outcomes in the order of the store, those of jobs, of which there is one at the end or any number in
        whole blocks, after the others."""
        self.learned += len(rows.decision)
        self._latest = int(rows.project[-1]) if len(rows.decision) else self._latest
        utility = None if self.savings is None else self.job_adjustment.utilities(rows)
        given = self._settings, job_features.encoded(self._store, self.name_index.features, rows.decision)
        self.clipped += observations.update(self._exchange, self.job_adjustment, rows, *given)
        if self.savings is not None and utility is not None:
            self.savings.update(rows, utility, self.posterior.predict, self.posterior.half_life)
        self.version += 1

    def learn_plain(self, made: Decision, outcome: Outcome) -> None:
        """`update` by one outcome that says by itself what it is worth. made: its decision."""
        place, raw = self.name_index.cell_of(made), self.name_index.features.encoded_row(made.features)
        self.learned, self._latest = self.learned + 1, place[0]
        self.clipped += observations.learn_plain(self._exchange, place, outcome, self._settings, raw)
        self.version += 1

    def recompute(self) -> None:
        """Compute the belief from its statistics: at once, or beside (`recompute_beside`) where a call would wait."""
        if self.in_service and self._settings.estimate != "inline":
            self.worn |= self.learned % (BLOCKS * BLOCK) == 0
            return
        self.posterior.recompute()
        self.version += 1

    def assume(self, cells: list[tuple[int, int, int]], until: float) -> None:
        """Decisions that have had no outcome for too long count as failed. They were made before `until`, and later
        than what was assumed before."""
        for cell in cells:
            self._exchange.do(Posterior.update, *cell, self._settings.failure_utility, False)
            self.overdue.assume(cell[:2])
            self.version += 1
        self.overdue.until = until

    def withdraw(self, cell: tuple[int, int, int], made: float) -> None:
        """Take such a failure back, if there was one: of a decision, made at this time, that was heard of now."""
        if self.overdue.heard(cell[:2], made):
            self._exchange.do(Posterior.remove_failure, *cell, self._settings.failure_utility)

    def discount(self, discount: Discount) -> None:
        """Set aside evidence of one cell that no longer holds, outcomes that were only assumed there included."""
        self.overdue.set_aside((discount.project, discount.context))
        if self.savings is not None:
            self.savings.discount(discount, self.posterior.counts()[0])
        self._exchange.do(Posterior.discount_cell, *discount)
        self.job_adjustment.discount(discount)
        self.version += 1

    @property
    def due(self) -> bool:
        """Whether the scales are to be estimated again by this process: whoever did it last leaves it to others first,
        if there are any, so that all have an equal share of the work."""
        left = (self.outcomes - self.estimated) // 4 if self._led and self.shared else 0
        return is_due(self._settings.reestimate_every, self.posterior, self.estimated, self._latest, left)

    def failed(self, error: Exception) -> None:
        """A search for scales broke down; the next one comes on schedule."""
        self.estimated, self.trouble = self.outcomes, f"the search for scales failed ({error!r})"

    def asked(self) -> EstimationRequest:
        """What the scales are to be estimated from; nothing that comes later changes it."""
        self.borrowed.apply(self.posterior)
        self.job_adjustment.converge()
        return EstimationRequest(self.outcomes, self.posterior.estimation_arguments(), self.borrowed.weights.tolist())

    def asked_beside(self) -> EstimationRequest:
        """The same, to be answered with a posterior that has adopted the scales, where one can be made."""
        return self.asked()._replace(made=self._exchange.copied(self._posterior, self.learned - self._began))

    def recompute_beside(self) -> Callable[[], Estimate] | None:
        """`recompute` as work to be done beside, whose answer is `answered`; None where it was done at once."""
        self.worn = False
        if (made := self._exchange.copied(self._posterior, self.learned - self._began)) is None:
            self.posterior.recompute()
            self.version += 1
            return None
        outcomes, hyperparameters = self.outcomes, self.posterior.hyperparameters
        return lambda: Estimate(outcomes, [], hyperparameters, 0.0, made(None), recomputed=True)

    def rest(self, found: Estimate) -> Callable[[], Estimate] | None:
        """What is to be done beside before an answer serves, or the next call would wait for it."""
        if found.posterior is None or self._exchange.close_by:
            return None
        return partial(caught_up, found, self._exchange.rest())

    def reestimate(self, reason: str, *, keep: bool = True) -> Snapshot:
        """Scales from all statistics, a snapshot that serves unless the search for them failed; keep: and is stored."""
        self._exchange.forget()
        found = self.answered(answer(self.asked()), reason, keep=keep)
        assert found is not None
        return found

    def answered(self, found: Estimate, reason: str, *, keep: bool = True) -> Snapshot | None:
        """Serve from estimated scales, with all that was learned since, and store them; None: others were taken."""
        fit = found.hyperparameters.gaussian
        serves = bool(np.isfinite(fit.log_evidence))
        if serves and found.posterior is not None:
            if self._exchange.behind is None:
                return None  # other scales were taken meanwhile
            self._exchange.exchange(found.posterior)
            self.worn = False
        elif serves:
            self.posterior.set_hyperparameters(found.hyperparameters)
        self.version += 1
        if found.recomputed:
            return None
        if found.snapshot is not None:
            return self._followed(found.snapshot)
        hyper = {**to_dict(self.posterior.hyperparameters), **self.frame.axes.labels(), "packs": found.packs}
        return self.stored(as_snapshot(found, hyper, reason, self.snapshot or None), keep=keep)

    def news(self, *, at_once: bool = False) -> Snapshot | None:
        """What another process has estimated since; looked up at once, or not at every outcome."""
        if not at_once and self._looked <= self.outcomes < self._looked + max((self.outcomes - self.estimated) // 8, 1):
            return None
        self._looked = self.outcomes
        return next(reversed(damaged_records.serving(self._store, self.snapshot)), None)

    def follow(self, snapshot: Snapshot) -> None:
        """Serve from what another process has estimated."""
        self._exchange.forget()
        with suppress(RefitError):  # another process finds it usable: its space is larger
            self.posterior.set_hyperparameters(self._usable(snapshot))
        self._followed(snapshot)

    def follow_beside(self, snapshot: Snapshot) -> Callable[[], Estimate] | None:
        """The same as work to be done beside, whose answer is `answered`; None where it was done at once."""
        with suppress(RefitError):
            hyperparameters = self._usable(snapshot)
            if (made := self._exchange.copied(self._posterior, self.learned - self._began)) is not None:
                return lambda: Estimate(snapshot.outcomes, [], hyperparameters, 0.0, made(hyperparameters), snapshot)
        self.follow(snapshot)
        return None

    def _followed(self, snapshot: Snapshot) -> Snapshot:
        self.snapshot, self.estimated, self._led = snapshot.id, max(self.estimated, snapshot.outcomes), False
        self.version += 1
        return snapshot

    def problem(self) -> RefitData:
        """What a refit starts from: all that the belief rests on."""
        return problem_of(self.name_index, self.posterior, self._settings, self.frame.axes.labels())

    def aligned(self, snapshot: Snapshot) -> dict[str, Any]:
        """Hyperparameters of a snapshot as they apply to the arms that are known now."""
        return aligned(snapshot.hyper, self.frame.axes)

    def propose(self, snapshot: Snapshot) -> Snapshot:
        """Store a snapshot; one that is to serve does so from now on. Raises RefitError for one that cannot."""
        if snapshot.status == "serving":
            self._exchange.forget()
            self.posterior.set_hyperparameters(self._usable(snapshot))
            snapshot = snapshot._replace(hyper={**to_dict(self.posterior.hyperparameters), **self.frame.axes.labels()})
        hyper = {**snapshot.hyper, "packs": self.borrowed.weights.tolist()}
        return self.stored(snapshot._replace(parent=self.snapshot or None, hyper=hyper))

    def _usable(self, snapshot: Snapshot) -> Hyperparameters:
        return restored(self.frame, snapshot, self.posterior.hyperparameters)

    def stored(self, snapshot: Snapshot, *, keep: bool = True) -> Snapshot:
        if self.undone:
            snapshot = snapshot._replace(hyper={**snapshot.hyper, "undone": self.undone})
        number = self._store.append_snapshot(snapshot) if keep else self.snapshot
        serves = snapshot.status == "serving"
        self.snapshot, self._rejected = (number, None) if serves else (self.snapshot, snapshot._replace(id=number))
        self.estimated, self._led = max(self.estimated, snapshot.outcomes), True
        self.version += 1
        return snapshot._replace(id=number)

    def follow_priors(self) -> None:
        """Start from packs that other processes have imported."""
        if self.borrowed.follow():
            self._exchange.forget()
            self.borrowed.apply(self.posterior)
            self.version += 1

    def saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """What `resume` needs, as arrays and as JSON; None where only events give it back."""
        arrays = self.posterior.saved()
        if arrays is None:
            return None
        body: dict[str, Any] = {"jobs": self.job_adjustment.saved(), **self.overdue.saved()}
        if self.savings is not None:
            more, body["savings"] = self.savings.saved()
            arrays = {**arrays, **more}
        return arrays, {**body, "clipped": self.clipped, "learned": self.learned}

    def resume(self, arrays: dict[str, np.ndarray], body: dict[str, Any], *, rebased: bool) -> None:
        """Go on from what was saved, under the scales that serve now; rebased: with another baseline, which jobs settle
        around from now on."""
        if self.savings is not None:
            if rebased:
                raise ValueError("savings were counted against another baseline")
            self.savings.resume(arrays, body["savings"])
        self.posterior.resume(arrays)
        self.job_adjustment.resume(body["jobs"])
        self.overdue.resume(body)
        self.clipped, self.learned, self._began = body["clipped"], body["learned"], body["learned"]
        if rebased:
            self.job_adjustment.converge()

    def status(self) -> dict[str, Any]:
        return {
            "snapshot": self.snapshot,
            "learned": self.outcomes,
            "estimated_from": self.estimated,
            "overdue": len(self.overdue),
            "clipped": self.clipped,
            **({"rejected": refused(self._rejected)} if self._rejected else {}),
            **({"trouble": self.trouble} if self.trouble else {}),
            **({"features_idle": why} if (why := idle(self.name_index, self.posterior.hyperparameters)) else {}),
            **({"compiled": f"failed, NumPy serves ({failed})"} if (failed := failure()) else {}),
        }
