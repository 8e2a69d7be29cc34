"""The belief with slopes as one compiled call: as `recursive.compiled`, with directions of the outcome's job and of the
job that is asked about at the end of the row."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from poolwise.arrays import Array, whole
from poolwise.posterior.features import feature_filter, feature_prediction
from poolwise.posterior.features.slope_types import RecentJobs, SlopeConstants, SlopeState, SlopeStructure
from poolwise.posterior.recursive import compiled, updating
from poolwise.posterior.recursive.compiled import Kernel, Tail
from poolwise.posterior.recursive.effects import ROWS
from poolwise.posterior.recursive.types import NONE, Constants, Outcome, State, Structure


class WholeStructure(NamedTuple):
    """Known when a function is compiled; hashable."""

    base: Structure
    slopes: SlopeStructure
    recent: int
    """Jobs that stand for those to come."""

    @property
    def arms(self) -> int:
        return self.base.arms


WholeState = tuple[State, SlopeState]
WholeConstants = tuple[Constants, SlopeConstants]


def update_and_predict(
    structure: WholeStructure,
    tail: Tail,
    state: WholeState,
    constants: WholeConstants,
    row: Array,
    kernel: Kernel = lambda part: part,
) -> tuple[WholeState, Array]:
    """As `recursive.compiled.update_and_predict`."""
    size = structure.slopes.directions
    rest, asked = row[: -2 * size], row[-size:]
    state, counted = kernel(partial(_updated, structure))(constants, state, row)
    found = feature_prediction.predict(structure.slopes, constants[1], state[1], whole(row[6]), whole(row[7]), asked)
    packed = kernel(partial(compiled.packed, structure.base, tail))(constants[0], state[0], found, counted, rest)
    return state, packed


def _updated(
    structure: WholeStructure, constants: WholeConstants, state: WholeState, row: Array
) -> tuple[WholeState, Array]:
    base, size = structure.base, structure.slopes.directions
    project, context, arm, kind, slot = (whole(row[i]) for i in (0, 1, 2, 4, 5))
    place, phi = (project, context, arm), row[-2 * size : -size]
    given = structure.slopes, constants[1], state[1], place
    pooled = feature_filter.marginal(*given, phi)
    outcome = Outcome(*place, row[3], kind, slot)
    first, counted = updating.update(base, constants[0], state[0], outcome, pooled)
    teaches = (kind != NONE) * 1.0 if base.baseline is None else ((kind != NONE) & (arm != base.baseline)) * 1.0
    return (first, feature_filter.update(*given, counted[1], counted[0] * teaches, phi)), counted


def shapes(structure: WholeStructure, of: Callable[..., Any]) -> tuple[WholeState, WholeConstants]:
    """`of(*shape)` for every array of a state and its constants."""
    state, constants = compiled.shapes(structure.base, of)
    form, (projects, contexts, arms) = structure.slopes, structure.base[:3]
    q, size, cells = form.layout.size, form.directions, (projects, contexts, arms)
    rows = (arms, max(form.family) + 1, 1) if form.family else (arms, 1)
    own = SlopeState(tuple(of(n, q, q + 1) for n in rows), of(*cells), of(*cells), of(*cells, size))
    jobs = structure.recent
    recent = RecentJobs(of(jobs), of(jobs), of(jobs, size), of(jobs, arms))
    slopes = SlopeConstants(of(contexts, arms), of(), of(projects), recent, of(arms))
    return (state._replace(effects=()), own), (constants, slopes)


def algebra(structure: WholeStructure) -> compiled.Algebra:
    """What `recursive.compiled.program` compiles."""
    return compiled.Algebra(
        update_and_predict, shapes, compiled.ROW + 2 * structure.slopes.directions, ROWS - 1 + structure.recent
    )
