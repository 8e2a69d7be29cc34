"""The whole belief of an engine: success (Bernoulli) and utility given success (Gaussian), current after every outcome.

Holds arrays with room to grow; knows indices, never names. One early failure must not shut out a fast arm, so a
failure teaches the chance of success and the utility of failing (`chance`), and leaves the utility of a success as it
was (`speed`). The baseline stands apart (`reference`).
"""

from typing import NamedTuple

import numpy as np

from poolwise.posterior import drift, gaussian, hyper, unit
from poolwise.posterior.belief import Belief
from poolwise.posterior.chance import Chance
from poolwise.posterior.crossed import Cells
from poolwise.posterior.gaussian import Fit, Statistics
from poolwise.posterior.level import Change, without
from poolwise.posterior.options import DEFAULT, Options
from poolwise.posterior.reference import Reference
from poolwise.posterior.room import rounded
from poolwise.posterior.scales import Scales, estimated, prior_scales, restored, to_dict
from poolwise.posterior.speed import Speed
from poolwise.posterior.utility import join

__all__ = ["Joint", "Look", "Scales", "estimated", "prior_scales", "restored", "to_dict"]

_FEW = 64
"""Outcomes that are learned one by one, though they come together."""


class Look(NamedTuple):
    """The belief about every arm in one (project, context): (arms,); the wider ones (2, arms), see `online.look`."""

    mean: np.ndarray
    scale: np.ndarray
    noise: np.ndarray
    count: np.ndarray  # type: ignore[assignment]
    wider_mean: np.ndarray
    wider_scale: np.ndarray
    wider_share: np.ndarray | None


class Joint:
    """Mutable shell over the pure posterior; not safe to share between threads without a lock."""

    def __init__(
        self,
        scales: Scales,
        failure_utility: float,
        *,
        projects: int = 1,
        contexts: int = 1,
        options: Options = DEFAULT,
        baseline: int | None = None,
    ) -> None:
        """baseline: the arm whose utility is 0 by definition, see `reference`; None: no arm stands apart."""
        shape = (rounded(projects), rounded(contexts), len(scales.gaussian.family))
        self.outcomes, self.prior = 0, hyper.PRIOR
        self._chance = Chance(scales, shape, failure_utility)
        self._speed = Speed(scales, shape, options)
        self._reference = None if baseline is None else Reference(baseline, *shape[:2], options.outliers)

    @property
    def scales(self) -> Scales:
        return self._speed.scales

    @property
    def half_life(self) -> float:
        """In force; infinite: nothing fades."""
        return self._speed.half_life

    def limit_factors(self, rank: int) -> None:
        """The largest number of project factors that is tried."""
        self._speed.rank = rank

    def look(self, project: int, context: int) -> Look:
        """What is believed now. Projects and contexts need no outcome to be looked at."""
        self.make_room(project, context)
        mean, scale, share = self._speed.look(project, context)
        every = join(self._chance.query(project, context), mean, scale, self._speed.noise(context), self._chance.failed)
        if self._reference is not None:
            self._reference.tell(every, share, project, context)
        count = self._chance.outcomes(project, context)
        return Look(every.mean[0], every.scale[0], every.noise[0], count, every.mean[1:], every.scale[1:], share)

    def contrast(self, project: int, context: int, look: Look, offered: np.ndarray) -> np.ndarray | None:
        """See `posterior.contrast`; look: of these arms. None where arms are taken to stand alone."""
        if self.scales.gaussian.ground is None:
            return None
        chance = np.array(self._chance.query(project, context).mean)
        if self._reference is not None:
            chance[self._reference.arm] = 0.0  # nothing is shared with the baseline
        return self._speed.contrast((project, context), look, chance, offered)

    def given_success(self, project: int, context: int) -> Belief:
        """What the tree says now of the utility of success alone, before any project factors: (arms,)."""
        self.make_room(project, context)
        return self._speed.alone(project, context)

    def speed(self, project: int, context: int) -> np.ndarray:
        """(arms,) mean of the utility of a success in one cell."""
        self.make_room(project, context)
        mean = self._speed.look(project, context).mean[0]
        if self._reference is not None:
            mean[self._reference.arm] = 0.0
        return mean

    def learn(self, project: int, context: int, arm: int, utility: float, ok: bool, cut: bool = False) -> None:
        """One outcome; the belief about every cell that borrows from it is current afterwards.

        cut: it was stopped, and `utility` is what it is at most. `ok` says whether it went well until then. Raises
        InputError for what is no utility.
        """
        if not abs(utility) <= gaussian.LARGEST:
            gaussian.check_utilities(np.array([utility]))
        self.make_room(project, context)
        self._chance.learn(project, context, arm, ok)
        self.outcomes += 1
        if not ok:
            self._chance.failure(arm, utility)
        if self._reference is not None and arm == self._reference.arm:
            self._reference.learn(project, context, utility, ok, cut)
        elif ok:
            self._speed.learn(project, context, arm, utility, self.outcomes, cut)
        self._keep(self._speed.follow(self.outcomes))

    def learn_many(
        self,
        project: np.ndarray,
        context: np.ndarray,
        arm: np.ndarray,
        utility: np.ndarray,
        ok: np.ndarray,
        cut: np.ndarray | None = None,
    ) -> None:
        """Many outcomes in their order; a few are absorbed one by one, many in one pass over the statistics."""
        gaussian.check_utilities(utility)
        cut = np.zeros(len(arm), bool) if cut is None else cut & ok
        if len(arm) <= _FEW or self._speed.one_by_one:
            for row in zip(*(column.tolist() for column in (project, context, arm, utility, ok, cut)), strict=True):
                self.learn(*row)
            if cut.any():
                self._speed.settle()
            return
        self.make_room(int(project.max()), int(context.max()))
        worth = drift.ages(self.half_life, self.outcomes, len(arm))
        self._keep(float(worth[0]))
        at, worth = (project, context, arm), worth[1:]
        self._chance.learn_many(at, worth, ok, utility)
        self._chance.restart(self.scales)
        self.outcomes += len(arm)
        if self._reference is not None:
            own = arm == self._reference.arm
            self._reference.learn_many(*(part[own] for part in (project, context, utility, ok, cut, worth)))
            ok = ok & ~own
        self._speed.learn_many(tuple(part[ok] for part in at), utility[ok], cut[ok], worth[ok])

    def forget(self, project: int, context: int, arm: int, utility: float) -> None:
        """Take a failure back that was assumed before its outcome arrived."""
        self.outcomes -= 1
        self._chance.forget(project, context, arm, utility)
        self._chance.restart(self.scales)
        if self._reference is not None and arm == self._reference.arm:
            self._reference.forget(project, context, utility)

    def fade(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,) in [0, 1]: what was seen before a change holds no longer."""
        self._chance.fade(project, context, keep)
        self._chance.restart(self.scales)
        self._speed.fade(project, context, keep)
        if self._reference is not None:
            self._reference.fade(project, context, float(keep[self._reference.arm]))

    def _keep(self, share: float) -> None:
        """Let a share of everything count."""
        if share == 1:
            return
        self._chance.keep(share)
        self._chance.restart(self.scales)
        self._speed.keep(share)
        if self._reference is not None:
            self._reference.keep(share)

    def succeeded(self, project: int, context: int, arm: int) -> None:
        """A success whose speed is told by `amend`."""
        self.make_room(project, context)
        self._chance.learn(project, context, arm, True)
        self.outcomes += 1

    def amend(self, change: Change) -> None:
        """Add what levelled jobs say to the statistics; of the baseline they say nothing, whose utility is 0."""
        self._speed.amend(change if self._reference is None else without(change, self._reference.arm))

    def reestimate(self) -> Fit:
        """All scales and concentrations from all statistics; they serve from now on."""
        found = estimated(*self.asked())
        if np.isfinite(found.gaussian.log_evidence):
            self.adopt(found)
        return found.gaussian

    def asked(self) -> tuple[Scales, Statistics, np.ndarray, np.ndarray, hyper.Prior]:
        """What `estimated` takes, copied: nothing that is learned later changes it."""
        lasting = Statistics(*(part.copy() for part in self._speed.lasting()))
        return self.scales, lasting, *self.tally(), self.hyperprior

    @property
    def hyperprior(self) -> hyper.Prior:
        """Of the scales: what other stores know, or the usual one in the unit of what was seen."""
        return self.prior if self.prior is not hyper.PRIOR else unit.scaled(self.prior, unit.unit(self.statistics()))

    def adopt(self, scales: Scales) -> None:
        """Serve from these scales from now on, and from the project factors that follow from them."""
        self._chance.restart(scales)
        self._speed.adopt(scales)

    def borrow(self, prior: hyper.Prior, success: np.ndarray | None) -> None:
        """Start from what other stores know: `prior.median.pooled` and the hyperprior around it, and evidence of
        success (`bernoulli.Hyper.pooled`). The scales in use stay until they are estimated again."""
        fit, self.prior = self.scales.gaussian, prior
        fit = fit._replace(hyper=fit.hyper._replace(pooled=prior.median.pooled))
        scales = self.scales._replace(gaussian=fit, success=self.scales.success._replace(pooled=success))
        self._chance.restart(scales)
        self._speed.scales = scales
        self._speed.restart(self.statistics())

    def tally(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of outcomes and of successes of every cell [project, context, arm], with room to come."""
        outcomes, successes = self._chance.cell
        return outcomes.copy(), successes.copy()

    def cells(self) -> Cells:
        """Mean and squared deviation of the successful outcomes of every cell, none of the baseline; to be read."""
        return self._speed.cells()

    def statistics(self) -> Statistics:
        """Of the successful outcomes, none of the baseline, with room for projects and contexts to come."""
        return self._speed.statistics()

    def make_room(self, project: int, context: int) -> None:
        """Let these indices exist; nothing that is believed changes."""
        projects, contexts, _ = self._speed.shape
        if project < projects and context < contexts:
            return
        wider = (rounded(max(project + 1, projects)), rounded(max(context + 1, contexts)))
        pad = ((0, wider[0] - projects), (0, wider[1] - contexts), (0, 0))
        self._chance.make_room(pad)
        self._chance.restart(self.scales)
        self._speed.make_room(pad)
        if self._reference is not None:
            self._reference.make_room(pad)
