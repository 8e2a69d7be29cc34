"""The belief that serves where jobs have features: exact after every outcome, in NumPy. The protocol of `layouts`.

One outcome y with weight w and directions phi, in a cell whose n outcomes had mean y0 and mean directions m, whose own
deviation has the variance c = cell^2 and noise s^2: given the effects, with r = n c / (s^2 + n c),

    y - r y0 = (1 - r) (effects of the cell) + (phi - r m)'b + error,    var error = s^2 / w + s^2 c / (s^2 + n c)

so it is one rank-one update of the tiers in that direction (`recursive.effects`). What is believed at other features is
read in the same way, and so is how the belief about jobs to come changes with that about this one.
`tests/posterior/features/test_feature_filter.py` holds it to dense conditioning.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import Fit
from poolwise.posterior.crossed.gaussian_messages import Conditional
from poolwise.posterior.crossed.solve import CellMoments, pass_messages
from poolwise.posterior.features import slopes
from poolwise.posterior.features.slopes import CellDirections, SlopeLayout
from poolwise.posterior.hyperparameters.gaussian import cell_scale, noise_scale
from poolwise.posterior.recursive import effects
from poolwise.posterior.recursive.effects import Passage
from poolwise.posterior.recursive.exchangeability import Effects


class State(NamedTuple):
    """What was seen, changed in place."""

    tiers: tuple[np.ndarray, ...]
    """As `recursive.effects` has them: (rows, q, q + 1)."""
    form: SlopeLayout
    family: np.ndarray | None
    """(arms,); None: there is no tier of families."""
    noise: Float[np.ndarray, "context arm"]
    """Variance of one outcome."""
    cell: float
    """Variance of a cell around its coordinates."""
    count: Float[np.ndarray, "project context arm"]
    """Weight of the outcomes, as others hear of them."""
    mean: Float[np.ndarray, "project context arm"]
    directions: Float[np.ndarray, "project context arm direction"]
    """Mean over the same."""
    heard: Float[np.ndarray, " project"]
    """What a project's outcomes count as for others, see `likelihoods.project_weights`; for itself they do in full."""


class RecentJobs(NamedTuple):
    """J jobs that stand for those to come."""

    project: np.ndarray
    context: np.ndarray
    phi: Float[np.ndarray, "job direction"]


NOBODY = RecentJobs(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros((0, 0)))


class Directions(NamedTuple):
    """Sums of effects and slopes, J of every arm."""

    along: Float[np.ndarray, "arm look effect"]
    offset: Float[np.ndarray, "arm look"]
    """What the cell's own outcomes add to the mean."""
    rest: Float[np.ndarray, "arm look"]
    """Variance that they leave of the cell's own deviation."""


@single_blas()
def init(
    fit: Fit,
    stats: CellMoments,
    found: CellDirections,
    scales: Float[np.ndarray, "tier block"],
    blocks: tuple[int, ...],
    heard: Float[np.ndarray, " project"] | None = None,
) -> State:
    """The state that all outcomes so far lead to. stats: as others hear of them; scales: of slopes
    (`slopes.with_slopes`), of so many directions."""
    known, family = fit.scales, np.asarray(fit.family)
    form = slopes.slope_layout(stats.count.shape, fit.families, blocks)
    wide = slopes.with_slopes(known, scales)
    tree = pass_messages(slopes.leaves(stats, found, known, form), wide, family, fit.families, slopes.as_layout(form))
    tiers = (wide.arm, *((wide.family,) if fit.families else ()), wide.globe)
    units = effects.units([form.variances(tier, np) for tier in tiers[:-1]])
    top = Conditional(tree.globe.covariance[None], tree.globe.mean[None])
    parts = [tree.arm, *((tree.family,) if fit.families else ()), top]
    contexts = stats.count.shape[1]
    noise = np.broadcast_to(noise_scale(known, contexts), stats.count.shape[1:]) ** 2
    return State(
        tuple(map(effects.side_by_side, parts, units)),
        form,
        family if fit.families else None,
        noise,
        float(cell_scale(known, form.cells)) ** 2,
        stats.count.copy(),
        stats.mean.copy(),
        found.mean.copy(),
        np.ones(len(stats.count)) if heard is None else heard,
    )


def update(
    state: State, project: int, context: int, arm: int, y: float, weight: float, phi: Float[np.ndarray, " direction"]
) -> None:
    """One more outcome, in place; `weight`: part of an outcome that it counts as."""
    at, square, weight = (project, context, arm), float(state.noise[context, arm]), weight * state.heard[project]
    count, mean, m = float(state.count[at]), float(state.mean[at]), state.directions[at]
    left = square / (square + count * state.cell)
    direction = np.concatenate([(phi - (1 - left) * m) / left])
    precision = left**2 / (square / weight + left * state.cell)
    target = (y - (1 - left) * mean) / left
    rows = (arm, 0) if state.family is None else (arm, int(state.family[arm]), 0)
    found = _passage(state, rows, state.form.structure.at(project, context), direction)
    changes = effects.changes(found, precision, precision * target)
    effects.update(state.tiers, rows, tuple(part[:-1] for part in found.moved), changes)
    part = weight / (count + weight)
    state.count[at] += weight
    state.mean[at] += part * (y - mean)
    m += part * (phi - m)


def _passage(state: State, rows: tuple[int, ...], coordinates: list[int], direction: np.ndarray) -> Passage:
    first, start = state.tiers[0][rows[0]], state.form.start
    moved = [first[coordinates].sum(0) + direction @ first[start:]]
    along = [moved[0][coordinates].sum() + moved[0][start:-1] @ direction]
    for tier, row in zip(state.tiers[1:], rows[1:], strict=True):
        before = moved[-1][:-1]
        moved.append(before @ tier[row])
        along.append(before @ moved[-1][:-1])
    return Passage(tuple(moved), tuple(along))


def directions(
    state: State, project: np.ndarray, context: np.ndarray, phi: Float[np.ndarray, "look direction"]
) -> Directions:
    """Of theta at each of J places with their features."""
    looks, arms, form = len(project), len(state.tiers[0]), state.form.structure
    along = np.zeros((arms, looks, state.form.size))
    square = state.noise[context].T
    count = (state.count[project, context] / state.heard[project, None]).T
    mean, m = state.mean[project, context].T, state.directions[project, context]
    left = square / (square + count * state.cell)
    at = np.arange(looks)
    columns = [0 * at, 1 + context, 1 + form.contexts + project]
    if form.cells:
        columns.append(1 + form.contexts + form.projects + project * form.contexts + context)
    for column in columns:
        along[:, at, column] = left
    along[:, :, state.form.start :] = phi - (1 - left)[..., None] * np.swapaxes(m, 0, 1)
    return Directions(along, (1 - left) * mean, left * state.cell)


def shared_directions(state: State, project: int, context: int, phi: np.ndarray) -> np.ndarray:
    """(3, q): of what the project, the context, and everything shares at these features."""
    along = np.zeros((3, state.form.size))
    along[:, 0] = 1.0
    along[0, 1 + state.form.contexts + project] = along[1, 1 + context] = 1.0
    along[:, state.form.start :] = phi
    return along


def predict(
    state: State, project: int, context: int, phi: Float[np.ndarray, " direction"], recent: RecentJobs = NOBODY
) -> Effects:
    """Utility of a success of every arm in one cell at these features, and what it shares: with the project, with the
    context, with all, and with each of the recent jobs."""
    here = directions(state, np.array([project]), np.array([context]), phi[None])
    shared = shared_directions(state, project, context, phi)
    along = np.concatenate([here.along, np.broadcast_to(shared, (len(here.along), *shared.shape))], 1)
    if len(recent.project):
        other = directions(state, *recent)
        along = np.concatenate([along, other.along], 1)
    mean, covariance = moments(state, along)
    mean[:, 0] += here.offset[:, 0]
    variance = np.diagonal(covariance, 0, 1, 2).copy()
    variance[:, 0] += here.rest[:, 0]
    shared_with = covariance[:, 0, 1:]
    if len(recent.project):
        mean[:, 4:] += other.offset
        variance[:, 4:] += other.rest
        same = (recent.project == project) & (recent.context == context)
        shared_with[:, 3:] += same * here.rest
    return Effects(mean.T, variance.T, shared_with.T)


def moments(state: State, along: Float[np.ndarray, "arm look effect"]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (arms, looks) and covariance (arms, looks, looks) of these sums of each arm's effects."""
    moved = along @ state.tiers[0]
    mean, covariance = moved[..., -1].copy(), moved[..., :-1] @ np.swapaxes(along, 1, 2)
    for tier in state.tiers[1:]:
        direction = moved[..., :-1]
        moved = _moved(tier, direction, state.family if len(tier) > 1 else None)
        mean += moved[..., -1]
        covariance += moved[..., :-1] @ np.swapaxes(direction, 1, 2)
    return mean, covariance


def _moved(tier: np.ndarray, direction: np.ndarray, family: np.ndarray | None) -> np.ndarray:
    """(arms, looks, q + 1): a tier along the directions that the tier below gives."""
    if family is None:
        flat = direction.reshape(-1, direction.shape[-1]) @ tier[0]
        return np.asarray(flat.reshape(*direction.shape[:-1], -1))
    found = np.empty((*direction.shape[:-1], direction.shape[-1] + 1))
    for one in range(len(tier)):
        rows = np.flatnonzero(family == one)
        found[rows] = (direction[rows].reshape(-1, direction.shape[-1]) @ tier[one]).reshape(
            len(rows), *found.shape[1:]
        )
    return found
