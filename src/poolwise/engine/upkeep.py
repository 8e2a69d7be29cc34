"""Keeps what serves level with the store, whatever is raised, and the scales up to date beside the calls.

Log and belief never part: `Serving` is taken out of reach before it is changed and put back when the change is whole,
so an exception from anywhere, a signal's handler included, leaves either the old value or none; where there is none,
the next call folds the store again. Not safe between threads: `Engine` holds the lock.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, TypeVarTuple

from poolwise.engine import observe
from poolwise.engine.estimation import renewal
from poolwise.engine.estimation.background import BackgroundEstimation, Estimate, answer
from poolwise.engine.estimation.renewal import Renewals
from poolwise.engine.faults import Faults
from poolwise.engine.safeguards.recommended import Advisor, Recommendation
from poolwise.engine.settings import Settings
from poolwise.engine.state import checkpoint, idle_features
from poolwise.engine.state.serving import Serving
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.errors import PoolwiseError, StoreDamaged, StoreError, StoreStale
from poolwise.policy.view import Policy
from poolwise.schema import Decision, Snapshot
from poolwise.space import ArmSpace
from poolwise.space.renewal import RENEWAL
from poolwise.store.base import Store

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_MEANWHILE = 100
"""Times that other processes may give the store new arms while this one opens it."""
LEASE, _LEASED = "estimate", 30.0
"""What one process of many holds, and for how many seconds: one that is killed keeps the others waiting so long."""


class Upkeep:
    """Of one engine."""

    def __init__(self, store: Store, space: ArmSpace, policy: Policy, settings: Settings) -> None:
        self.store, self.settings, self._declared = store, settings, space
        self.faults = Faults(0.0 if settings.on_store_fault == "raise" else settings.lock_wait)
        self._policy, self._beside, self._closing = policy, BackgroundEstimation(), False
        self.advisor: Advisor | None = None
        self._successor: Serving | None = None
        """What is to serve from now on, since other configurations are offered."""
        self._serving: Serving | None = None
        self._serving = self._opened(commit=True)
        self.change(self._go_on)

    @property
    def space(self) -> ArmSpace:
        """What is offered."""
        return self._declared if self._serving is None else self._serving.name_index.space

    def current(self) -> Serving:
        """What serves, with all folded in that this process has stored, and what others stored before that. Raises
        StoreError where that cannot be read; then what served before is left."""
        serving = self._serving
        if serving is None:
            serving = self._serving = self._opened()
        if serving.behind:
            new = observe.waiting(serving)
            self._serving = None
            undone = self.store.undone() != serving.belief.undone
            if undone or observe.outgrown(serving, new.outcomes) or observe.outgrown(serving, new.decisions):
                serving = self._reopened(serving)
            else:
                observe.fold(serving, new)
            self._serving = serving
            self._change(serving, self._go_on)
        elif self._beside.done:
            self._change(serving, self._go_on)
        return serving if self._successor is None else self._succeeded(serving)

    def knows(self, project: Any, context: Any) -> bool:
        """Whether these are the names of a cell that is kept ready: then they were checked."""
        serving = self._serving
        plain = type(project) is str and type(context) is str
        return serving is not None and plain and (project, context) in serving.cells

    def change(self, change: Callable[[Serving], T]) -> T:
        """Let what serves be changed, level with the store."""
        return self.changed(self.current(), change)

    def changed(self, serving: Serving, change: Callable[[Serving, *Ts], T], *more: *Ts) -> T:
        """Let what serves be changed. Errors of ours are raised where nothing has changed yet; after any other, all is
        folded again."""
        self._serving = None
        try:
            answer = change(serving, *more)
        except PoolwiseError as error:
            self._serving = None if serving.torn else serving
            if not isinstance(error, StoreStale):
                raise
        else:
            self._serving = serving
            return answer
        return self._change(self.renewed(), change, *more)

    def expect(self) -> Serving | None:
        """What serves, about to fall behind the store."""
        if self._serving is not None:
            self._serving.behind = True
        return self._serving

    def refresh(self) -> int:
        """Follow all that others have written; how many outcomes of theirs were learned since the last time."""
        self.expect()
        if self._serving is not None and self.store.undone() != self._serving.belief.undone:
            self.renewed()
        self.follow_overrides()
        return self.change(self._follow)

    def renewed(self) -> Serving:
        """What serves, folded anew: something was taken back."""
        self._beside.close()
        before, self._serving = self._serving, None
        self._serving = self._opened() if before is None else self._reopened(before)
        return self._serving

    def undo(self, take: Callable[[], T]) -> T:
        """Let events be taken back, and fold the others as if those had never been: scales are estimated where they
        would have been, and kept with a checkpoint for whoever opens the store next."""
        self._beside.close()
        undone, taken = self.store.undone(), take()
        if self.store.undone() == undone:
            return taken
        self._serving = None
        found: list[Snapshot] = []
        serving = self._begun()
        observe.opened(serving, found.append)
        if found:
            serving.belief.stored(found[-1])
        self._serving = serving
        if (state := checkpoint.taken(serving)) is not None:
            serving.saved = serving.outcomes
            checkpoint.write(self.store, state)
        return taken

    def follow_overrides(self) -> None:
        """Let orders take effect that any process has logged."""
        serving = self.current()
        if serving.policy_gate.follow_recommendations():
            serving.forget_cells()
        if serving.policy_gate.follow_overrides():
            serving.forget_cells()
            if serving.policy_gate.safeguards is None:
                self._serving = None
                self._serving = self._reopened(serving)

    def recommend(self, project: str, said: Recommendation) -> dict[str, Any]:
        """Let a project explore with other constants."""
        serving = self.current()
        body = serving.policy_gate.recommend(project, said)
        serving.forget_cells()
        return body

    def unlogged(self, change: Callable[[Serving], Decision], otherwise: Decision) -> Decision:
        """Decide without the store, from what served last, if anything did."""
        self.faults.unlogged += 1
        return otherwise if self._serving is None else self._change(self._serving, change)

    def close(self) -> None:
        """Wait for the work beside, and save where the next one can start from."""
        self._beside.close()
        self._closing = True
        with suppress(StoreError):
            self.store.release(LEASE)
            self.expect()
            serving = self.current()
            taken = checkpoint.taken(serving)
            if taken is not None and serving.outcomes - serving.saved >= checkpoint.AT_CLOSE:
                checkpoint.write(self.store, taken)

    def _opened(self, *, commit: bool = False) -> Serving:
        for _ in range(_MEANWHILE):
            serving = self._begun()
            if not commit or serving.name_index.commit():
                break  # else another process has given the store new arms meanwhile
        else:
            raise StoreDamaged("the names of arms in this store have no order: restore it from a backup")
        try:
            checkpoint.restore(serving)
        except checkpoint.OtherOrder as other:
            serving = self._begun(other.arms)
            checkpoint.restore(serving)
        except checkpoint.Unusable:
            serving = self._begun()
        observe.opened(serving)
        return serving

    def _begun(self, first: Sequence[str] = ()) -> Serving:
        """first: arms whose order is to be kept."""
        return Serving(self.store, self._declared, self._policy, self.settings, first, self._advice)

    def _advice(self, project: str, made: int) -> Recommendation | None:
        return None if self.advisor is None else self.advisor(project, made)

    def _reopened(self, before: Serving) -> Serving:
        serving = self._opened()
        serving.others = before.others + serving.outcomes - before.outcomes
        return serving

    def _change(self, serving: Serving, change: Callable[[Serving, *Ts], T], *more: *Ts) -> T:
        self._serving = None
        try:
            answer = change(serving, *more)
        except PoolwiseError:
            self._serving = None if serving.torn else serving
            raise
        self._serving = serving
        return answer

    def _follow(self, serving: Serving) -> int:
        serving.belief.follow_priors()
        if (news := serving.belief.news(at_once=True)) is not None:
            serving.belief.follow(news)
        observe.assume_overdue(serving, time.time())
        others, serving.others = serving.others, 0
        return others

    def _go_on(self, serving: Serving) -> None:
        """Serve from scales that were found; look for others, or save a checkpoint, where that is due."""
        belief = serving.belief
        if self._beside.busy and not self._beside.done:
            return
        try:
            found = self._beside.taken()
            if isinstance(found, StoreError):
                self.faults.meet(found)
            elif isinstance(found, Exception):
                belief.failed(found)
            elif isinstance(found, Serving):
                self._successor = found
            elif found is not None and belief.frame.suits(found.hyperparameters):
                if (rest := belief.rest(found)) is None:
                    belief.answered(found, "on schedule")
                    idle_features.warn(self.store, serving.name_index, belief.posterior.hyperparameters)
                    self._renew_arms(serving, found.renewals)
                else:
                    self._beside.start(rest)
            if self._beside.busy or self._closing:
                return
            if found is not None and not (isinstance(found, Estimate) and found.recomputed):
                self.store.release(LEASE)
            if belief.due:
                self._estimate_or_follow(serving)
            elif belief.worn:
                self._renew(belief)
            elif serving.outcomes - serving.saved >= checkpoint.EVERY and not serving.ahead:
                self._save(serving)
        except StoreError as error:
            self.faults.meet(error)

    def _estimate_or_follow(self, serving: Serving) -> None:
        """One process of all estimates; whoever has the lease now may have had to wait until another was done."""
        belief = serving.belief
        leads, inline = self.store.lease(LEASE, _LEASED), self.settings.estimate == "inline"
        news = belief.news(at_once=leads)
        if news is None and leads and not inline:
            asked, renewing = belief.asked_beside(), renewal.asked(serving)
            self._beside.start(lambda: renewal.answered(answer(asked), renewing))
            return
        if news is None and leads:
            renewing = renewal.asked(serving)
            belief.reestimate("on schedule")
            self._renew_arms(serving, renewal.proposals(renewing, belief.posterior))
        elif news is not None and inline:
            belief.follow(news)
        elif news is not None and (work := belief.follow_beside(news)) is not None:
            self._beside.start(work)
        if leads:
            self.store.release(LEASE)

    def _renew_arms(self, serving: Serving, renewals: Renewals | None) -> None:
        """Let other configurations be offered from now on, and make ready, beside, what will serve them."""
        if renewals is None:
            return
        order, taken = renewal.order(serving, renewals), checkpoint.taken(serving)
        for one in renewals.records:
            self.store.append_record(RENEWAL, one)
        if taken is None or self.settings.estimate == "inline":
            self._successor = self._reopened(serving) if taken is None else self._moved(order, taken)
        else:
            self._beside.start(lambda: self._moved(order, taken))

    def _moved(self, order: Sequence[str], taken: checkpoint.Taken) -> Serving:
        serving = self._begun(order)
        serving.name_index.commit()
        try:
            checkpoint.moved(taken, serving)
        except checkpoint.Unusable:
            serving = self._opened()
        serving.belief.posterior.ready()
        return serving

    def _succeeded(self, before: Serving) -> Serving:
        """Serve from the successor, with what came since it was begun."""
        after, self._successor, self._serving = self._successor, None, None
        assert after is not None
        if after.succeeds(before) and not after.policy_gate.changed():
            new = observe.waiting(after)
            if not observe.outgrown(after, new.outcomes) and not observe.outgrown(after, new.decisions):
                observe.fold(after, new)
                self._serving = after
                return after
        self._serving = after = self._reopened(before)
        return after

    def _renew(self, belief: ServingPosterior) -> None:
        if (work := belief.recompute_beside()) is not None:
            self._beside.start(work)

    def _save(self, serving: Serving) -> None:
        serving.saved, taken = serving.outcomes, checkpoint.taken(serving)
        if taken is None or self.store.read_only:
            return
        if self.settings.estimate == "inline":
            checkpoint.write(self.store, taken)
        else:
            self._beside.start(lambda: checkpoint.write(self.store, taken))
