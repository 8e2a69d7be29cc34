"""What is believed at the features of a job, and how that changes with what is believed of recent ones: see
`feature_filter`. Pure functions on NumPy and under `jax.jit`."""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, at, namespace, window
from poolwise.posterior.features.slope_types import RecentJobs, SlopeConstants, SlopeState, SlopeStructure
from poolwise.posterior.recursive import effects
from poolwise.posterior.recursive.exchangeability import Effects


class _Looks(NamedTuple):
    """Theta at J places with their features, for every arm: a part of the cell's effects, slopes, and a rest."""

    left: Float[Array, "arm look"]
    """The part of effects in theta: the rest is the cell's own outcomes'."""
    slope: Float[Array, "arm look direction"]
    offset: Float[Array, "arm look"]
    """What the cell's own outcomes add to the mean."""
    rest: Float[Array, "arm look"]
    """Variance that they leave of the cell's own deviation."""


def _looks(constants: SlopeConstants, cell: tuple[Array, ...], heard: Array, phi: Array) -> _Looks:
    """cell: (J, A) noise, weight, mean and, of d, mean directions of each; heard (J, 1); phi (J, d) or (A, J, d)."""
    noise, number, mean, directions = cell
    left = (noise / (noise + number / heard * constants.cell)).T
    gone = 1 - left
    slope = phi - gone[..., None] * directions.swapaxes(0, 1)
    return _Looks(left, slope, gone * mean.T, left * constants.cell)


def _here(constants: SlopeConstants, state: SlopeState, project: Array, context: Array, phi: Array) -> _Looks:
    parts = (at(part, project, context)[None] for part in (state.number, state.mean, state.directions))
    noise, heard = at(constants.noise, context)[None], at(constants.heard, project)
    return _looks(constants, (noise, *parts), heard, phi[..., None, :])


def _there(constants: SlopeConstants, state: SlopeState) -> _Looks:
    """Of the recent jobs."""
    project, context = (part.astype("int32") for part in constants.recent[:2])
    parts = (part[project, context] for part in (state.number, state.mean, state.directions))
    return _looks(
        constants, (constants.noise[context], *parts), constants.heard[project][:, None], constants.recent.phi
    )


def predict(
    structure: SlopeStructure,
    constants: SlopeConstants,
    state: SlopeState,
    project: Array,
    context: Array,
    phi: Float[Array, " direction"],
) -> Effects:
    """Utility of a success of every arm in one cell at these features, and what it shares: with the project, with the
    context, with all, and with each of the recent jobs."""
    xp, tiers, layout = namespace(phi), state.tiers, structure.layout
    arms, start, width = structure.arms, layout.start, layout.size + 1
    coordinates = layout.structure.at(project, context)
    here = _here(constants, state, project, context, phi)
    factor = xp.concatenate([here.left, xp.ones((arms, effects.ROWS - 1))], 1)
    wider = xp.broadcast_to(phi, (arms, effects.ROWS - 1, structure.directions))
    along = xp.concatenate([here.slope, wider], 1)
    rows = [window(tiers[0], (0, i, 0), (arms, 1, width))[:, 0] for i in coordinates]
    moved = [factor[..., None] * effects.sums(xp, rows, 1) + along @ tiers[0][:, start:]]
    across = [window(moved[0], (0, 0, i), (arms, effects.ROWS, 1))[:, :, 0] for i in coordinates]
    covariance = factor[:, None] * effects.sums(xp, across, 2)
    covariance = covariance + moved[0][..., start:-1] @ along.swapaxes(1, 2)
    mean = moved[0][..., -1]
    for number, tier in enumerate(tiers[1:]):
        below = moved[-1]
        moved.append(_upwards(structure, number, tier, below))
        mean = mean + moved[-1][..., -1]
        covariance = covariance + moved[-1][..., :-1] @ below[..., :-1].swapaxes(1, 2)
    variance = xp.stack([covariance[:, row, row] for row in range(effects.ROWS)])
    first = [[1.0]] + [[0.0]] * (effects.ROWS - 1)
    found = Effects(
        mean.T + xp.asarray(first) * here.offset[:, 0],
        variance + xp.asarray(first) * (here.rest[:, 0] + constants.unknown),
        covariance[:, 0, 1:].T,
    )
    if not len(constants.recent.project):
        return found
    same = (constants.recent.project == project) & (constants.recent.context == context)
    own = same[:, None] * here.rest[:, 0]
    return _with_recent(structure, constants, state, found, [part[:, 0, :-1] for part in moved], own)


def _upwards(structure: SlopeStructure, number: int, tier: Array, below: Array) -> Array:
    """(arms, looks, q + 1): a tier along the directions that the one below gives; number: of tiers above the arms'."""
    if structure.family is not None and number == 0:
        return effects.by_family(tier, below, structure.family, 0)
    return effects.whole_tier(tier, below, 0)


def _with_recent(
    structure: SlopeStructure,
    constants: SlopeConstants,
    state: SlopeState,
    found: Effects,
    moved: list[Array],
    own: Array,
) -> Effects:
    """With a row for each of the recent jobs. moved: (arms, q) of the sum here, tier by tier; own: (jobs, arms)
    covariance through the cell's own deviation."""
    xp, layout, recent = namespace(own), structure.layout, constants.recent
    column, looks = _downwards(structure, state.tiers, moved), _there(constants, state)
    project, context = (part.astype("int32") for part in recent[:2])
    _, *places = layout.structure.at(project, context)
    summed = looks.left[..., None] * sum((column[:, one] for one in places), column[:, :1])
    summed = summed + looks.slope @ column[:, layout.start :]
    return Effects(
        xp.concatenate([found.mean, (summed[..., 1] + looks.offset).T]),
        xp.concatenate([found.variance, recent.variance]),
        xp.concatenate([found.along, summed[..., 0].T + own]),
    )


def _downwards(structure: SlopeStructure, tiers: tuple[Array, ...], moved: list[Array]) -> Array:
    """(arms, q, 2): covariance of every effect with the sum that was followed up the tiers, and its mean."""
    xp, arms = namespace(moved[0]), np.arange(structure.arms)
    rows = [arms, *([] if structure.family is None else [np.array(structure.family)]), 0 * arms]
    pairs = [
        xp.stack([one, xp.broadcast_to(tier[row, :, -1], one.shape)], 2)
        for one, tier, row in zip(moved, tiers, rows, strict=True)
    ]
    found = pairs[-1]
    for tier, row, pair in zip(tiers[-2::-1], rows[-2::-1], pairs[-2::-1], strict=True):
        found = pair + _times(tier, found, row)
    return found


def _times(tier: Array, column: Array, row: np.ndarray) -> Array:
    """(arms, q, 2): the covariance in each arm's row of a tier times its columns."""
    if len(tier) == len(row):
        return tier[..., :-1] @ column
    members = [np.flatnonzero(row == one) for one in range(len(tier))]
    parts = [tier[one, :, :-1] @ column[mine] for one, mine in enumerate(members)]
    return namespace(column).concatenate(parts)[np.argsort(np.concatenate(members), kind="stable")]


def with_variance(
    structure: SlopeStructure, constants: SlopeConstants, state: SlopeState, recent: RecentJobs
) -> SlopeConstants:
    """The constants with recent jobs, and what is believed of these now; in NumPy."""
    places = zip(recent.project.astype(int), recent.context.astype(int), recent.phi, strict=True)
    found = [predict(structure, constants, state, *one).variance[0] for one in places]
    variance = np.array(found).reshape(len(recent.project), structure.arms)
    return constants._replace(recent=recent._replace(variance=variance))


def slopes_of_arms(
    structure: SlopeStructure, state: SlopeState
) -> tuple[Float[np.ndarray, "arm slope"], Float[np.ndarray, "arm slope slope"]]:
    """Posterior mean and covariance of every arm's slopes; in NumPy."""
    start = structure.layout.start
    moved = state.tiers[0][:, start:]
    mean, covariance = moved[..., -1].copy(), moved[..., start:-1].copy()
    for number, tier in enumerate(state.tiers[1:]):
        below = moved
        moved = _upwards(structure, number, tier, below)
        mean += moved[..., -1]
        covariance += moved[..., :-1] @ np.swapaxes(below[..., :-1], 1, 2)
    return mean, covariance
