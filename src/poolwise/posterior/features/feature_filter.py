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
    number: Float[np.ndarray, "project context arm"]
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
    variance: Float[np.ndarray, "job arm"]
    """Of theta there, when the state was set up; it may be smaller by now."""


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
    at, square, weight = (project, context, arm), float(state.noise[context, arm]), weight * float(state.heard[project])
    count, mean, m = float(state.number[at]), float(state.mean[at]), state.directions[at]
    left = square / (square + count * state.cell)
    precision = left**2 / (square / weight + left * state.cell)
    target = (y - (1 - left) * mean) / left
    rows, found = _passage(state, at, (phi - (1 - left) * m) / left)
    changes = effects.changes(found, precision, precision * target)
    effects.update(state.tiers, rows, tuple(part[:-1] for part in found.moved), changes)
    part = weight / (count + weight)
    state.number[at] += weight
    state.mean[at] += part * (y - mean)
    m += part * (phi - m)


def marginal(
    state: State, project: int, context: int, arm: int, phi: Float[np.ndarray, " direction"]
) -> tuple[float, float]:
    """Mean and variance of theta of one arm in one cell at these features."""
    at, square = (project, context, arm), float(state.noise[context, arm])
    left = square / (square + float(state.number[at]) / float(state.heard[project]) * state.cell)
    _, found = _passage(state, at, (phi - (1 - left) * state.directions[at]) / left)
    mean = left * found.mean + (1 - left) * float(state.mean[at])
    return mean, left * (left * found.variance + state.cell)


def _passage(state: State, at: tuple[int, int, int], direction: np.ndarray) -> tuple[tuple[int, ...], Passage]:
    """Rows of the arm, its family and the globe, and what the cell's effects with these slopes come to."""
    arm, coordinates = at[2], state.form.structure.at(*at[:2])
    rows = (arm, 0) if state.family is None else (arm, int(state.family[arm]), 0)
    first, start = state.tiers[0][arm], state.form.start
    moved = [first[coordinates].sum(0) + direction @ first[start:]]
    along = [moved[0][coordinates].sum() + moved[0][start:-1] @ direction]
    for tier, row in zip(state.tiers[1:], rows[1:], strict=True):
        before = moved[-1][:-1]
        moved.append(before @ tier[row])
        along.append(before @ moved[-1][:-1])
    return rows, Passage(tuple(moved), tuple(along))


class _Looks(NamedTuple):
    """Theta at J places with their features, as sums of effects and slopes, for every arm."""

    columns: np.ndarray
    """(effects of a cell, J): numbers of the effects that add up."""
    left: Float[np.ndarray, "arm look"]
    """The part of these in theta: the rest is the cell's own outcomes'."""
    slope: Float[np.ndarray, "arm look direction"]
    offset: Float[np.ndarray, "arm look"]
    """What the cell's own outcomes add to the mean."""
    rest: Float[np.ndarray, "arm look"]
    """Variance that they leave of the cell's own deviation."""


def _looks(state: State, project: np.ndarray, context: np.ndarray, phi: np.ndarray) -> _Looks:
    form = state.form.structure
    columns = [0 * context, 1 + context, 1 + form.contexts + project]
    if form.cells:
        columns.append(1 + form.contexts + form.projects + project * form.contexts + context)
    square = state.noise[context].T
    count = (state.number[project, context] / state.heard[project, None]).T
    left = square / (square + count * state.cell)
    gone = 1 - left
    slope = phi - gone[..., None] * np.swapaxes(state.directions[project, context], 0, 1)
    offset = gone * state.mean[project, context].T
    return _Looks(np.array(columns), left, slope, offset, left * state.cell)


def predict(
    state: State,
    project: int,
    context: int,
    phi: Float[np.ndarray, " direction"],
    recent: RecentJobs | None = None,
) -> Effects:
    """Utility of a success of every arm in one cell at these features, and what it shares: with the project, with the
    context, with all, and with each of the recent jobs."""
    here = _looks(state, np.array([project]), np.array([context]), phi[None])
    columns, start = here.columns[:, 0], state.form.start
    kept = np.concatenate([columns, np.arange(start, state.form.size)])
    along = np.zeros((len(here.left), effects.ROWS, len(kept)))
    along[:, 0, : len(columns)] = here.left
    along[:, 1:, 0] = along[:, 1, 2] = along[:, 2, 1] = 1.0
    along[:, 1:, len(columns) :] = phi
    along[:, 0, len(columns) :] = here.slope[:, 0]
    moved = [along @ state.tiers[0][:, kept]]
    mean = moved[0][..., -1].copy()
    covariance = moved[0][..., kept] @ np.swapaxes(along, 1, 2)
    for tier in state.tiers[1:]:
        direction = moved[-1][..., :-1]
        moved.append(_moved(tier, direction, state.family if len(tier) > 1 else None))
        mean += moved[-1][..., -1]
        covariance += moved[-1][..., :-1] @ np.swapaxes(direction, 1, 2)
    mean[:, 0] += here.offset[:, 0]
    variance = np.diagonal(covariance, 0, 1, 2).T.copy()
    variance[0] += here.rest[:, 0]
    found = Effects(mean.T, variance, covariance[:, 0, 1:].T)
    if recent is None:
        return found
    same = (recent.project == project) & (recent.context == context)
    return _with_recent(state, found, recent, [part[:, 0, :-1] for part in moved], same[:, None] * here.rest[:, 0])


def _with_recent(state: State, found: Effects, recent: RecentJobs, moved: list[np.ndarray], own: np.ndarray) -> Effects:
    """With a row for each of the recent jobs. moved: (arms, q) of the sum here, tier by tier; own: (jobs, arms)
    covariance through the cell's own deviation."""
    column = _downwards(state, moved)
    looks, start = _looks(state, recent.project, recent.context, recent.phi), state.form.start
    summed = column[:, looks.columns].sum(1) * looks.left[..., None] + looks.slope @ column[:, start:]
    return Effects(
        np.concatenate([found.mean, (summed[..., 1] + looks.offset).T]),
        np.concatenate([found.variance, recent.variance]),
        np.concatenate([found.along, summed[..., 0].T + own]),
    )


def _downwards(state: State, moved: list[np.ndarray]) -> np.ndarray:
    """(arms, q, 2): covariance of every effect with the sum that was followed up the tiers, and its mean."""
    arms = len(state.tiers[0])
    rows = [np.arange(arms), *([state.family] if state.family is not None else []), np.zeros(arms, dtype=int)]
    pairs = [
        np.stack([one, np.broadcast_to(tier[row, :, -1], one.shape)], 2)
        for one, tier, row in zip(moved, state.tiers, rows, strict=True)
    ]
    found = pairs[-1]
    for tier, row, pair in zip(state.tiers[-2::-1], rows[-2::-1], pairs[-2::-1], strict=True):
        found = pair + _times(tier, found, row)
    return found


def _times(tier: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(arms, q, 2): the covariance in each arm's row of a tier times its columns."""
    if len(tier) == len(row):
        return np.asarray(tier[..., :-1] @ column)
    found = np.empty_like(column)
    for one in range(len(tier)):
        mine = np.flatnonzero(row == one)
        found[mine] = tier[one, :, :-1] @ column[mine]
    return found


def slopes_of_arms(state: State) -> tuple[Float[np.ndarray, "arm slope"], Float[np.ndarray, "arm slope slope"]]:
    """Posterior mean and covariance of every arm's slopes."""
    start = state.form.start
    moved = state.tiers[0][:, start:]
    mean, covariance = moved[..., -1].copy(), moved[..., start:-1].copy()
    for tier in state.tiers[1:]:
        direction = moved[..., :-1]
        moved = _moved(tier, direction, state.family if len(tier) > 1 else None)
        mean += moved[..., -1]
        covariance += moved[..., :-1] @ np.swapaxes(direction, 1, 2)
    return mean, covariance


def variance_at(state: State, recent: RecentJobs) -> Float[np.ndarray, "job arm"]:
    """Of theta at each of the recent jobs."""
    found = [predict(state, *at).variance[0] for at in zip(*recent[:2], recent.phi, strict=True)]
    return np.array(found).reshape(len(recent.project), len(state.tiers[0]))


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
