"""The belief that serves where jobs have features: exact after every outcome. Pure functions on NumPy and under
`jax.jit`.

One outcome y with weight w and directions phi, in a cell whose n outcomes had mean y0 and mean directions m, whose own
deviation has the variance c = cell^2 and noise s^2: given the effects, with r = n c / (s^2 + n c),

    y - r y0 = (1 - r) (effects of the cell) + (phi - r m)'b + error,    var error = s^2 / w + s^2 c / (s^2 + n c)

so it is one rank-one update of the tiers in that direction (`recursive.effects`). What is believed at other features is
read in the same way (`feature_prediction`). `tests/posterior/features/test_feature_filter.py` holds both to dense
conditioning.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, at, choose, looked_up, put
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import Fit
from poolwise.posterior.crossed.gaussian_messages import Conditional
from poolwise.posterior.crossed.solve import CellMoments, pass_messages
from poolwise.posterior.features import slopes
from poolwise.posterior.features.slope_types import RecentJobs, SlopeConstants, SlopeState, SlopeStructure
from poolwise.posterior.features.slopes import CellDirections, SlopeEvidence
from poolwise.posterior.hyperparameters.gaussian import cell_scale, noise_scale
from poolwise.posterior.recursive import effects

Place = tuple[Array, Array, Array]
"""Project, context and arm."""


@single_blas()
def init(
    fit: Fit,
    stats: CellMoments,
    found: CellDirections,
    scales: Float[np.ndarray, "tier block"],
    blocks: tuple[int, ...],
    heard: Float[np.ndarray, " project"] | None = None,
    borrowed: SlopeEvidence | None = None,
) -> tuple[SlopeStructure, SlopeConstants, SlopeState]:
    """The state that all outcomes so far lead to, in NumPy, and no recent jobs. stats: as others hear of them; scales:
    of slopes (`slopes.with_slopes`), of so many directions."""
    known, family = fit.scales, np.asarray(fit.family)
    form = slopes.slope_layout(stats.count.shape, fit.families, blocks)
    wide = slopes.with_slopes(known, scales)
    leaves = slopes.leaves(stats, found, known, form, borrowed)
    tree = pass_messages(leaves, wide, family, fit.families, slopes.as_layout(form))
    tiers = (wide.arm, *((wide.family,) if fit.families else ()), wide.globe)
    units = effects.units([form.variances(tier, np) for tier in tiers[:-1]])
    top = Conditional(tree.globe.covariance[None], tree.globe.mean[None])
    parts = [tree.arm, *((tree.family,) if fit.families else ()), top]
    projects, contexts, arms = stats.count.shape
    noise = np.broadcast_to(noise_scale(known, contexts), (contexts, arms)) ** 2
    cell = np.asarray(cell_scale(known, form.cells), dtype=float) ** 2
    nobody = RecentJobs(np.zeros(0), np.zeros(0), np.zeros((0, sum(blocks))), np.zeros((0, arms)))
    heard = np.ones(projects) if heard is None else heard
    return (
        SlopeStructure(form, tuple(family.tolist()) if fit.families else None, arms),
        SlopeConstants(noise, cell, heard, nobody, np.zeros(arms)),
        SlopeState(
            tuple(map(effects.side_by_side, parts, units)), stats.count.copy(), stats.mean.copy(), found.mean.copy()
        ),
    )


class _Cell(NamedTuple):
    """What the state says of the cell and the arm of an outcome."""

    noise: Array
    count: Array
    mean: Array
    directions: Float[Array, " direction"]
    heard: Array


def _cell(constants: SlopeConstants, state: SlopeState, place: Place) -> _Cell:
    return _Cell(
        at(constants.noise, *place[1:]),
        at(state.number, *place),
        at(state.mean, *place),
        at(state.directions, *place),
        at(constants.heard, place[0]),
    )


def update(
    structure: SlopeStructure,
    constants: SlopeConstants,
    state: SlopeState,
    place: Place,
    y: Array,
    weight: Array,
    phi: Float[Array, " direction"],
) -> SlopeState:
    """The state after one more outcome; `weight`: part of an outcome that it counts as, 0: nothing changes. Whatever is
    read is read before anything is written, so that nothing of a donated state is copied."""
    new = choose(
        weight > 0,
        lambda *known: _learned(structure, *known),
        lambda _, state, place, *__: _unchanged(state, place),
        *(constants, state, place, y, weight, phi),
    )
    return SlopeState(
        effects.update(state.tiers, _rows(structure, place), new.along, new.change),
        put(state.number, new.number, *place),
        put(state.mean, new.mean, *place),
        put(state.directions, new.directions, *place),
    )


class _Delta(NamedTuple):
    """What one outcome changes: of every tier vectors whose outer product is added to a row, and what replaces numbers
    of the cell."""

    along: tuple[Array, ...]
    change: tuple[Array, ...]
    number: Array
    mean: Array
    directions: Array


def _learned(
    structure: SlopeStructure,
    constants: SlopeConstants,
    state: SlopeState,
    place: Place,
    y: Array,
    weight: Array,
    phi: Array,
) -> _Delta:
    here = _cell(constants, state, place)
    square, count, mean, m = here.noise, here.count, here.mean, here.directions
    weight = weight * here.heard
    left = square / (square + count * constants.cell)
    precision = left**2 * weight / (square + weight * left * constants.cell)
    target = (y - (1 - left) * mean) / left
    found = _passage(structure, state, place, (phi - (1 - left) * m) / left)
    part = weight / (count + weight)
    return _Delta(
        tuple(moved[:-1] for moved in found.moved),
        effects.changes(found, precision, precision * target),
        count + weight,
        mean + part * (y - mean),
        m + part * (phi - m),
    )


def _unchanged(state: SlopeState, place: Place) -> _Delta:
    along, change = (tuple(tier[0, 0, :size] * 0.0 for tier in state.tiers) for size in (-1, None))
    return _Delta(along, change, *(at(part, *place) for part in state[1:]))


def marginal(
    structure: SlopeStructure,
    constants: SlopeConstants,
    state: SlopeState,
    place: Place,
    phi: Float[Array, " direction"],
) -> tuple[Array, Array]:
    """Mean and variance of theta of one arm in one cell at these features."""
    here = _cell(constants, state, place)
    left = here.noise / (here.noise + here.count / here.heard * constants.cell)
    found = _passage(structure, state, place, (phi - (1 - left) * here.directions) / left)
    mean = left * found.mean + (1 - left) * here.mean
    return mean, left * (left * found.variance + constants.cell)


def _rows(structure: SlopeStructure, place: Place) -> tuple[Array, ...]:
    """Of the arm, its family and the globe."""
    arm = place[2]
    return (arm, 0) if structure.family is None else (arm, looked_up(structure.family, arm), 0)


def _passage(structure: SlopeStructure, state: SlopeState, place: Place, direction: Array) -> effects.Passage:
    """What the cell's effects with these slopes come to."""
    layout = structure.layout
    coordinates = layout.structure.at(*place[:2])
    return effects.passage(state.tiers, _rows(structure, place), coordinates, (layout.start, direction))
