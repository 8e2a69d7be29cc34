"""Which configurations of a large family are offered: those that promise most, of all that it allows.

A family may allow millions and offers `limit` of them. Beside every search for scales, configurations that nobody tried
and that promise little give their places to others that promise more: neighbours of the best, neighbours of these, and
some from anywhere. What a configuration promises is its expected improvement over the best one, in the cells that were
used of late, each by its share of the decisions. What was tried stays, as far as it leaves room, and so do the baseline
and what rules or operators name.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from poolwise.engine.estimation.background import Estimate
from poolwise.engine.indexing.arms import aligned
from poolwise.engine.state.creation import Frame, frame_of, posterior_of, starting_hyperparameters
from poolwise.engine.state.serving import Serving
from poolwise.policy.normal import expected_excess
from poolwise.posterior.gp.coregionalisation import nugget
from poolwise.posterior.hyperparameters.estimation import from_dict, to_dict
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive.types import Predictive
from poolwise.space import Arm, ArmSpace, Family
from poolwise.space.candidates import anywhere, neighbours
from poolwise.space.parameters import Real
from poolwise.space.renewal import record

RECENT, MOST_CELLS = 64, 4
"""Decisions that say which cells are used, and how many cells are looked at."""
ANYWHERE, ROUNDS, BEST = 256, 3, 12
"""Configurations drawn from the whole family; how often neighbours are taken, and of how many of the best."""
LEAST = 1e-3
"""Of a standard deviation, which is never nothing."""
TRIED, SPREAD = 0.5, 0.125
"""Shares of the places: at most, for what was tried; at least, for the even selection."""


class Request(NamedTuple):
    """What configurations are to be proposed from, none of it changed later."""

    frame: Frame
    space: ArmSpace
    families: tuple[str, ...]
    chosen: np.ndarray
    """(known arms,) bool: was tried, or waits for its outcome."""
    cells: dict[tuple[int, int], float]
    """Share of each (project, context) in the last decisions."""
    kept: frozenset[str]
    """Arms that are named by rules or operators, or were added by hand."""
    even: frozenset[str]
    """Arms that the space offers before any renewal."""
    outcomes: int
    seed: int


class Renewals(NamedTuple):
    """What comes of it."""

    records: list[dict[str, Any]]
    """To be logged."""
    chosen: np.ndarray
    """See `Request`."""


class Candidate(NamedTuple):
    """One that may be offered."""

    arm: Arm
    worth: float


def asked(serving: Serving) -> Request | None:
    """None where no family has configurations to gain. To be called while nothing changes what serves."""
    names, rule = serving.name_index, serving.settings.renew
    surfaces = serving.belief.frame.axes.surfaces
    named, closed = _ordered(serving)
    families = tuple(
        one.name for one in names.space.families if one.name in surfaces and renewable(one, rule)
        and not any({arm.id for arm in names.arms if arm.family == one.name} <= ban for ban in closed)
    )  # fmt: skip
    if not families or serving.store.read_only or not (cells := _cells(serving)):
        return None
    return Request(
        frame=serving.belief.frame,
        space=names.space,
        families=families,
        chosen=np.isin(names.index.codes, serving.store.chosen_arms()),
        cells=cells,
        kept=frozenset({names.space.baseline, *named, *(arm.id for arm in names.declared.extra)}),
        even=frozenset(names.declared.index),
        outcomes=serving.belief.outcomes,
        seed=serving.store.seed,
    )


def renewable(family: Family, rule: Literal["auto", "always", "never"]) -> bool:
    """Whether there are configurations beyond those that it offers at first. rule: `Settings.renew`."""
    between = any(isinstance(one, Real) and one.levels > 1 for one in family.parameters.values())
    return (rule != "never" and family.size > family.limit) or (rule == "always" and between)


def answered(found: Estimate, asked: Request | None) -> Estimate:
    """With what is to be offered under the scales that were found."""
    return found if found.posterior is None else found._replace(renewals=proposals(asked, found.posterior))


def proposals(asked: Request | None, posterior: Posterior) -> Renewals | None:
    """None where all stays. posterior: with the scales that are to serve; nothing else may use it meanwhile."""
    if asked is None or posterior.hyperparameters.gaussian.smooth is None or (saved := posterior.saved()) is None:
        return None
    random, found, worth = np.random.default_rng([abs(asked.seed), asked.outcomes]), [], _Worth(asked, posterior, saved)
    arms, every = asked.frame.name_index.known_arms, worth.known().tolist()
    for name in asked.families:
        known = {arm.id: Candidate(arm, one) for arm, one in zip(arms, every, strict=True) if arm.family == name}
        try:
            pool = _pool(asked.space.family(name), known, worth, random)
        except np.linalg.LinAlgError:
            continue  # The scales are at a corner; the next ones will do.
        added, dropped = _exchanged(asked, name, known, pool)
        if added:
            found.append(record(name, added, dropped, asked.outcomes))
    return Renewals(found, asked.chosen) if found else None


def order(serving: Serving, renewals: Renewals) -> list[str]:
    """Known arms after these renewals: whatever was tried at its place, new arms in the places of those that go."""
    names, offered = serving.name_index, set(serving.name_index.ids)
    tried = renewals.chosen | (serving.belief.posterior.counts()[0] > 0).any((0, 1))
    for one in renewals.records:
        offered = (offered - set(one["dropped"])) | set(one["added"])
    new = iter([id for one in renewals.records for id in one["added"] if id not in names.arm])
    stays = (known or id in offered for id, known in zip(names.known, tried, strict=True))
    return [*(id if stay else next(new, id) for id, stay in zip(names.known, stays, strict=True)), *new]


def _ordered(serving: Serving) -> tuple[set[str], list[frozenset[str]]]:
    """Arms that rules or operators name, and what is banned anywhere: of a family of which all is, no arm is new, as
    that would not be banned."""
    if (safeguards := serving.policy_gate.safeguards) is None:
        return set(), []
    base, standing = safeguards.overrides.base, safeguards.overrides.standing.values()
    ids = serving.name_index.ids
    pinned = {ids[k] for k in (*base.ban, *base.fallbacks, *([] if base.pin is None else [base.pin]))}
    bans = [frozenset(ids[k] for k in base.ban), *(one.ban for one in standing)]
    return pinned.union(*bans, (one.pin for one in standing if one.pin is not None)), bans


def _cells(serving: Serving) -> dict[tuple[int, int], float]:
    end = serving.decisions
    rows = serving.name_index.indexed(serving.store.decisions(max(end - RECENT, 0), RECENT))
    places = zip(rows.project.tolist(), rows.context.tolist(), strict=True)
    counted = Counter(at for at in places if min(at) >= 0).most_common(MOST_CELLS)
    return {at: count / sum(number for _, number in counted) for at, count in counted}


class _Worth:
    """What configurations promise; for one thread, and not kept."""

    def __init__(self, asked: Request, posterior: Posterior, saved: dict[str, np.ndarray]) -> None:
        self._asked, self._saved, self._labels = asked, saved, asked.frame.axes.labels()
        self._body, fit = to_dict(posterior.hyperparameters), posterior.hyperparameters.gaussian
        assert fit.smooth is not None
        self._apart = float(np.linalg.norm(nugget(fit.scales, fit.smooth)))
        self._believed = {at: posterior.predict(*at) for at in asked.cells}
        offered, home = asked.frame.name_index.columns, asked.frame.home
        if asked.frame.settings.goal == "best" and len(offered) > 1:
            offered = offered[offered != home]  # which no trial is spent on
        self._best = {at: float(found.mean[offered].max()) for at, found in self._believed.items()}

    def known(self) -> np.ndarray:
        """Of every arm that is known."""
        return self._of(self._believed)

    def new(self, arms: Sequence[Arm]) -> np.ndarray:
        """Of others: what the same posterior believes, were they known, too."""
        wider = frame_of(self._asked.frame.name_index.with_arms(arms), self._asked.frame.settings)
        body = aligned({**self._body, **self._labels}, wider.axes)
        start = starting_hyperparameters(wider.settings, wider.name_index, wider.ground)
        posterior = posterior_of(wider, from_dict(body, start), sys.maxsize, None)
        posterior.resume(self._saved)
        return self._of({at: posterior.predict(*at) for at in self._asked.cells})[-len(arms) :]

    def _of(self, believed: Mapping[tuple[int, int], Predictive]) -> np.ndarray:
        found = [(share, believed[at], self._best[at]) for at, share in self._asked.cells.items()]
        return np.sum(
            [share * expected_excess(one.mean - best, self._shared(one.scale)) for share, one, best in found], 0
        )

    def _shared(self, scale: np.ndarray) -> np.ndarray:
        """Without what is every arm's own: of neighbours that differ by next to nothing there is no end, and each would
        claim that it may be better than the last."""
        return np.sqrt(np.maximum(scale**2 - self._apart**2, (LEAST * scale) ** 2))


def _pool(
    family: Family, known: dict[str, Candidate], worth: _Worth, random: np.random.Generator
) -> dict[str, Candidate]:
    """Configurations that are not known, and what they promise, by id."""
    pool, expanded = dict[str, Candidate](), set[str]()

    def add(arms: Sequence[Arm]) -> None:
        fresh = list({arm.id: arm for arm in arms if arm.id not in known and arm.id not in pool}.values())
        if fresh:
            worths = worth.new(fresh).tolist()
            pool.update((arm.id, Candidate(arm, one)) for arm, one in zip(fresh, worths, strict=True))

    add(anywhere(family, ANYWHERE, random))
    for _ in range(ROUNDS):
        rest = [one for id, one in (known | pool).items() if id not in expanded]
        best = sorted(rest, key=lambda one: -one.worth)[:BEST]
        expanded.update(one.arm.id for one in best)
        add([near for one in best for near in neighbours(family, one.arm, random)])
    return pool


def _exchanged(
    asked: Request, family: str, known: dict[str, Candidate], pool: dict[str, Candidate]
) -> tuple[list[str], list[str]]:
    """Ids that are offered from now on, and those that are not any more."""
    limit, names = asked.space.family(family).limit, asked.frame.name_index
    tried = {id for id in known if asked.chosen[names.arm[id]]}
    offered = sorted((id for id in known if id in asked.space.index), key=lambda id: -known[id].worth)
    stay = {id for id in offered if id in asked.kept}
    stay |= set([id for id in offered if id in tried][: int(TRIED * limit)])
    stay |= set([id for id in offered if id in asked.even and id not in stay][: int(SPREAD * limit)])
    rest = {id: one.worth for id, one in (known | pool).items() if id not in stay}
    taken = sorted(rest, key=lambda id: -rest[id])[: max(limit - len(stay), 0)]
    return [id for id in taken if id not in asked.space.index], sorted(set(offered) - stay - set(taken))
