"""The whole belief of an engine: success (Bernoulli) and utility given success (Gaussian), current after every outcome.

Holds arrays with room to grow; knows indices, never names. One early failure must not shut out a fast arm, so a
failure teaches the chance of success and the utility of failing, and leaves the speed given success as it was. An
outcome that was cut off did not fail: it bounds the utility given success (`censored`). An absurd one counts less
(`influence`), an old one too, where the system drifts (`drift`).
"""

from typing import NamedTuple

import numpy as np

from poolwise.posterior import censored, cores, drift, factors, gaussian, hyper, influence, online, trust
from poolwise.posterior.belief import Belief
from poolwise.posterior.chance import Chance
from poolwise.posterior.contrast import contrast
from poolwise.posterior.crossed import Cells
from poolwise.posterior.factors import Factors
from poolwise.posterior.gaussian import Fit, Statistics
from poolwise.posterior.level import Change, amended
from poolwise.posterior.online import Seen
from poolwise.posterior.options import DEFAULT, Options
from poolwise.posterior.room import rounded
from poolwise.posterior.scales import Scales, estimated, prior_scales, restored, to_dict
from poolwise.posterior.utility import join

__all__ = ["Joint", "Look", "Scales", "estimated", "prior_scales", "restored", "to_dict"]

_SWEEPS, _SETTLED = 5, 0.05
"""Most sweeps over the factors of outcomes that were cut off, and the change of a mean that ends them, in standard
deviations."""


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
    ) -> None:
        self.scales, self.outcomes, self.options = scales, 0, options
        self.prior, self.rank = hyper.PRIOR, factors.MOST
        """`rank`: the largest number of project factors that is tried."""
        arms = len(scales.gaussian.family)
        shape = (rounded(projects), rounded(contexts), arms)
        empty = Statistics(*(np.zeros(shape) for _ in range(3)))
        self._chance = Chance(scales, shape, failure_utility)
        self._sites: censored.Sites = {}
        self._candidates = drift.candidates() if options.half_life == "learned" else None
        self.half_life = options.half_life if isinstance(options.half_life, int | float) else np.inf
        """In force; infinite: nothing fades."""
        self._lasting = Statistics(*(part.copy() for part in empty)) if options.half_life is not None else None
        """What the outcomes came to before they faded: scales are those of cells at a time, however few outcomes of
        it still count."""
        self._restart(empty)

    def look(self, project: int, context: int) -> Look:
        """What is believed now. Projects and contexts need no outcome to be looked at."""
        self.make_room(project, context)
        mean, scale, share = self._effects(project, context)
        chance = self._chance.query(project, context)
        every = join(chance, mean, scale, self._state.noise[context], self._chance.failed)
        count = self._chance.outcomes(project, context)
        return Look(every.mean[0], every.scale[0], every.noise[0], count, every.mean[1:], every.scale[1:], share)

    def contrast(self, project: int, context: int, look: Look, offered: np.ndarray) -> np.ndarray | None:
        """See `posterior.contrast`; look: of these arms. None where arms are taken to stand alone."""
        if self.scales.gaussian.ground is None:
            return None
        chance = np.asarray(self._chance.query(project, context).mean)
        return contrast(self._state, (project, context), look, chance, offered)

    def given_success(self, project: int, context: int) -> Belief:
        """What the tree says now of the utility of success alone, before any project factors: (arms,)."""
        self.make_room(project, context)
        every = self._core.look(self._state, project, context)
        return Belief(every.mean[0], every.scale[0])

    def _effects(self, project: int, context: int) -> Seen:
        """As `online.look`, as far as this project is like the others."""
        pooled, alone = self._pooled(project, context), self._alone(project)
        return pooled if alone is None else trust.believed(alone, pooled, context, self.options.trust)

    def _pooled(self, project: int, context: int) -> Seen:
        """As `online.look`, the first with what projects that resemble this one say."""
        every = self._core.look(self._state, project, context)
        if (told := self._told(project, context)) is not None:
            every.mean[0], every.scale[0] = told
        return every

    def _alone(self, project: int) -> trust.Alone | None:
        """What the project says by itself; None where that is not asked, settled, or all there is."""
        if self.options.trust == 1 or self._core is not online:
            return None
        if self._heard <= {project} and self.scales.gaussian.hyper.pooled is None:
            return None
        known = self._apart.get(project) or trust.begun(self.scales.gaussian, self._state.cells, project)
        if known is None:
            return None
        self._apart[project] = known
        return None if trust.settled(known, self.options.trust) else known

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
        elif cut:
            self._learn_cut(project, context, arm, censored.rounded(utility))
        else:
            weight = influence.taken(
                self._state.cells, self._tracks, (project, context, arm), utility, self.options.outliers
            )
            if (alone := self._alone(project)) is not None:
                trust.learn(alone, self._pooled(project, context), context, arm, utility, weight)
            self._core.absorb(self._state, project, context, arm, utility, weight)
            self._heard.add(project)
            if self._lasting is not None:
                for power, part in enumerate(self._lasting):
                    part[project, context, arm] += weight * utility**power
            if self._candidates is not None:
                drift.observe(self._candidates, (project, context, arm), utility, weight, self.outcomes)
        if self._core.stale(self._state):
            self._restart(self.statistics())
        self._age()

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
        if len(arm) <= 64 or self._candidates is not None:
            for row in zip(*(column.tolist() for column in (project, context, arm, utility, ok, cut)), strict=True):
                self.learn(*row)
            if cut.any():
                self._refresh()
            return
        self.make_room(int(project.max()), int(context.max()))
        worth = drift.ages(self.half_life, self.outcomes, len(arm))
        self._keep(float(worth[0]), worth[0] < 1)
        worth = worth[1:]
        at = (project, context, arm)
        self._chance.learn_many(at, worth, ok, utility)
        self.outcomes += len(arm)
        plain = ok & ~cut
        rows, y = tuple(column[plain] for column in at), utility[plain]
        weight, shape = (
            influence.weights(self._state.cells, rows, y, self.options.outliers),
            self._state.cells.count.shape,
        )
        new = Statistics.of(rows[0], rows[1], rows[2], y, shape=shape, weight=worth[plain] * weight)
        if self._lasting is not None:
            more = Statistics.of(rows[0], rows[1], rows[2], y, shape=shape, weight=weight)
            self._lasting = self._lasting.plus(more)
        for place, number in censored.counted([column[cut] for column in at], utility[cut], worth[cut]):
            censored.joined(self._sites, place, number, 0.0, 0.0)
        self._restart(self.statistics().plus(new))
        if cut.any():
            self._refresh()

    def forget(self, project: int, context: int, arm: int, utility: float) -> None:
        """Take a failure back that was assumed before its outcome arrived."""
        self.outcomes -= 1
        self._chance.forget(project, context, arm, utility)
        self._restart(self.statistics())

    def fade(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,) in [0, 1]: what was seen before a change holds no longer."""
        stats = self.statistics()
        for part in (*stats, *(self._lasting or ())):
            part[project, context] *= keep
        self._chance.fade(project, context, keep)
        for place in [place for place in self._sites if place[:2] == (project, context)]:
            share, site = float(keep[place[2]]), self._sites.pop(place)
            if share > 0:
                self._sites[place] = censored.Site(site.number * share, site.weight * share, site.value)
        if self._candidates is not None:
            drift.fade(self._candidates, project, context, keep)
        self._restart(stats)

    def speed(self, project: int, context: int) -> np.ndarray:
        """(arms,) mean of the utility of a success in one cell."""
        self.make_room(project, context)
        return self._effects(project, context).mean[0]

    def succeeded(self, project: int, context: int, arm: int) -> None:
        """A success whose speed is told by `amend`."""
        self.make_room(project, context)
        self._chance.learn(project, context, arm, True)
        self.outcomes += 1

    def amend(self, change: Change) -> None:
        """Add what levelled jobs say to the statistics."""
        self._lasting = self._lasting and amended(self._lasting, change)
        self._restart(amended(self.statistics(), change))

    def _learn_cut(self, project: int, context: int, arm: int, bound: int) -> None:
        """One outcome that was cut off, against what is believed now."""
        mean, scale = (part[0][arm] for part in self._core.look(self._state, project, context)[:2])
        noise, at = float(self._state.noise[context, arm]), censored.bound_at(bound)
        weight, value = (float(part) for part in censored.factor(mean, scale**2, noise, at))
        censored.joined(self._sites, (project, context, arm, bound), 1.0, weight, value)
        if weight > 0:
            if (alone := self._alone(project)) is not None:
                trust.absorb(alone, context, arm, value, weight)
            self._core.absorb(self._state, project, context, arm, value, weight)

    def _refresh(self) -> None:
        """Sweep over all outcomes that were cut off, each against what is believed now, until little changes."""
        before = None
        for _ in range(_SWEEPS if self._sites else 0):
            looks = {cell: self._core.look(self._state, *cell) for cell in {place[:2] for place in self._sites}}
            at = [(looks[p, c], a, self._state.noise[c, a]) for p, c, a, _ in self._sites]
            mean, scale = (np.array([look[part][0][a] for look, a, _ in at]) for part in range(2))
            if before is not None and (np.abs(mean - before) < _SETTLED * scale).all():
                return
            before = mean
            found = censored.refreshed(self._sites, mean, scale**2, np.array([noise for *_, noise in at]))
            stats = censored.added(censored.added(self.statistics(), self._sites, -1.0), found)
            self._sites = found
            self._restart(stats)

    def _age(self) -> None:
        """What is due after every outcome where systems drift."""
        if self._candidates is not None and drift.due(self._candidates, self.outcomes):
            index = drift.chosen(self._candidates)
            self.half_life = drift.GRID[index]
            stats = drift.statistics(self._candidates, index, self._state.cells.count.shape)
            self._restart(censored.added(stats, self._sites))
        if np.isfinite(self.half_life):
            self._keep(drift.kept(self.half_life), self.outcomes % drift.step(self.half_life) == 0)

    def _keep(self, share: float, due: bool) -> None:
        """Let a share of everything count, if that is due."""
        if not due:
            return
        self._chance.keep(share)
        censored.faded(self._sites, share)
        left = share if self._candidates is None else 1.0  # of what is learned `drift.statistics` says what counts
        self._restart(Statistics(*(left * part for part in self.statistics())))

    def reestimate(self) -> Fit:
        """All scales and concentrations from all statistics; they serve from now on."""
        kept = self._lasting and drift.still(self._lasting, self._candidates)
        stats = censored.added(kept, self._sites) if kept else self.statistics()
        found = estimated(self.scales, stats, *self.tally(), self.prior)
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
        """Factors of all statistics, around what the tree knows of every context with outcomes; None where projects
        inform each other by their surfaces."""
        fit, cells = self.scales.gaussian, self._state.cells
        contexts = int(np.flatnonzero(cells.count.any(axis=(0, 2))).max(initial=-1)) + 1
        if not contexts or not self.rank or fit.ground is not None or len(self._heard) < factors.FEW:
            return None
        looks = [self._core.look(self._state, 0, context) for context in range(contexts)]
        level = Belief(np.array([seen.mean[2] for seen in looks]), np.array([seen.scale[2] for seen in looks]))
        scales = hyper.effective(fit.hyper, fit.families, cells.count.shape)
        return factors.refreshed(self.scales.factors, cells, scales, np.asarray(fit.family), level, self.rank)

    def adopt(self, scales: Scales) -> None:
        """Serve from these scales from now on, and from the project factors that follow from them."""
        self.scales = scales._replace(factors=self.scales.factors)
        self._restart(self.statistics())
        self._refresh()
        self.scales = self.scales._replace(factors=self._factors())

    def tally(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of outcomes and of successes of every cell [project, context, arm], with room to come."""
        outcomes, successes = self._chance.cell
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
        wider = (rounded(max(project + 1, projects)), rounded(max(context + 1, contexts)))
        pad = ((0, wider[0] - projects), (0, wider[1] - contexts), (0, 0))
        self._chance.make_room(pad)
        if self._lasting is not None:
            self._lasting = Statistics(*(np.pad(part, pad) for part in self._lasting))
        self._restart(Statistics(*(np.pad(part, pad) for part in self.statistics())))

    def _restart(self, stats: Statistics) -> None:
        self._chance.restart(self.scales)
        self._core = cores.core(self.scales.gaussian, stats)
        self._state = self._core.start(self.scales.gaussian, stats)
        self._tracks = influence.arms(self._state.cells)
        self._apart: dict[int, trust.Alone] = {}
        self._heard = set(np.flatnonzero(self._state.cells.count.any(axis=(1, 2))).tolist())
