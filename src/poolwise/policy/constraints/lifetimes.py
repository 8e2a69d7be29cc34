"""How long projects go on: a life table of a store's projects, and what it expects of one that has lasted so long.

Lengths count decisions. A project that has been silent for long has ended; any other has lasted for at least as long as
it has. Per band of lengths, half an octave wide, the share of the projects that end there is learned on top of what a
broad law expects, a Lomax law, of which a project lasts twice as long again as it has, and a little more. So that guess
stands where nothing is known, and where all projects are of one length, that one is found.
Sources: Kaplan and Meier (1958) with the prior of Ferguson and Phadia (1979), in bands; Lomax (1954).

Written once for NumPy and JAX.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, namespace
from poolwise.policy.view import constant

SHAPE, SCALE = 1.5, 5.0
"""Of the broad law: what has lasted for n decisions is expected to last for (n + SCALE) / (SHAPE - 1) more."""
WEIGHT = 1.0
"""Of the broad law, in projects."""
SILENT, TIMES = 30.0, 4.0
"""A project has ended after so many decisions of others, and so many times the longest silence that it came back from,
or projects come back from on average."""
BANDS = 44
"""The last begins at 3 million decisions."""
EDGES = 2.0 ** (0.5 * np.arange(BANDS + 1.0))
EXPECTED = 1.0 - ((SCALE + EDGES[:-1]) / (SCALE + EDGES[1:])) ** SHAPE
"""Share of the projects that end in each band, by the broad law."""


class Survival(NamedTuple):
    """Of projects."""

    share: Array
    """(BANDS + 1,): that reach each of EDGES."""
    ahead: Array
    """(BANDS + 1,): decisions that are expected past each of EDGES, of a project that has not begun."""


def survival(projects: Array, total: Array) -> Survival:
    """From the projects of a store, (P, 3): decisions made, the store's decisions when the last one was made, and the
    longest silence before one; total: the store's decisions so far."""
    xp, made = namespace(projects), projects[:, 0]
    there = made > 0
    over = (there & (total > silent_until(projects)))[:, None]
    band, number = band_of(made)[:, None], constant(np.arange(float(BANDS)), made)
    here, passed = there[:, None] & (band == number), (there[:, None] & (band > number)).sum(axis=0)
    ended = (here & over).sum(axis=0)
    exposed = passed + 0.5 * (here.sum(axis=0) + ended)
    hazard = (ended + WEIGHT * constant(EXPECTED, made)) / (exposed + WEIGHT)
    share = xp.concatenate([xp.ones_like(hazard[:1]), xp.cumprod(1.0 - hazard)])
    area = 0.5 * (share[:-1] + share[1:]) * constant(np.diff(EDGES), made)
    tail = share[-1:] * law(EDGES[-1])
    return Survival(share, xp.concatenate([area, tail])[::-1].cumsum()[::-1])


def any_ended(projects: Array, total: Array) -> Array:
    """Whether one has been silent for long; arguments of `survival`."""
    return ((projects[:, 0] > 0) & (total > silent_until(projects))).any()


def law(made: Array) -> Array:
    """Decisions that the broad law expects of what has lasted for so many."""
    return (made + SCALE) / (SHAPE - 1.0)


def silent_until(projects: Array) -> Array:
    """(P,): the store's decisions up to which a project has not ended, if none of its own comes."""
    xp, (made, last, silence) = namespace(projects), projects.T
    there = made > 0
    usual = (there * silence).sum() / xp.maximum(there.sum(), 1)
    return last + SILENT + TIMES * xp.maximum(silence, usual)


def band_of(made: Array) -> Array:
    """The number of the band that so many decisions, one or more, lie in; by comparison, for logarithms are rounded."""
    return (made[..., None] >= constant(EDGES[:-1], made)).sum(axis=-1) - 1


def remaining(found: Survival, made: Array) -> Array:
    """Decisions that are expected of a project after so many."""
    xp, edges = namespace(found.share), constant(EDGES, found.share)
    since = xp.clip(xp.asarray(made), 1.0, EDGES[-1])
    band = band_of(since)
    before, after = found.share[band], found.share[band + 1]
    return in_band(made, since, edges[band], edges[band + 1], before, after, found.ahead[band + 1])


def in_band(made: Array, since: Array, first: Array, end: Array, before: Array, after: Array, ahead: Array) -> Array:
    """The same, for `since`, `made` within the edges, in the band from `first` to `end`, which the shares `before` and
    `after` of all projects reach, with `ahead` expected past it."""
    here = before + (after - before) * (since - first) / (end - first)
    return (0.5 * (here + after) * (end - since) + ahead) / here + (since - made)


def within(found: Survival, made: float, chances: np.ndarray) -> np.ndarray:
    """Decisions to come of a project after so many, which it stays below with each of these probabilities; NumPy."""
    since = min(max(made, 1.0), EDGES[-1])
    band = int(band_of(np.asarray(since)))
    place = (since - EDGES[band]) / (EDGES[band + 1] - EDGES[band])
    here = found.share[band] + (found.share[band + 1] - found.share[band]) * place
    share, edges = (np.append(first, rest[band + 1 :]) for first, rest in ((here, found.share), (since, EDGES)))
    return np.maximum(np.interp(here * (1.0 - chances), share[::-1], edges[::-1]) - made, 0.0)


def expected_uses(
    here: Array, there: Array, everywhere: Array, total: Array, ahead: Array, projects: Array, horizon: float | None
) -> tuple[Array, Array, Array, Array]:
    """Decisions to come of the project, of all, here, and in this context of other projects. From those made here, in
    the project, in the context, in all; `ahead`: expected of the project; horizon: of all, where it is known."""
    xp = namespace(here)
    if horizon is None:
        project, every = ahead, xp.maximum(law(total), ahead)
    else:
        every = xp.maximum(horizon - total, 1.0)
        project = xp.minimum(xp.maximum(ahead, every / projects), every)
    return project, every, project * (here + 1.0) / (there + 2.0), every * (everywhere - here) / (total + 2.0)
