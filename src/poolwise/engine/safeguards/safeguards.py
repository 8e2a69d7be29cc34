"""The state of safety and exploration: a fold over decisions and outcomes, asked before each choice.

Outcomes come in the order of the store. Times of quarantine and change are outcomes of the project. Of a decision
nothing is remembered but what it adds to a count, however long its outcome takes.
"""

import math
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.reasons import EXPLORED, FAVOURITE, SETTLED, read
from poolwise.engine.safeguards import operator_overrides as standing
from poolwise.engine.safeguards.settings import Exploration, Safety, controls
from poolwise.policy.constraints import change_detection, conservative, quarantine
from poolwise.policy.constraints.betting_bound import ConfidenceSequence
from poolwise.policy.constraints.constraints import Constraints
from poolwise.policy.constraints.coverage_guarantee import exploration_factor
from poolwise.policy.view import Context
from poolwise.space import ArmSpace

Key = tuple[int, int]
"""(project, context)."""
MOST = 1.0
"""Largest share of the mass that coverage takes where trials are lacking."""
_TEACHING = (EXPLORED, FAVOURITE)
_COUNTS = ("made", "seen", "explored", "shadowed", "favourite", "found", "changed")
"""Of a `CellCounts`, but for its trials."""


class Discount(NamedTuple):
    """Evidence to be set aside in one cell: of every known arm the share `keep`, (known arms,)."""

    project: int
    context: int
    keep: np.ndarray


class CellCounts:
    """What is counted per (project, context)."""

    __slots__ = ("changed", "explored", "favourite", "found", "made", "seen", "shadowed", "trials")

    def __init__(self, trials: int) -> None:
        self.made = self.seen = self.explored = self.shadowed = 0
        self.favourite: int | None = None
        self.found = 0
        """Decisions made here when another arm was last newly believed to be best."""
        self.changed: int | None = None
        """Outcomes seen here when a change was last found."""
        self.trials: deque[int] = deque(maxlen=trials)
        """Project's decisions when the last informative trials came back."""


class Safeguards:
    """Guards one engine. Arms are indices of all known arms, but for `Constraints`, which speak of the offered ones."""

    def __init__(self, name_index: NameIndex, space: ArmSpace, safety: Safety, exploration: Exploration) -> None:
        self.safety, self.exploration = safety, exploration
        self._name_index, self._space = name_index, space
        self.overrides = standing.Overrides(controls(safety, space), safety.shadow)
        self._home = int(name_index.columns[name_index.baseline])
        self._tracks: dict[tuple[int, int, int], change_detection.CusumState] = {}
        self._held: dict[int, dict[tuple[int, int], quarantine.State]] = {}
        self.clock: dict[int, int] = {}
        """Outcomes of each project."""
        self.made: dict[int, int] = {}
        """Decisions of each project."""
        self.ledgers: dict[int, conservative.Ledger] = {}
        self.places: dict[Key, CellCounts] = {}
        self.explored, self.total = 0, 0

    def decided(self, project: int, context: int, arm: int, reason: str) -> None:
        """Count one decision. `reason` is as `reasons.written` gives it."""
        self.made[project] = self.made.get(project, 0) + 1
        place = self._place(project, context)
        place.made += 1
        self.total += 1
        choice, _, shadow = read(reason)
        if shadow is not None:  # the baseline was answered, whatever was drawn
            place.shadowed += 1
        elif choice == EXPLORED:
            place.explored += 1
            self.explored += 1
        elif choice in (FAVOURITE, SETTLED):
            if place.favourite not in (None, arm):
                place.found = place.made
            place.favourite = arm
        if self.safety.conservative is not None:
            ledger = self.ledgers.get(project) or conservative.start(np)
            self.ledgers[project] = conservative.decided(ledger, arm != self._home)

    def observed(self, project: int, context: int, arm: int, utility: float, reason: str) -> Discount | None:
        """Learn the outcome of a decision made for this reason; what has changed or was quarantined is to be
        forgotten."""
        place = self._place(project, context)
        place.seen += 1
        time = self.clock[project] = self.clock.get(project, 0) + 1
        if arm != self._home and read(reason).choice in _TEACHING:
            place.trials.append(self.made.get(project, 0))
        if self.safety.conservative is not None:
            speed = np.float64(math.exp(min(utility, 50.0)))
            ledger = self.ledgers.get(project) or conservative.start(np)
            self.ledgers[project] = conservative.observed(self.safety.conservative, ledger, arm != self._home, speed)
        drift = self.exploration.drift or change_detection.Settings()
        key = (project, context, arm)
        before = self._tracks.get(key, change_detection.CusumState())
        self._tracks[key], changed = change_detection.update(drift, before, utility)
        caught = self._caught(project, context, arm, utility, change_detection.noise(drift, before), time)
        changed = changed and self.exploration.drift is not None
        if not (caught or changed):
            return None
        keep = np.full(len(self._name_index.known), drift.keep if changed else 1.0)
        keep[arm] = 0.0
        if changed:
            place.changed = place.seen
        return Discount(project, context, keep)

    def permissions(self, project: int, context: int) -> tuple[bool, bool]:
        """Whether the next decision may leave the baseline, and whether it may explore."""
        rules, leave = self.safety.conservative, True
        if rules is not None:
            leave = bool(conservative.may_leave(rules, self.ledgers.get(project) or conservative.start(np)))
        place = self.places.get((project, context))
        here = (place.explored, place.made) if place else (0, 0)
        most = self.exploration
        free = _within(most.context_budget, most.grant, *here) and _within(
            most.overall_budget, most.grant, self.explored, self.total
        )
        return leave, free

    def limits(self, names: tuple[str, str], cell: Key, gate: tuple[bool, bool], usage: Context) -> Constraints:
        """What is in force for the next decision in a cell, given by names and by indices."""
        project, context = cell
        overrides, shadow = standing.in_force(self.overrides, self._space, *names)
        safety = self.safety
        return Constraints(
            code=self.codes(project, context)[self._name_index.columns],
            probation_factor=safety.quarantine.dose if safety.quarantine else 1.0,
            may_leave_baseline=gate[0],
            exploration_factor=self._exploration_factor(project, context) if gate[1] else 0.0,
            coverage_share=self._coverage_share(project, context, usage),
            delta=1.0 if safety.delta is None else safety.delta,
            margin=safety.margin,
            controls=overrides,
            shadow=shadow,
        )

    def codes(self, project: int, context: int) -> np.ndarray:
        """(known arms,) int: index into `guard.REASONS`."""
        rules, known, time = self.safety.quarantine, len(self._name_index.known), self.clock.get(project, 0)
        held = self._held.get(project, {})
        active = {key: one for key, one in held.items() if one.until > time or one.left > 0}
        if not active or rules is None:
            return np.zeros(known, dtype=np.int64)
        state = quarantine.start(max(context, *(c for c, _ in active)) + 1, known, np)
        for (c, a), one in active.items():
            for array, value in zip(state, one, strict=True):
                array[c, a] = value
        return quarantine.reasons(rules, state, time, self._home)[context].astype(np.int64)

    def until(self, project: int, context: int, arm: int) -> int:
        """Outcomes of the project until an arm's own quarantine ends."""
        state = self._held.get(project, {}).get((context, arm))
        return 0 if state is None else max(0, math.ceil(state.until) - self.clock[project])

    def saved(self) -> dict[str, Any]:
        """All counts as JSON, for `resume`."""
        places = [
            [*at, *(getattr(place, name) for name in _COUNTS), list(place.trials)] for at, place in self.places.items()
        ]
        ledgers = [
            [project, [np.asarray(part).tolist() for part in _flat(one)]] for project, one in self.ledgers.items()
        ]
        return {
            "tracks": [[*at, *track] for at, track in self._tracks.items()],
            "held": [[project, *at, *one] for project, held in self._held.items() for at, one in held.items()],
            "projects": [[project, made, self.clock.get(project, 0)] for project, made in self.made.items()],
            "ledgers": ledgers,
            "places": places,
            "explored": [self.explored, self.total],
        }

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from what was saved."""
        self._tracks = {(p, c, a): change_detection.CusumState(*track) for p, c, a, *track in saved["tracks"]}
        for project, context, arm, *one in saved["held"]:
            self._held.setdefault(project, {})[context, arm] = quarantine.State(*one)
        self.made = {project: made for project, made, _ in saved["projects"]}
        self.clock = {project: clock for project, _, clock in saved["projects"]}
        self.ledgers = {project: _ledger(parts) for project, parts in saved["ledgers"]}
        for project, context, *counts, trials in saved["places"]:
            place = self._place(project, context)
            for name, value in zip(_COUNTS, counts, strict=True):
                setattr(place, name, value)
            place.trials.extend(trials)
        self.explored, self.total = saved["explored"]

    def _caught(self, project: int, context: int, arm: int, utility: float, noise: float, time: int) -> bool:
        """Whether this outcome sends the arm into quarantine. Arms that nothing is held against are not stored."""
        rules = self.safety.quarantine
        if rules is None or arm == self._home:
            return False
        held = self._held.setdefault(project, {})
        state = held.get((context, arm))
        if state is None:
            if (rules.margin - utility) / noise <= rules.slack:
                return False
            state = quarantine.State(0.0, 0.0, 0.0, 0.0)
        before = quarantine.State(*(np.array([[value]]) for value in state))
        after = quarantine.observe(rules, before, 0, 0, np.float64(utility), noise, float(time), -1)
        held[context, arm] = one = quarantine.State(*(array.item() for array in after))
        if not (one.harm or one.strikes or one.left):
            del held[context, arm]
        return bool(after.until[0, 0] > before.until[0, 0])

    def _exploration_factor(self, project: int, context: int) -> float:
        """Factor on exploring; see `policy.constraints.coverage_guarantee.exploration_factor`."""
        memory, place = self.exploration.memory, self.places.get((project, context))
        if memory is None or place is None:
            return 1.0
        changed = math.inf if place.changed is None else place.seen - place.changed
        return exploration_factor(place.made - place.found, changed, memory, self.exploration.quiet)

    def _coverage_share(self, project: int, context: int, usage: Context) -> float:
        """Share of the mass that half a window still needs to see half of the guaranteed trials."""
        rules = self.exploration.coverage
        if rules is None or usage.importance < rules.share:
            return 0.0
        place, half = self.places.get((project, context)), rules.window / 2
        recent = sum(self.made[project] - at < half for at in place.trials) if place else 0
        lacking = math.ceil(rules.trials / 2) - recent
        return min(MOST, lacking / max(usage.share * half, 1.0)) if lacking > 0 else 0.0

    def _place(self, project: int, context: int) -> CellCounts:
        key = (project, context)
        if key not in self.places:
            rules = self.exploration.coverage
            self.places[key] = CellCounts(rules.trials if rules else 0)
        return self.places[key]


def _flat(ledger: conservative.Ledger) -> list[Any]:
    """Its numbers as JSON."""
    every = [part for field in ledger for part in (field if isinstance(field, ConfidenceSequence) else [field])]
    return [np.asarray(part).tolist() for part in every]


def _ledger(parts: list[Any]) -> conservative.Ledger:
    """From `_flat`."""
    rest: Any = iter([np.array(part)[()] for part in parts])
    taken: Any = [
        ConfidenceSequence(*(next(rest) for _ in field)) if isinstance(field, ConfidenceSequence) else next(rest)
        for field in conservative.start(np)
    ]
    return conservative.Ledger(*taken)


def _within(share: float | None, grant: float, explored: int, made: int) -> bool:
    return share is None or explored + 1 <= grant + share * (made + 1)
