"""With which constants a project that is new explores: from cards, and from the store's own projects before it.

Asked by the engine when a project is met, and once more when it has shown what it is like (`OWN`). Where estimates are
made inline, the answer is there before the first decision; otherwise the race goes on beside, in processes of its own,
and the project starts with what the cards say, or as the default does. Whatever fails is said, and the default serves.
"""

import logging
import math
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple

from poolwise.compute import HERE, Pool, opened
from poolwise.config import Config
from poolwise.engine import Engine
from poolwise.engine.safeguards.recommended import Recommendation
from poolwise.errors import DataError, PoolwiseError
from poolwise.meta import logs, mixture, racing
from poolwise.meta import policy_card as cards
from poolwise.meta.histories import Played
from poolwise.meta.logs import Log
from poolwise.meta.mixture import Evidence
from poolwise.meta.racing import Race
from poolwise.meta.recommendation import outside
from poolwise.policy import Policy
from poolwise.run import histories
from poolwise.run.policy_card import Cards, known, named
from poolwise.store import Store, open_store

LOG = logging.getLogger("poolwise")
FACTORS = ((0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 0.0, 3.0))
"""Of `racing.MOVED`, what races: no bonus for knowledge, none for what is shared, the same with more chance."""
OWN = 100
"""Decisions after which a project is asked what it has shown itself."""
MOST, NEWEST, SEEDS, AGAIN = 200, 8, 24, 6
"""Decisions of each project that are lived through again, the newest projects that are, how often at most, and how
often a project's own past is."""
STEPS = Played(compiled=False)
FEWEST = 3
"""Earlier projects that may be learned from."""
WORKERS = 2
"""Processes that race beside."""
SURE = 1.96


class Told(NamedTuple):
    """What is learned from."""

    store: Store
    project: str
    made: int
    """Its decisions so far."""
    pool: Pool


class Recommender:
    """Of one engine: an `engine.safeguards.recommended.Advisor`."""

    def __init__(self, engine: Engine, policy: Policy, found: Cards, config: Config, seeds: int, how: Played) -> None:
        """policy: the given one, without what safety puts around it."""
        self._engine, self._policy, self._cards, self._config = engine, policy, found, config
        self._seeds, self._how = seeds, how._replace(horizon_known=engine.settings.horizon is not None)
        self._raced: dict[str, dict[str, Any] | None] = {}
        """Cards that came of the store's own projects, by the project that they were raced for."""
        self._races: Race | None = None
        """All races so far as one: each new project adds what luck there was not yet."""
        self._busy = threading.Lock()

    def __call__(self, project: str, made: int) -> Recommendation | None:
        """Within a call that decides."""
        races = self._config.policy.learn == "projects" and not made
        told = Told(self._engine.store, project, made, HERE)
        if not races and made < OWN:
            return self._answer(told, races=False)
        if self._engine.settings.estimate == "inline" or self._config.run.store == "memory://":
            return self._answer(told, races=races)
        threading.Thread(target=self._beside, args=(told, races), name="poolwise-learn", daemon=True).start()
        return self._answer(told._replace(made=0), races=False) if made < OWN else None

    def _beside(self, told: Told, races: bool) -> None:
        """In a thread, one project after another."""
        with self._busy, suppress(PoolwiseError):
            with closing(open_store(self._config.run.store, look=True)) as store, opened(workers=WORKERS) as pool:
                said = self._answer(told._replace(store=store, pool=pool), races=races)
            if said is not None:
                self._engine.recommendations.make(told.project, said)

    def _answer(self, told: Told, *, races: bool) -> Recommendation | None:
        """Never raises: serving goes on."""
        try:
            return self._found(told, races)
        except Exception as error:
            LOG.warning("learning how to explore in %s failed", told.project, exc_info=True)
            why = " ".join(str(error).split()) or type(error).__name__
            return Recommendation({}, "nothing", f"Learning failed ({why}): the default serves.")

    def _found(self, told: Told, races: bool) -> Recommendation | None:
        parts, sources, notes = self._of_cards(told)
        log = histories.log_of(told.store, most=MOST) if races or told.made >= OWN else None
        if races and log is not None:
            raced, why = self._race(told, logs.of_projects(log, [one for one in log.names if one != told.project]))
            notes += [why] if why else []
            self._raced[told.project] = raced
        if (own := self._raced.get(told.project)) is not None:
            parts.append(mixture.of_card(own, self._known(told)))
            sources.append(f"{len(own['histories'])} earlier projects")
        if not parts:
            return Recommendation({}, "nothing", " ".join(notes)) if notes else None
        found, again = mixture.pooled(parts), OWN if told.made < OWN else None
        if log is not None and told.project in log.names and told.made >= OWN:
            found = self._with_own(found, logs.of_projects(log, [told.project]))
            sources.append(f"its own first {min(told.made, MOST)} decisions")
        return _said(found, " and ".join(sources), notes, again)

    def _of_cards(self, told: Told) -> tuple[list[Evidence], list[str], list[str]]:
        """What each card says, its file, and why others say nothing."""
        parts, sources, notes, like = list[Evidence](), list[str](), list[str](), self._known(told)
        for path, card in self._cards.items():
            if strange := outside(like, cards.arrays(card).rows):
                notes.append(f"{path} does not know such a project: {'; '.join(strange)}.")
            else:
                parts.append(mixture.of_card(card, like))
                sources.append(path)
        return parts, sources, notes

    def _known(self, told: Told) -> Any:
        return known(told.store, self._engine.space, self._engine.settings, told.project)

    def _race(self, told: Told, log: Log) -> tuple[dict[str, Any] | None, str]:
        """The card of the projects before this one, if it is promoted, and what to say if it is not."""
        if not log.names:
            return None, ""
        if len(log.names) < FEWEST:
            return None, (
                f"{len(log.names)} earlier projects with outcomes enough are too few: {FEWEST} are needed, for each is"
                " to be judged by what others recommend."
            )
        try:
            card = cards.of_race(self._raced_on(logs.of_projects(log, log.names[-NEWEST:]), told))
        except DataError as error:
            return None, f"The time, {self._config.policy.learn_seconds:g} s, was too short: {error}."
        if card["promoted"]:
            return card, ""
        held = card["held_out"]
        if not any(held["settings"]):
            return None, f"In {held['groups']} earlier projects no setting gained enough to be tried on the others."
        return None, (
            f"In {held['groups']} earlier projects, each with what the others recommend, regret came to "
            f"{math.exp(held['log_ratio']):.2f} of the default's, and may be {_times(held['high'])}."
        )

    def _raced_on(self, log: Log, told: Told) -> Race:
        """What this race and those before it found. Raises DataError where there was no time for any."""
        settings = racing.grid(self._policy, FACTORS) if self._races is None else racing.promising(self._races)
        first = told.store.seed + self._seeds * len(self._raced)
        past, seconds = logs.together(log, self._how), self._config.policy.learn_seconds
        try:
            found = racing.race([past], self._policy, settings, range(first, first + self._seeds), seconds, told.pool)
        except DataError:
            if self._races is None:
                raise
            return self._races
        self._races = found if self._races is None else racing.joined(self._races, found)
        return self._races

    def _with_own(self, found: Evidence, log: Log) -> Evidence:
        """With what the likeliest settings would have done in the project's own past."""
        settings, past = mixture.best(found, 2), logs.together(log, self._how)
        return mixture.corrected(found, mixture.of_past(past, self._policy, settings, range(AGAIN)))


def attach(engine: Engine, policy: Policy, config: Config, seeds: int = SEEDS, how: Played = STEPS) -> None:
    """Let an engine ask about its projects. seeds: how often a race plays a setting at most; how: and in which way.
    Raises DataError for a card that may not serve, ConfigError for a policy with nothing to learn."""
    if config.policy.learn == "projects":
        racing.grid(policy, FACTORS)
    engine.recommendations.ask(Recommender(engine, policy, named(config.policy), config, seeds, how))


def _said(found: Evidence, source: str, notes: Sequence[str], again: int | None) -> Recommendation:
    taken = mixture.choice(found)
    high = taken.log_ratio + SURE * taken.error
    told = f"Regret is expected at {math.exp(taken.log_ratio):.2f} of the default's, at most {_times(high)}."
    if not taken.params:
        why = " ".join(["No setting is expected to gain for certain.", *notes])
        return Recommendation({}, source, why, again=again)
    gain, least = 1 - math.exp(taken.log_ratio), 1 - math.exp(high)
    return Recommendation(taken.params, source, " ".join([told, *notes]), gain, least, again)


def _times(log_ratio: float) -> str:
    return f"{math.exp(log_ratio):.2f}" if log_ratio < 2.0 else "anything"
