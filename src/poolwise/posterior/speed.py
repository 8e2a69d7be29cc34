"""The utility of a success, current after every outcome: the tree of effects, with what an outcome counts as.

Holds arrays with room to grow. An outcome that was cut off bounds the utility (`censored`), an absurd one counts less
(`influence`), an old one too, where the system drifts (`drift`). What is believed of a project is what the tree says,
with what projects that resemble it say (`factors`), as far as it is like the others (`trust`).
"""

import numpy as np

from poolwise.posterior import censored, cores, drift, factors, hyper, influence, online, trust
from poolwise.posterior.belief import Belief
from poolwise.posterior.contrast import Believed, contrast
from poolwise.posterior.crossed import Cells
from poolwise.posterior.factors import Factors
from poolwise.posterior.gaussian import Statistics
from poolwise.posterior.level import Change, amended
from poolwise.posterior.online import Seen
from poolwise.posterior.options import Options
from poolwise.posterior.scales import Scales

_SWEEPS, _SETTLED = 5, 0.05
"""Most sweeps over the factors of outcomes that were cut off, and the change of a mean that ends them, in standard
deviations."""


class Speed:
    """Mutable shell. shape: projects, contexts and arms; outcomes are numbered by whoever counts them all."""

    def __init__(self, scales: Scales, shape: tuple[int, int, int], options: Options) -> None:
        self.scales, self.options, self.rank = scales, options, factors.MOST
        """`rank`: the largest number of project factors that is tried."""
        empty = Statistics(*(np.zeros(shape) for _ in range(3)))
        self._sites: censored.Sites = {}
        self._candidates = drift.candidates() if options.half_life == "learned" else None
        self.half_life = options.half_life if isinstance(options.half_life, int | float) else np.inf
        """In force; infinite: nothing fades."""
        self._lasting = Statistics(*(part.copy() for part in empty)) if options.half_life is not None else None
        """What the outcomes came to before they faded: scales are those of cells at a time, however few outcomes of
        it still count."""
        self.restart(empty)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self._state.cells.count.shape

    @property
    def one_by_one(self) -> bool:
        """Many outcomes at once are not learned in one pass."""
        return self._candidates is not None

    def look(self, project: int, context: int) -> Seen:
        """As `online.look`, as far as this project is like the others."""
        pooled, alone = self._pooled(project, context), self._alone(project)
        return pooled if alone is None else trust.believed(alone, pooled, context, self.options.trust)

    def noise(self, context: int) -> np.ndarray:
        """(arms,) standard deviation of one outcome."""
        return np.asarray(self._state.noise[context])

    def alone(self, project: int, context: int) -> Belief:
        """What the tree says, before any project factors: (arms,)."""
        every = self._core.look(self._state, project, context)
        return Belief(every.mean[0], every.scale[0])

    def contrast(self, at: tuple[int, int], look: Believed, chance: np.ndarray, offered: np.ndarray) -> np.ndarray:
        """See `posterior.contrast`."""
        return contrast(self._state, at, look, chance, offered)

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

    def _told(self, project: int, context: int) -> Belief | None:
        """What projects that resemble this one say of a cell; None where there are no factors."""
        found, fit, cells = self.scales.factors, self.scales.gaussian, self._state.cells
        if found is None or not found.rank:
            return None
        scales = hyper.effective(fit.hyper, fit.families, cells.count.shape)
        return factors.at_project(found, cells, project, context, scales, np.asarray(fit.family))

    def learn(self, project: int, context: int, arm: int, y: float, number: int, cut: bool = False) -> None:
        """The `number`-th outcome of all. cut: it is at most y."""
        if cut:
            self._learn_cut(project, context, arm, censored.rounded(y))
            return
        place = (project, context, arm)
        weight = influence.taken(self._state.cells, self._tracks, place, y, self.options.outliers)
        if (alone := self._alone(project)) is not None:
            trust.learn(alone, self._pooled(project, context), context, arm, y, weight)
        self._core.absorb(self._state, project, context, arm, y, weight)
        self._heard.add(project)
        if self._lasting is not None:
            for power, part in enumerate(self._lasting):
                part[place] += weight * y**power
        if self._candidates is not None:
            drift.observe(self._candidates, place, y, weight, number)

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

    def learn_many(self, at: tuple[np.ndarray, ...], y: np.ndarray, cut: np.ndarray, worth: np.ndarray) -> None:
        """Outcomes in their order that count as `worth`, in one pass over the statistics. at: their places."""
        rows, told, shape = tuple(column[~cut] for column in at), y[~cut], self.shape
        weight = influence.weights(self._state.cells, rows, told, self.options.outliers)
        new = Statistics.of(rows[0], rows[1], rows[2], told, shape=shape, weight=worth[~cut] * weight)
        if self._lasting is not None:
            self._lasting = self._lasting.plus(
                Statistics.of(rows[0], rows[1], rows[2], told, shape=shape, weight=weight)
            )
        for place, number in censored.counted([column[cut] for column in at], y[cut], worth[cut]):
            censored.joined(self._sites, place, number, 0.0, 0.0)
        self.restart(self.statistics().plus(new))
        if cut.any():
            self.settle()

    def settle(self) -> None:
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
            self.restart(stats)

    def follow(self, number: int) -> float:
        """What is due after the `number`-th outcome; the share of everything that counts from now on."""
        if self._core.stale(self._state):
            self.restart(self.statistics())
        if self._candidates is not None and drift.due(self._candidates, number):
            index = drift.chosen(self._candidates)
            self.half_life = drift.GRID[index]
            self.restart(censored.added(drift.statistics(self._candidates, index, self.shape), self._sites))
        due = np.isfinite(self.half_life) and number % drift.step(self.half_life) == 0
        return drift.kept(self.half_life) if due else 1.0

    def keep(self, share: float) -> None:
        """Let a share of everything count."""
        censored.faded(self._sites, share)
        left = share if self._candidates is None else 1.0  # of what is learned `drift.statistics` says what counts
        self.restart(Statistics(*(left * part for part in self.statistics())))

    def fade(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,)."""
        stats = self.statistics()
        for part in (*stats, *(self._lasting or ())):
            part[project, context] *= keep
        for place in [place for place in self._sites if place[:2] == (project, context)]:
            share, site = float(keep[place[2]]), self._sites.pop(place)
            if share > 0:
                self._sites[place] = censored.Site(site.number * share, site.weight * share, site.value)
        if self._candidates is not None:
            drift.fade(self._candidates, project, context, keep)
        self.restart(stats)

    def amend(self, change: Change) -> None:
        """Add what levelled jobs say."""
        self._lasting = self._lasting and amended(self._lasting, change)
        self.restart(amended(self.statistics(), change))

    def lasting(self) -> Statistics:
        """What scales are estimated from."""
        kept = self._lasting and drift.still(self._lasting, self._candidates)
        return censored.added(kept, self._sites) if kept else self.statistics()

    def adopt(self, scales: Scales) -> None:
        """Serve from these scales from now on, and from the project factors that follow from them."""
        self.scales = scales._replace(factors=self.scales.factors)
        self.restart(self.statistics())
        self.settle()
        self.scales = self.scales._replace(factors=self._factors())

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

    def cells(self) -> Cells:
        """Mean and squared deviation of the outcomes of every cell, to be read."""
        return Cells(*self._state.cells)

    def statistics(self) -> Statistics:
        """Of all outcomes, as they count, with room for projects and contexts to come."""
        count, mean, deviation = self._state.cells
        return Statistics(count.copy(), count * mean, deviation + count * mean**2)

    def make_room(self, pad: tuple[tuple[int, int], ...]) -> None:
        """For projects and contexts to come."""
        if self._lasting is not None:
            self._lasting = Statistics(*(np.pad(part, pad) for part in self._lasting))
        self.restart(Statistics(*(np.pad(part, pad) for part in self.statistics())))

    def restart(self, stats: Statistics) -> None:
        """From statistics, under the scales that serve."""
        self._core = cores.core(self.scales.gaussian, stats)
        self._state = self._core.start(self.scales.gaussian, stats)
        self._tracks = influence.arms(self._state.cells)
        self._apart: dict[int, trust.Alone] = {}
        self._heard = set(np.flatnonzero(self._state.cells.count.any(axis=(1, 2))).tolist())
