"""The whole belief of an engine: success (Bernoulli) and utility given success (Gaussian), current after every outcome.

Holds arrays with room to grow; knows indices, never names. One early failure must not shut out a fast arm, so a
failure teaches the chance of success and the utility of failing, and leaves the speed given success as it was.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from poolwise.posterior import bernoulli, conflict, factors, gaussian, hyper, integrate, online, wide
from poolwise.posterior.belief import Belief
from poolwise.posterior.crossed import Cells
from poolwise.posterior.factors import Factors
from poolwise.posterior.gaussian import Fit, Statistics
from poolwise.posterior.utility import join

_ROOM = 4
"""Smallest room for projects and for contexts."""
_FAILURES = 2.0
"""Pseudo-count of the stated utility of a failure in the mean over an arm's failures."""


class Look(NamedTuple):
    """The belief about every arm in one (project, context): (arms,); the wider ones (2, arms), see `online.look`."""

    mean: np.ndarray
    scale: np.ndarray
    noise: np.ndarray
    count: np.ndarray  # type: ignore[assignment]
    wider_mean: np.ndarray
    wider_scale: np.ndarray


class Scales(NamedTuple):
    """Everything that is estimated rather than counted."""

    gaussian: Fit
    success: bernoulli.Hyper
    factors: Factors | None = None


def prior_scales(
    family: np.ndarray,
    success_prior: np.ndarray,
    prior: hyper.Prior = hyper.PRIOR,
    usual: Sequence[float] | None = None,
) -> Scales:
    """Before any outcome. family: (arms,) index; success_prior: (arms, 2) pseudo-counts of success and failure; usual:
    the same where nothing is said, to which what outcomes contradict is discounted (None: nothing is discounted).

    Where every arm is a family of its own there is no tier of families.
    """
    arms = len(family)
    families = int(family.max()) + 1 if len(set(family.tolist())) < arms else 0
    median = prior.median._replace(noise=np.full(arms, prior.median.noise))
    index = np.asarray(family) if families else np.arange(arms)
    success = bernoulli.Hyper(success_prior)
    if usual is not None:
        success = success._replace(stated=conflict.Stated(success_prior, np.array(usual), np.asarray(family)))
        success = bernoulli.trusted(success, *np.zeros((2, 1, 1, arms)))
    return Scales(Fit(median, index, families, False, 0.0, 0, True, np.zeros(0)), success)


class Joint:
    """Mutable shell over the pure posterior; not safe to share between threads without a lock."""

    def __init__(self, scales: Scales, failure_utility: float, *, projects: int = 1, contexts: int = 1) -> None:
        self.scales, self.outcomes = scales, 0
        self.prior, self.rank = hyper.PRIOR, factors.MOST
        """`rank`: the largest number of project factors that is tried."""
        arms = len(scales.gaussian.family)
        shape = (_rounded(projects), _rounded(contexts), arms)
        empty = Statistics(*(np.zeros(shape) for _ in range(3)))
        self._evidence = bernoulli.gather(scales.success, empty.count, empty.count)
        self._failures = np.array([np.full(arms, _FAILURES), np.full(arms, _FAILURES * failure_utility)])
        self._restart(empty)

    def look(self, project: int, context: int) -> Look:
        """What is believed now. Projects and contexts need no outcome to be looked at."""
        self.make_room(project, context)
        failed = self._failures[1] / self._failures[0]
        mean, scale = self._effects(project, context)
        chance = bernoulli.query(self.scales.success, self._evidence, project, context)
        every = join(chance.mean, chance.scale, mean, scale, self._state.noise[context], failed)
        count = self._evidence.cell[0, project, context].copy()
        return Look(every.mean[0], every.scale[0], every.noise[0], count, every.mean[1:], every.scale[1:])

    def given_success(self, project: int, context: int) -> Belief:
        """What the tree says now of the utility of success alone, before any project factors: (arms,)."""
        self.make_room(project, context)
        every = self._core.look(self._state, project, context)
        return Belief(every.mean[0], every.scale[0])

    def _effects(self, project: int, context: int) -> Belief:
        """(3, arms), as `online.look`, the first with what projects that resemble this one say."""
        every = self._core.look(self._state, project, context)
        if (told := self._told(project, context)) is not None:
            every.mean[0], every.scale[0] = told
        return every

    def learn(self, project: int, context: int, arm: int, utility: float, ok: bool) -> None:
        """One outcome; the belief about every cell that borrows from it is current afterwards."""
        self.make_room(project, context)
        bernoulli.absorb(self.scales.success, self._evidence, project, context, arm, float(ok))
        self.outcomes += 1
        if not ok:
            self._failures[:, arm] += 1.0, utility
            return
        self._core.absorb(self._state, project, context, arm, utility)
        if self._core is wide and wide.stale(self._state):
            self._restart(self.statistics())

    def learn_many(
        self, project: np.ndarray, context: np.ndarray, arm: np.ndarray, utility: np.ndarray, ok: np.ndarray
    ) -> None:
        """Many outcomes in their order; a few are absorbed one by one, many in one pass over the statistics."""
        if len(arm) <= 64:
            for row in zip(*(column.tolist() for column in (project, context, arm, utility, ok)), strict=True):
                self.learn(*row)
            return
        self.make_room(int(project.max()), int(context.max()))
        outcomes, successes = self._evidence.cell
        np.add.at(outcomes, (project, context, arm), 1.0)
        np.add.at(successes, (project, context, arm), ok.astype(float))
        for row, values in zip(self._failures, (np.ones((~ok).sum()), utility[~ok]), strict=True):
            np.add.at(row, arm[~ok], values)
        self.outcomes += len(arm)
        new = Statistics.of(project[ok], context[ok], arm[ok], utility[ok], shape=outcomes.shape)
        self._restart(Statistics(*(a + b for a, b in zip(self.statistics(), new, strict=True))))

    def forget(self, project: int, context: int, arm: int, utility: float, ok: bool) -> None:
        """Take one outcome back: the exact opposite of `learn`, for outcomes that were assumed and then arrived."""
        self.outcomes -= 1
        self._evidence.cell[:, project, context, arm] -= 1.0, float(ok)
        stats = self.statistics()
        if ok:
            for part, power in zip(stats, range(3), strict=True):
                part[project, context, arm] -= utility**power
        else:
            self._failures[:, arm] -= 1.0, utility
        self._restart(stats)

    def fade(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,) in [0, 1]: what was seen before a change holds no longer."""
        stats = self.statistics()
        for part in stats:
            part[project, context] *= keep
        self._evidence.cell[:, project, context] *= keep
        self._restart(stats)

    def reestimate(self) -> Fit:
        """All scales and concentrations from all statistics; they serve from now on."""
        found = estimated(self.scales, self.statistics(), *self.tally(), self.prior)
        if np.isfinite(found.gaussian.log_evidence):
            self.adopt(found)
        return found.gaussian

    def _told(self, project: int, context: int) -> Belief | None:
        """What projects that resemble this one say of a cell; None where there are no factors."""
        found, fit, cells = self.scales.factors, self.scales.gaussian, self._state.cells
        if found is None or not found.rank:
            return None
        scales = hyper.effective(fit.hyper, fit.families, cells.count.shape)
        return factors.at_project(found, cells, project, context, scales, np.asarray(fit.family))

    def _factors(self) -> Factors | None:
        """Factors of all statistics, around what the tree knows of every context with outcomes."""
        fit, cells = self.scales.gaussian, self._state.cells
        contexts = int(np.flatnonzero(cells.count.any(axis=(0, 2))).max(initial=-1)) + 1
        if not contexts or not self.rank:
            return None
        looks = [self._core.look(self._state, 0, context) for context in range(contexts)]
        level = Belief(*(np.array([part[2] for part in parts]) for parts in zip(*looks, strict=True)))
        scales = hyper.effective(fit.hyper, fit.families, cells.count.shape)
        return factors.refreshed(self.scales.factors, cells, scales, np.asarray(fit.family), level, self.rank)

    def adopt(self, scales: Scales) -> None:
        """Serve from these scales from now on, and from the project factors that follow from them."""
        self.scales = scales._replace(factors=self.scales.factors)
        self._restart(self.statistics())
        self.scales = self.scales._replace(factors=self._factors())

    def tally(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of outcomes and of successes of every cell [project, context, arm], with room to come."""
        outcomes, successes = self._evidence.cell
        return outcomes.copy(), successes.copy()

    def borrow(self, prior: hyper.Prior, success: np.ndarray | None) -> None:
        """Start from what other stores know: `prior.median.pooled` and the hyperprior around it, and evidence of
        success (`bernoulli.Hyper.pooled`). The scales in use stay until they are estimated again."""
        fit, self.prior = self.scales.gaussian, prior
        fit = fit._replace(hyper=fit.hyper._replace(pooled=prior.median.pooled))
        self.scales = self.scales._replace(gaussian=fit, success=self.scales.success._replace(pooled=success))
        self._restart(self.statistics())

    def cells(self) -> Cells:
        """Mean and squared deviation of the successful outcomes of every cell, to be read."""
        return Cells(*self._state.cells)

    def statistics(self) -> Statistics:
        """Of the successful outcomes, with room for projects and contexts to come."""
        count, mean, deviation = self._state.cells
        return Statistics(count.copy(), count * mean, deviation + count * mean**2)

    def make_room(self, project: int, context: int) -> None:
        """Let these indices exist; nothing that is believed changes."""
        projects, contexts, _ = self._state.cells.count.shape
        if project < projects and context < contexts:
            return
        wider = (_rounded(max(project + 1, projects)), _rounded(max(context + 1, contexts)))
        pad = ((0, wider[0] - projects), (0, wider[1] - contexts), (0, 0))
        cell = np.pad(self._evidence.cell, ((0, 0), *pad))
        self._evidence = self._evidence._replace(cell=cell)
        self._restart(Statistics(*(np.pad(part, pad) for part in self.statistics())))

    def _restart(self, stats: Statistics) -> None:
        self._evidence = bernoulli.gather(self.scales.success, *self._evidence.cell)
        self._core = wide if wide.too_large(*_sizes(stats)) else online
        self._state = self._core.start(self.scales.gaussian, stats)


def estimated(
    scales: Scales, stats: Statistics, outcomes: np.ndarray, successes: np.ndarray, prior: hyper.Prior = hyper.PRIOR
) -> Scales:
    """Scales from all statistics, on the families and domain priors of `scales`, where the search begins.

    A search that failed has a log evidence that is not finite.
    """
    old = scales.gaussian
    families = old.family if old.families else None
    form = wide.fit if wide.too_large(*_sizes(stats)) else partial(gaussian.fit, family=families)
    search = partial(form, prior=prior)
    fit = search(stats, start=old.coordinates if len(old.coordinates) else None)
    if not fit.converged and len(old.coordinates):
        afresh = search(stats)
        fit = afresh if afresh.log_evidence > fit.log_evidence or not np.isfinite(fit.log_evidence) else fit
    if form is not wide.fit and np.isfinite(fit.log_evidence):  # systems that large know their scales
        fit = integrate.integrated(fit, stats, prior, old)
    said = bernoulli.trusted(scales.success, outcomes, successes)
    success = bernoulli.fit(outcomes, successes, said.prior, said.pooled)
    return Scales(fit, success._replace(stated=said.stated))


def _sizes(stats: Statistics) -> tuple[int, int, int]:
    """As `wide.too_large` takes them: arms, projects, contexts."""
    projects, contexts, arms = stats.count.shape
    return arms, projects, contexts


def to_dict(scales: Scales) -> dict[str, Any]:
    """JSON numbers and lists of what was estimated."""
    success = scales.success
    return {
        "gaussian": hyper.to_dict(scales.gaussian.hyper),
        "coordinates": np.asarray(scales.gaussian.coordinates).tolist(),
        "shift": [scales.gaussian.shift_from, *np.asarray(scales.gaussian.shift).tolist()],
        "success": [float(success.kappa_context), float(success.kappa_cell)],
        "factors": factors.to_dict(scales.factors),
        "success_prior": None if success.stated is None else [success.stated.prior.tolist(), success.prior.tolist()],
    }


def restored(body: dict[str, Any], start: Scales) -> Scales:
    """Scales from `to_dict`, on the families and domain priors of `start`; arms added since get the usual noise."""
    found = hyper.from_dict(body["gaussian"])
    missing = len(start.gaussian.family) - len(found.noise)
    noise = np.concatenate([found.noise, np.full(missing, np.median(found.noise))])
    found = found._replace(noise=noise, pooled=start.gaussian.hyper.pooled)
    rests, *shift = body.get("shift", [0.0])
    fit = start.gaussian._replace(
        hyper=found, coordinates=np.array(body["coordinates"]), shift=np.array(shift), shift_from=rests
    )
    success = start.success._replace(kappa_context=body["success"][0], kappa_cell=body["success"][1])
    said, left = body.get("success_prior") or ((), ())
    if success.stated is not None and np.array_equal(success.stated.prior, said):
        success = success._replace(prior=np.array(left))
    told = factors.from_dict(body["factors"]) if "factors" in body else start.factors
    return Scales(fit, success, told if told is not None and told.level.shape[1] == len(noise) else None)


def _rounded(size: int) -> int:
    """The next of 4, 8, 12, 16, 24, 32, 48, 64 ..: room to grow, in few enough sizes that code is compiled rarely."""
    room = _ROOM
    while room < size:
        room = room * 3 // 2 if room & (room - 1) == 0 and room > _ROOM else 2 ** (room.bit_length() - 1) * 2
    return room
