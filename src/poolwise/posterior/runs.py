"""The crossed-effects belief of many independent runs at once: the same model as `gaussian`, block by block.

    theta[p,c,a] = L[a] + X[c,a] + P[p,a] + G[p,c,a]

Every block (all levels; one context; one project) is solved exactly over its arms (`block`, `dense` for the levels),
with what runs below it integrated out arm by arm, and the means of the other blocks taken as known. An outcome updates
the blocks it belongs to; `sweep` repeats all until they agree, and the scales follow (`rescale`). Exact in the means
once swept, close in the variances; O(arms) an outcome, so that a policy can be replayed over many thousand decisions.
"""

from typing import NamedTuple

import numpy as np

from poolwise.posterior import block, dense
from poolwise.posterior.block import Kin, Variances
from poolwise.posterior.run_scales import starting

LEVEL, CONTEXT, PROJECT, CELL = range(4)


class Shape(NamedTuple):
    """What is the same in all runs."""

    cell_project: np.ndarray
    """(cells,) project of every (project, context) that can occur."""
    cell_context: np.ndarray
    kin: Kin
    likeness: np.ndarray | None
    """(arms, arms), see `likeness`; None: arms are related by their families alone."""
    baseline: int | None
    """The arm whose utility is 0 by definition; None: there is none."""
    of_context: np.ndarray
    """(contexts, most) cells of every context, filled up with a number beyond the last: an empty cell."""
    of_project: np.ndarray

    @property
    def crossed(self) -> bool:
        """Projects and contexts both vary, so that projects have effects."""
        return len(self.of_project) > 1

    @property
    def nested(self) -> bool:
        """Every context has one project: cells have no effects of their own."""
        return len(self.of_project) == 1 or len(self.cell_context) == len(self.of_context)


class Beliefs(NamedTuple):
    """About every arm in one cell per run, (runs, arms); the wider ones (3, runs, arms) are of level + project,
    level + context, and level alone; `wider_share`: by how much of a change here each of them changes."""

    mean: np.ndarray
    scale: np.ndarray
    noise: np.ndarray
    count: np.ndarray  # type: ignore[assignment]
    wider_mean: np.ndarray
    wider_scale: np.ndarray
    wider_share: np.ndarray


def shape(
    cell_project: np.ndarray,
    cell_context: np.ndarray,
    family: np.ndarray,
    likeness: np.ndarray | None = None,
    baseline: int | None = None,
) -> Shape:
    """From the codes of all cells that can occur, each once."""
    project, context = np.asarray(cell_project), np.asarray(cell_context)
    return Shape(project, context, block.kin(family), likeness, baseline, _members(context), _members(project))


def _members(codes: np.ndarray) -> np.ndarray:
    """(groups, most) positions of every code, filled up with len(codes)."""
    lists = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
    filled = np.full((len(lists), max(map(len, lists))), len(codes))
    for row, members in zip(filled, lists, strict=True):
        row[: len(members)] = members
    return filled


class Runs:
    """Mutable arrays [run, ..]; `rescale.reestimate` sets the scales."""

    def __init__(self, shape: Shape, runs: int) -> None:
        cells, arms = len(shape.cell_context) + 1, len(shape.kin.index)
        contexts, projects = len(shape.of_context), len(shape.of_project)
        self.shape, self.each = shape, np.arange(runs)
        self.scales = starting(runs, contexts, arms, int(shape.kin.index.max()) + 1)
        self.count, self.total, self.squares, self.mean = (np.zeros((runs, cells, arms)) for _ in range(4))
        self.level_precision, self.level_information = np.zeros((2, runs, arms))
        self.level = self._levels()
        self.context = _empty(runs, contexts, arms)
        self.project = _empty(runs, projects, arms)
        self.message = np.zeros((2, runs, contexts, arms))
        """Precision and information that every context gives to the levels."""
        self.sweep(self.weights())

    def learn(self, cell: np.ndarray, arm: np.ndarray, y: np.ndarray, taught: np.ndarray) -> None:
        """One outcome per run, (runs,) each; where `taught` is False, the run learns nothing from it, but its blocks
        are solved again like all others', so that what a run believes does not depend on the company."""
        at = (self.each[taught], cell[taught], arm[taught])
        value = y[taught]
        self.count[at] += 1
        self.total[at] += value
        self.squares[at] += value * value
        self.mean[at] = self.total[at] / self.count[at]
        context = self.shape.cell_context[cell]
        precision, told = self._told(self.each, context)
        self._absorb(self._context(self.each, context, precision, told))
        self._context(self.each, context, precision, told)
        if self.shape.crossed:
            self._project(self.each, self.shape.cell_project[cell])

    def look(self, cell: np.ndarray) -> Beliefs:
        """What is believed of one cell per run."""
        shape, runs = self.shape, self.each
        context, project = shape.cell_context[cell], shape.cell_project[cell]
        noise = self.scales.noise * self.scales.spread[runs, context][:, None]
        ctx = block.Effects(*(part[runs, context] for part in self.context))
        level, doubt = self.level.mean, self.level.variance
        along, own = level + ctx.mean, ctx.variance + ctx.rest**2 * doubt
        mean, variance, beside, other = along, own, level, doubt
        rest = np.ones(1)
        if shape.crossed:
            pro, wide = self.project.mean[runs, project], self.project.variance[runs, project]
            mean, variance, beside, other = along + pro, own + wide, level + pro, doubt + wide
            if not shape.nested:
                single = self.scales.arm[CELL][:, None] * self.scales.stretch
                rest = noise / (noise + self.count[runs, cell] * single)
                mean = rest * mean + (1 - rest) * self.mean[runs, cell]
                variance = rest**2 * variance + rest * single
        common = rest * ctx.rest * doubt
        moved = np.stack([common + rest * (other - doubt), rest * own, common])
        wider = np.stack([beside, along, level]), np.stack([other, own, doubt])
        return self._known(mean, variance, noise, self.count[runs, cell].copy(), *wider, moved)

    def _known(
        self,
        mean: np.ndarray,
        variance: np.ndarray,
        noise: np.ndarray,
        count: np.ndarray,
        wider_mean: np.ndarray,
        wider_variance: np.ndarray,
        moved: np.ndarray,
    ) -> Beliefs:
        """The same with the baseline known; `moved`: covariance of the wider sums with the utility here."""
        base = self.shape.baseline
        share = moved / variance
        if base is not None:
            tiny = (1e-6**2 * self.scales.unit)[:, None]
            mean, noise = mean.copy(), noise.copy()
            for part, value in ((mean, 0.0), (wider_mean, 0.0), (share, 0.0)):
                part[..., base] = value
            for part in (variance, wider_variance, noise):
                part[..., base] = tiny[:, 0]
        return Beliefs(mean, np.sqrt(variance), np.sqrt(noise), count, wider_mean, np.sqrt(wider_variance), share)

    def variances(self, which: int, spread: np.ndarray | None = None) -> Variances:
        """Of a block's tiers, [run, 1 .., arm]: contexts and projects vary with the noise of arm and family."""
        arm, family, globe = (tier[which][:, None] for tier in (self.scales.arm, self.scales.family, self.scales.globe))
        if which != LEVEL:
            arm, family = arm * self.scales.stretch, family * self.scales.stretch_family
        return Variances(arm, family, globe)

    def weight(self, count: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Precision that n outcomes of a cell give to the sum of its other effects; [run, cells, arm]."""
        if self.shape.nested:
            return count / noise
        return count / (noise + count * (self.scales.arm[CELL][:, None] * self.scales.stretch)[:, None])

    def _told(self, runs: np.ndarray, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Precision and information about level + context, of one context per run; (runs, arms)."""
        cells = self.shape.of_context[context]
        noise = self.scales.noise * self.scales.spread[runs, context][:, None]
        weight = self.weight(self.count[runs[:, None], cells], noise[:, None])
        left = self.mean[runs[:, None], cells]
        if self.shape.crossed:
            left = left - self.project.mean[runs[:, None], np.append(self.shape.cell_project, 0)[cells]]
        return weight.sum(1), (weight * left).sum(1)

    def _context(self, runs: np.ndarray, context: np.ndarray, precision: np.ndarray, told: np.ndarray) -> np.ndarray:
        """Solve one context per run; returns the changes of its message to the levels, (2, runs, arms)."""
        found = block.effects(precision, told - precision * self.level.mean, self.variances(CONTEXT), self.shape.kin)
        for part, value in zip(self.context, found, strict=True):
            part[runs, context] = value
        message = np.stack([precision * found.rest, (told - precision * found.shared) * found.rest])
        change = message - self.message[:, runs, context]
        self.message[:, runs, context] = message
        return change

    def _project(self, runs: np.ndarray, project: np.ndarray) -> None:
        """Solve one project per run, given levels and contexts."""
        cells = self.shape.of_project[project]
        context = np.append(self.shape.cell_context, 0)[cells]
        noise = self.scales.noise[:, None] * self.scales.spread[runs[:, None], context][..., None]
        weight = self.weight(self.count[runs[:, None], cells], noise)
        left = self.mean[runs[:, None], cells] - self.level.mean[:, None] - self.context.mean[runs[:, None], context]
        found = block.effects(weight.sum(1), (weight * left).sum(1), self.variances(PROJECT), self.shape.kin)
        for part, value in zip(self.project, found, strict=True):
            part[runs, project] = value

    def _absorb(self, change: np.ndarray) -> None:
        """The levels hear of one context's change."""
        self.level_precision += change[0]
        self.level_information += change[1]
        self.level = dense.absorbed(self.level, change[0], change[1])

    def weights(self) -> np.ndarray:
        """Precision that every cell gives to the sum of its other effects, [run, cell, arm]."""
        noise = self.scales.noise[:, None] * self.scales.spread[:, self.shape.cell_context][..., None]
        return self.weight(self.count[:, :-1], noise)

    def of_contexts(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Precision and information about level + context, [run, context, arm], from all cells' `weights`."""
        left = self.mean[:, :-1]
        if self.shape.crossed:
            left = left - self.project.mean[:, self.shape.cell_project]
        return gathered(weight, self.shape.of_context), gathered(weight * left, self.shape.of_context)

    def of_projects(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Precision and information about the projects' effects, [run, project, arm]."""
        left = self.mean[:, :-1] - self.level.mean[:, None] - self.context.mean[:, self.shape.cell_context]
        return gathered(weight, self.shape.of_project), gathered(weight * left, self.shape.of_project)

    def _levels(self) -> dense.Level:
        evidence = (self.level_precision, self.level_information)
        return dense.solved(self.scales, self.shape.kin, self.shape.likeness, *evidence)

    def sweep(self, weight: np.ndarray) -> None:
        """Solve all blocks once, in turn, from all cells' `weights`."""
        precision, told = self.of_contexts(weight)
        information = told - precision * self.level.mean[:, None]
        self.context = block.effects(precision, information, _along(self.variances(CONTEXT)), self.shape.kin)
        self.context = block.Effects(*(np.array(np.broadcast_to(part, precision.shape)) for part in self.context))
        rest = self.context.rest
        self.message = np.stack([precision * rest, (told - precision * self.context.shared) * rest])
        self.level_precision, self.level_information = self.message.sum(2)
        self.level = self._levels()
        if self.shape.crossed:
            precision, information = self.of_projects(weight)
            found = block.effects(precision, information, _along(self.variances(PROJECT)), self.shape.kin)
            self.project = block.Effects(*(np.array(np.broadcast_to(part, precision.shape)) for part in found))


def _empty(runs: int, groups: int, arms: int) -> block.Effects:
    mean, variance, shared = np.zeros((3, runs, groups, arms))
    return block.Effects(mean, variance, shared, np.ones((runs, groups, arms)))


def _along(variances: Variances) -> Variances:
    """For many groups at once: [run, 1, arm]."""
    return Variances(*(part[:, None] for part in variances))


def gathered(part: np.ndarray, members: np.ndarray) -> np.ndarray:
    """[run, cell, arm] -> [run, group, arm]: sums over the cells of every group."""
    if members.shape[1] == 1:
        return part[:, members[:, 0]]
    return np.concatenate([part, np.zeros_like(part[:, :1])], axis=1)[:, members].sum(2)
