"""Curvature of the log marginal likelihood in the scales, from the factorisation that gave its score.

With V the covariance of the outcomes and P what is left of it once what is known is taken off, the mean of the observed
and the expected information of two scales is

    AI[i, j] = 1/2 (dV_i P y)' P (dV_j P y),     dV_i P y = 2 (posterior mean of the effects with scale i)

by the logarithms of their standard deviations: the effects themselves are conditioned on once more, as if they were
outcomes. It takes products of matrices with twelve vectors, where a Hessian by differences takes twelve scores. Of one
effect with the reliability r = s^2 / (s^2 + t), t what its outcomes leave unknown, the Hessian itself is

    - d^2 log p / d log s^2 = AI - 2 (1 - r) d log p / d log s,     AI = 2 r (mean of the effect / s)^2

and so it is taken to be of all, r = AI / 2 sum (mean / s)^2. Noises are known from many outcomes each, so that theirs
follows cell by cell from the expected information, 2 r^2. Source: Gilmour, Thompson and Cullis (1995).
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.crossed.canonical_form import weights
from poolwise.posterior.crossed.solve import CellMoments, TreePosterior
from poolwise.posterior.hyperparameters.gaussian import (
    EffectLayout,
    GaussianHyperparameters,
    borrowed_at,
    cell_scale,
    noise_scale,
)


class Information(NamedTuple):
    """Minus the Hessian by the logarithms of the scales, tier by tier, S = 12, and of the noise of every context and
    arm."""

    scales: Float[np.ndarray, "scale scale"]
    across: Float[np.ndarray, "scale context arm"]
    noise: Float[np.ndarray, "context arm"]
    """Of each by itself."""


class EffectMeans(NamedTuple):
    """Posterior means of effect vectors: (arms, q) less what an expert says they lie around, (families, q), (q,)."""

    arm: Float[np.ndarray, "arm effect"]
    family: np.ndarray | None
    globe: Float[np.ndarray, " effect"]


class _ObservedCells(NamedTuple):
    """Cells [arm, project, context] with outcomes, what other stores know of contexts as one more project's."""

    weight: Float[np.ndarray, "arm project context"]
    form: EffectLayout

    def at(self, effects: np.ndarray) -> np.ndarray:
        """Sums of effects (S, arms, q) in every cell, (S, arms, projects, contexts)."""
        level, context, project, cell = np.split(effects, self._ends, axis=-1)
        found = (level + project)[..., None] + context[..., None, :]
        if self.form.cells:
            found += cell.reshape(found.shape)
        more = self.weight.shape[1] - self.form.projects
        return np.concatenate([found, (level + context)[..., None, :]], 2) if more else found

    def gathered(self, weighted: np.ndarray) -> np.ndarray:
        """Information (S, arms, projects, contexts) of cells as that of effects, (S, arms, q)."""
        own = weighted[:, :, : self.form.projects]
        parts = [weighted.sum((2, 3))[..., None], weighted.sum(2), own.sum(3)]
        cells = [own.reshape(*own.shape[:2], -1)] if self.form.cells else []
        return np.concatenate([*parts, *cells], -1)

    @property
    def _ends(self) -> np.ndarray:
        return np.cumsum([1, self.form.contexts, self.form.projects])


def information(
    tree: TreePosterior,
    means: EffectMeans,
    cells: CellMoments,
    residual: np.ndarray,
    variance: np.ndarray,
    scales: GaussianHyperparameters,
    family: np.ndarray,
    form: EffectLayout,
    score: tuple[np.ndarray, np.ndarray],
) -> Information:
    """residual, variance [project, context, arm]: cell means less the means of their coordinates, and the variances of
    these; means: see `EffectMeans`; family: (arms,) index; score: by the scales (S,), and by the noise (contexts,
    arms)."""
    own = cell_scale(scales, form.cells)
    noise = np.broadcast_to(noise_scale(scales, form.contexts), cells.count.shape[1:]) ** 2
    weight, pulled = weights(cells.count, residual, own, noise**0.5)
    observed = _ObservedCells(_with_pooled(np.moveaxis(weight, 2, 0), scales, form), form)
    effects = _effects(means, family, form)
    fitted = observed.at(effects)
    if not form.cells:
        part = np.array([tier.cell**2 for tier in scales[:3]]) * 2
        fitted[3::4, :, : form.projects] += part[:, None, None, None] * np.moveaxis(pulled, 2, 0)
    weighted = observed.weight * fitted
    gathered = observed.gathered(weighted)
    left = weighted - observed.weight * observed.at(_conditioned(tree, gathered, scales, family, form))
    square = (fitted.reshape(len(fitted), -1) @ left.reshape(len(left), -1).T) / 2
    square = (square + square.T) / 2
    fits = np.einsum("sapc,pca->s", fitted[:, :, : form.projects], pulled)
    known = np.maximum(np.diagonal(square), 0.0)
    reliable = known / np.maximum(np.maximum(fits, known), 1e-300)
    errors = np.moveaxis(pulled, 2, 0) / np.maximum(np.moveaxis(cells.count, 2, 0), 1e-300) * noise.T[:, None]
    across = np.einsum("sapc,apc->sca", left[:, :, : form.projects], errors)
    lone = noise * (weight - weight**2 * variance) / np.maximum(cells.count, 1e-300)
    expected, outcomes = 2 * (np.maximum(cells.count - 1, 0) + lone**2).sum(0), cells.count.sum(0)
    sure = np.sqrt(expected / np.maximum(2 * outcomes, 1e-300))
    return Information(
        square - 2 * np.diag((1 - reliable) * score[0]),
        across,
        np.maximum(expected + (4 * sure - 2) * score[1], expected / 2),
    )


def _effects(means: EffectMeans, family: np.ndarray, form: EffectLayout) -> np.ndarray:
    """(S, arms, q): twice the deviations of every tier from the one above, block by block."""
    top = np.broadcast_to(means.globe, means.arm.shape)
    middle = top if means.family is None else means.family[family]
    blocks = np.repeat(np.eye(4), [1, form.contexts, form.projects, form.size - 1 - form.contexts - form.projects], 1)
    tiers = np.stack([means.arm - middle, middle - top, top])
    return 2 * (tiers[:, None] * blocks[:, None]).reshape(12, *means.arm.shape)


def _with_pooled(weight: np.ndarray, scales: GaussianHyperparameters, form: EffectLayout) -> np.ndarray:
    known = borrowed_at(scales, form.contexts)
    return weight if known is None else np.concatenate([weight, known.precision.T[:, None]], 1)


def _conditioned(
    tree: TreePosterior, weighted: np.ndarray, scales: GaussianHyperparameters, family: np.ndarray, form: EffectLayout
) -> np.ndarray:
    """(S, arms, q): posterior means of the effects that this information (S, arms, q) would lead to."""
    columns = np.moveaxis(weighted, 0, 2)
    below = form.variances(scales.arm, np)[:, None]
    arm = tree.arm.covariance @ columns
    message, kin = arm / below, np.zeros(len(arm), int)
    if tree.family is not tree.arm:
        between, kin = form.variances(scales.family, np)[:, None], family
        gathered = np.zeros((len(tree.family.mean), *message.shape[1:]))
        np.add.at(gathered, family, message)
        middle = tree.family.covariance @ gathered
        message = middle / between
    above = (tree.globe.covariance[0] if tree.globe.covariance.ndim == 3 else tree.globe.covariance) @ message.sum(0)
    if tree.family is not tree.arm:
        above = middle + tree.family.covariance @ (above / between)
    return np.moveaxis(arm + tree.arm.covariance @ ((above if above.ndim == 3 else above[None])[kin] / below), 2, 0)
