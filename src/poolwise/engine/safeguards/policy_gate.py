"""Between engine and policy: the safeguards of safety and exploration, where any are on, kept level with the log."""

import math
import time
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.safeguards import damaged_records, operator_overrides, recommended
from poolwise.engine.safeguards.recommended import Advisor, ProjectPolicy, Recommendation, with_constants
from poolwise.engine.safeguards.safeguards import Key, Safeguards
from poolwise.engine.safeguards.settings import NO_EXPLORATION, NO_SAFETY, controls, protected
from poolwise.engine.settings import Settings
from poolwise.engine.state.cached_decision import limited_reasons, reasons
from poolwise.errors import ConfigError, StoreError
from poolwise.names import absent
from poolwise.objective import threshold
from poolwise.policy.constraints.constraints import Constraints, constrain
from poolwise.policy.view import Policy, View
from poolwise.space import Arm, ArmSpace
from poolwise.store.base import Store

NEVER = math.inf


class ActionDistribution(NamedTuple):
    """What may happen in one decision, per drawn arm."""

    probabilities: list[float]
    """Of what is drawn."""
    answers: tuple[Arm, ...]
    """What is answered when each arm is drawn: itself, or in a shadow the baseline."""
    propensities: list[float]
    """Probability of each answer."""
    reasons: list[str]
    gate: tuple[bool, bool] | None
    limits: Constraints | None


class PolicyGate:
    """Holds the safeguards, if any, and the policy inside eligibility."""

    def __init__(
        self,
        store: Store,
        name_index: NameIndex,
        space: ArmSpace,
        policy: Policy,
        settings: Settings,
        advisor: Advisor | None = None,
    ) -> None:
        self._store, self._name_index, self._space, self._settings = store, name_index, space, settings
        self._given, self._advisor = policy, advisor
        safety = settings.safety
        if safety is not None:
            safety = safety._replace(margin=threshold(safety.margin, settings.known_objective))
        self.policy = protected(policy, safety)
        """Of projects for which nothing is recommended."""
        self._usual = with_constants(self.policy)
        self.recommended: dict[str, dict[str, Any]] = {}
        """Records, by project."""
        self._own, self._again = dict[str, ProjectPolicy](), dict[str, float]()
        self.follow_recommendations()
        self.safeguards: Safeguards | None = None
        """None: nothing was ever asked for, and nothing is counted."""
        if settings.safety or settings.exploration or damaged_records.usable(store, "control"):
            exploration = settings.exploration or NO_EXPLORATION
            self.safeguards = Safeguards(name_index, space, safety or NO_SAFETY, exploration)
            self.follow_overrides()

    @property
    def trusted(self) -> tuple[int, ...]:
        """Arms that may stand in where the baseline is not available."""
        return self.safeguards.overrides.base.fallbacks if self.safeguards else ()

    def own(self, project: str) -> ProjectPolicy:
        """What serves a project."""
        return self._own.get(project, self._usual)

    def meet(self, project: str, made: int) -> ProjectPolicy:
        """The same, of a project that is about to be decided for, after `made` decisions of its own: whoever advises is
        asked where that is due."""
        found = self._own.get(project)
        if found is None or made >= self._again.get(project, NEVER):
            self._again[project] = NEVER
            said = None if self._advisor is None else self._advisor(project, made)
            if said is not None:
                with suppress(StoreError):  # Without a record it is asked again by the next process.
                    self.recommend(project, said)
            found = self._own.setdefault(project, self._usual)
        return found

    def recommend(self, project: str, said: Recommendation) -> dict[str, Any]:
        """Keep it; it serves from now on. Raises InputError for constants that the policy does not have."""
        said = said._replace(params=recommended.checked(self._given, said.params))
        decisions = self._store.counts()["decisions"]
        body = recommended.body_of(said, project, self._given.spec, decisions, time.time())
        self._store.append_record(recommended.RECORD, body)
        self.recommended[project] = body
        self._follow(body)
        return body

    def follow_recommendations(self) -> bool:
        """Let those of other processes take effect; whether there were any."""
        found = recommended.standing(self._store, self._given)
        new, self.recommended = found != self.recommended, found
        if new:
            self._own = {}
            for body in found.values():
                self._follow(body)
        return new

    def _follow(self, body: dict[str, Any]) -> None:
        project, again = body["project"], body.get("again")
        self._own[project] = with_constants(self.policy, body["params"])
        self._again[project] = NEVER if again is None else again

    def choice(
        self, names: tuple[str, str], at: Key, view: View, chances: np.ndarray | None = None
    ) -> ActionDistribution:
        """What the policy makes of a view under the limits in force in a cell; chances: what it made of it already."""
        arms, safeguards, policy = self._name_index.arms, self.safeguards, self.own(names[0]).policy
        if safeguards is None:
            if chances is None:
                chances = np.asarray(policy.probabilities(policy.params, view), dtype=np.float64)
            drawn = chances.tolist()
            return ActionDistribution(drawn, arms, drawn, reasons(view), None, None)
        gate = safeguards.permissions(*at)
        limits = safeguards.limits(names, at, gate, view.context)
        ruling = constrain(policy, view, limits)
        drawn, answers = ruling.probabilities.tolist(), arms
        propensities = drawn
        if limits.shadow:
            propensities, answers = [1.0] * len(arms), (arms[view.baseline],) * len(arms)
        why = limited_reasons(view, limits, ruling, arms)
        return ActionDistribution(drawn, answers, propensities, why, gate, limits)

    def follow_overrides(self) -> bool:
        """Let orders take effect that any process has logged; whether there were any. Where nothing was counted yet,
        whoever asks must fold the log again, with safeguards."""
        records = damaged_records.usable(self._store, "control")
        if self.safeguards is None:
            return bool(records)
        before = self.safeguards.overrides
        self.safeguards.overrides = operator_overrides.fold(before._replace(standing={}), records)
        return self.safeguards.overrides != before

    def changed(self) -> bool:
        """Let all take effect that was logged since this was made; whether that takes more than this one."""
        self.follow_recommendations()
        return self.follow_overrides() and self.safeguards is None

    def checked(self, order: str, arm: str | None, project: str | None, context: str | None) -> dict[str, Any]:
        """An order as it is to be logged. Raises ConfigError, also for a project or context that was never heard of:
        it would be a typing error more often than foresight."""
        for kind, name in (("project", project), ("context", context)):
            known = self._name_index.names(kind)
            if name is not None and name not in known:
                raise ConfigError(absent(kind, name, known))
        safety = self._settings.safety or NO_SAFETY
        base = operator_overrides.Overrides(controls(safety, self._space), safety.shadow)
        record = {"order": order, "arm": arm, "project": project, "context": context, "time": time.time()}
        return operator_overrides.checked(
            operator_overrides.fold(base, damaged_records.usable(self._store, "control")), self._space, record
        )
