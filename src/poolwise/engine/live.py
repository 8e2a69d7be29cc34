"""The belief that serves: fed from the store and from this process, its scales estimated again on a schedule."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from poolwise.engine.borrowed import RECORD, Borrowed, check, record
from poolwise.engine.catalogue import Catalogue
from poolwise.engine.levelling import Levelling
from poolwise.engine.outcomes import upper_bound, upper_bounds
from poolwise.engine.refitting import Problem, problem_of
from poolwise.engine.settings import Settings
from poolwise.engine.suite import Fade
from poolwise.engine.terrain import terrain
from poolwise.errors import RefitError
from poolwise.meta.packs import Pack
from poolwise.posterior.joint import Joint, Look, Scales, prior_scales, restored, to_dict
from poolwise.schema import STATUSES, Outcome, Snapshot
from poolwise.store.base import OutcomeColumns, Store

_OK = STATUSES.index("ok")


class Live:
    """A `Joint` belief with its bookkeeping: which outcomes it has seen, which snapshot it serves from."""

    def __init__(self, store: Store, catalogue: Catalogue, settings: Settings) -> None:
        self._store, self._catalogue, self._settings = store, catalogue, settings
        self.version, self.read = 0, 0
        self._ahead: set[int] = set()
        self._assumed: dict[int, tuple[int, int, int]] = {}
        self.borrowed = Borrowed(store, catalogue, settings)
        stored = store.snapshots()
        served = [snapshot for snapshot in stored if snapshot.status == "serving"]
        self._rejected = stored[-1] if stored and stored[-1].status == "rejected" else None
        self.snapshot, self.estimated = (served[-1].id, served[-1].outcomes) if served else (0, 0)
        said = settings.success_prior(catalogue.known_names)
        usual = settings.usual_success if settings.domain_priors else None
        expected = settings.expected(catalogue.known_names, catalogue.known_family)
        self.ground = terrain(catalogue.known_arms, catalogue.known_family, catalogue.space, settings.surface)
        """Where arms stand among each other by their parameters; None: none resembles another."""
        scales = prior_scales(catalogue.known_family, said, usual=usual, said=expected, ground=self.ground)
        if served:
            scales = restored(served[-1].hyper, scales)
        self._joint = Joint(
            scales,
            settings.failure_utility,
            projects=catalogue.size("project"),
            contexts=catalogue.size("context"),
            options=settings.options,
            baseline=int(catalogue.columns[catalogue.baseline]),
        )
        self._joint.limit_factors(settings.project_factors)
        self._levelling = Levelling(self._joint, settings.utility_limit)
        self.borrowed.lend(self._joint, served[-1].hyper.get("packs", ()) if served else None)

    @property
    def joint(self) -> Joint:
        """The belief itself, to be read."""
        return self._joint

    @property
    def outcomes(self) -> int:
        """How many outcomes the belief rests on."""
        return self._joint.outcomes

    def look(self, project: int, context: int) -> Look:
        """What is believed now about the offered arms."""
        arms = self._catalogue.offered
        seen = self._joint.look(project, context)
        if isinstance(arms, slice):  # all of them
            return seen
        return Look._make(None if part is None else part[..., arms] for part in seen)

    def contrast(self, project: int, context: int, look: Look) -> np.ndarray | None:
        """Of the offered arms; see `posterior.contrast`. look: what is believed of them now."""
        return self._joint.contrast(project, context, look, self._catalogue.columns)

    def add(self, project: int, context: int, arm: int, outcome: Outcome, job: str | None = None) -> float:
        """Learn one outcome that this process has just stored, and estimate the scales again when that is due.

        job: of an outcome whose utility is -log cost. Returns the utility that it is worth.
        """
        self._ahead.add(outcome.decision)
        self._withdraw([outcome.decision])
        bound, utility = upper_bound(outcome, self._settings), outcome.utility
        if job is not None:
            code = int(self._catalogue.codes("job", [job])[0])
            utility = self._levelling.learn(code, project, context, arm, utility)
        elif bound is None:
            self._joint.learn(project, context, arm, self._clipped(utility), outcome.status == "ok")
        else:
            self._joint.learn(project, context, arm, self._clipped(bound), True, True)
        self.version += 1
        self._reestimate_when_due()
        return utility

    def fresh(self, stored: OutcomeColumns) -> OutcomeColumns:
        """Of outcomes read from the store, those that `add` has not learned already. Each is to be passed but once."""
        self.read += len(stored.decision)
        known = np.isin(stored.decision, np.fromiter(self._ahead, np.int64, len(self._ahead)))
        self._ahead -= set(stored.decision[known].tolist())
        return self._levelling.levelled(OutcomeColumns(*(column[~known] for column in stored)))

    def stored(self, own: OutcomeColumns) -> OutcomeColumns:
        """What is to be learned after this process has stored many outcomes: these, unless others have written too."""
        known = self.read + len(self._ahead) + len(own.decision)
        if self._store.answered() != known:
            return self.fresh(self._store.outcomes(after=self.read))
        self.read, self._ahead = known, set()
        return self._levelling.levelled(self._store.chosen(own))

    def add_many(self, new: OutcomeColumns) -> None:
        """Learn outcomes in the order of the store."""
        self._withdraw(new.decision.tolist())
        new = self._levelling.taken(new)
        bound = upper_bounds(new, self._settings)
        cut = ~np.isnan(bound)
        utility = self._clipped(np.where(cut, bound, new.utility))
        self._joint.learn_many(new.project, new.context, new.arm, utility, (new.status == _OK) | cut, cut)
        self.version += 1
        self._reestimate_when_due()

    def assume_overdue(self, now: float) -> None:
        """Decisions older than `Settings.outcome_timeout` count as failed, in the belief alone, until heard of."""
        timeout = self._settings.outcome_timeout
        if timeout is None:
            return
        for id in self._store.open_decisions(now - timeout).tolist():
            if id not in self._assumed:
                self._assumed[id] = self._catalogue.cell_of(self._store.decision(id))
                self._joint.learn(*self._assumed[id], self._settings.failure_utility, False)
                self.version += 1

    def _withdraw(self, decisions: list[int]) -> None:
        for id in self._assumed.keys() & set(decisions) if self._assumed else ():
            self._joint.forget(*self._assumed.pop(id), self._settings.failure_utility)

    def fade(self, fade: Fade | None) -> None:
        """Set aside evidence of one cell that no longer holds, outcomes that were only assumed there included."""
        if fade is None:
            return
        for id in [id for id, cell in self._assumed.items() if cell[:2] == (fade.project, fade.context)]:
            del self._assumed[id]
        self._joint.fade(*fade)
        self._levelling.fade(fade)
        self.version += 1

    def reestimate(self, reason: str) -> Snapshot:
        """Scales from all statistics; stored as a snapshot, which serves unless the search for them failed."""
        began = time.perf_counter()
        self.borrowed.lend(self._joint)
        self._levelling.settle()
        fit = self._joint.reestimate()
        found = np.isfinite(fit.log_evidence)
        diagnostics = {
            "log_evidence": fit.log_evidence if found else None,
            "iterations": fit.iterations,
            "converged": bool(fit.converged),
            "seconds": time.perf_counter() - began,
        }
        snapshot = Snapshot(
            id=0,
            time=time.time(),
            parent=self.snapshot or None,
            method="fast",
            status="serving" if found else "rejected",
            reason=reason if found else f"{reason}: the marginal likelihood was not finite",
            outcomes=self.outcomes,
            hyper=to_dict(self._joint.scales),
            diagnostics=diagnostics,
        )
        return self._stored(snapshot)

    def problem(self) -> Problem:
        """What a refit starts from: all that the belief rests on."""
        return problem_of(self._catalogue, self._joint, self._settings.utility_limit)

    def propose(self, snapshot: Snapshot) -> Snapshot:
        """Store a snapshot; one that is to serve does so from now on. Raises RefitError for one that cannot."""
        if snapshot.status == "serving":
            self._joint.adopt(self._usable(snapshot))
            snapshot = snapshot._replace(hyper=to_dict(self._joint.scales))
        return self._stored(snapshot._replace(parent=self.snapshot or None))

    def _usable(self, snapshot: Snapshot) -> Scales:
        """The scales of a proposed snapshot. Numbers that are no scales are refused before anything changes."""
        try:
            scales = restored(snapshot.hyper, self._joint.scales)
        except (KeyError, TypeError, ValueError) as error:
            raise RefitError(f"the proposed snapshot cannot be read ({error!r}): the old one keeps serving") from error
        arms, found = len(self._joint.scales.gaussian.family), scales.gaussian.hyper
        parts = [np.atleast_1d(part) for part in (*found.arm, *found.family, *found.globe, found.noise, found.spread)]
        flat = np.concatenate([*parts, [scales.success.kappa_context, scales.success.kappa_cell]])
        if len(found.noise) != arms or not (np.isfinite(flat).all() and (flat >= 0).all() and (found.noise > 0).all()):
            raise RefitError(
                "the proposed snapshot has scales that are not positive numbers: the old one keeps serving"
            )
        return scales

    def _stored(self, snapshot: Snapshot) -> Snapshot:
        snapshot = snapshot._replace(hyper={**snapshot.hyper, "packs": self.borrowed.weights.tolist()})
        number = self._store.append_snapshot(snapshot)
        serves = snapshot.status == "serving"
        self.snapshot, self._rejected = (number, None) if serves else (self.snapshot, snapshot._replace(id=number))
        self.estimated = max(self.estimated, snapshot.outcomes)
        self.version += 1
        return snapshot._replace(id=number)

    def import_priors(self, packs: Sequence[Pack]) -> list[dict[str, Any]]:
        """See `Priors.adopt`."""
        names = self.borrowed.names()
        used = [check(pack, names) for pack in packs]
        for pack in packs:
            self._store.append_record(RECORD, record(pack))
        self.borrowed.follow()
        self.reestimate("prior packs imported")
        mine = self.borrowed.weights[-1 - len(packs) : -1].tolist()
        return [{**one, "weight": weight} for one, weight in zip(used, mine, strict=True)]

    def follow_priors(self) -> None:
        """Start from packs that other processes have imported."""
        if self.borrowed.follow():
            self.borrowed.lend(self._joint)
            self.version += 1

    def status(self) -> dict[str, Any]:
        return {
            "snapshot": self.snapshot,
            "learned": self.outcomes,
            "estimated_from": self.estimated,
            "overdue": len(self._assumed),
            **({"rejected": _refused(self._rejected)} if self._rejected else {}),
        }

    def _reestimate_when_due(self) -> None:
        if self._settings.due(self.outcomes, self.estimated):
            self.reestimate("on schedule")

    def _clipped(self, utility: Any) -> Any:
        limit = self._settings.utility_limit
        return min(max(utility, -limit), limit) if isinstance(utility, float) else np.clip(utility, -limit, limit)


def _refused(snapshot: Snapshot) -> str:
    """Why the newest proposal does not serve."""
    return f"snapshot {snapshot.id} ({snapshot.method}) does not serve: {snapshot.reason}"
