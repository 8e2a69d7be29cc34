"""One outcome more: the state that serves, conditioned on it. Pure functions on NumPy and under `jax.jit`.

    update(structure, constants, state, outcome) -> State, what it counted as

It reads everything before it writes anything, and takes the state's buffers: under `jax.jit` with the state donated
nothing of it is copied, and on NumPy it is changed in place. Gaussian effects are conditioned exactly; a likelihood
says before that what the outcome counts as: `robust_weights` of one that finished, `censored` of one that was cut off,
`bernoulli` of whether it succeeded, `baseline_utility` of the baseline's.
"""

from typing import NamedTuple

from poolwise.arrays import Array, at, choose, looked_up, namespace, put, window
from poolwise.posterior.likelihoods import baseline_utility, bernoulli, censored, robust_weights
from poolwise.posterior.recursive import effects, exchangeability
from poolwise.posterior.recursive.prediction import concentrations
from poolwise.posterior.recursive.types import (
    CUT,
    FAILURE,
    NONE,
    Constants,
    Numbers,
    Outcome,
    State,
    Structure,
)

CellMarginals = tuple[Array, Array]
"""Mean and variance of the utility of a success."""


class StateDelta(NamedTuple):
    """What one outcome changes: vectors, each of which replaces a part of the state, but for the tiers'."""

    along: tuple[Array, ...]
    change: tuple[Array, ...]
    """(q,) and (q + 1,) of every tier: their outer product is added to its row."""
    own_along: tuple[Array, ...]
    own_change: tuple[Array, ...]
    moments: Array
    """(3,) of the cell."""
    tracks: Array
    """(5,): moments of the arm."""
    baseline: Array
    baseline_sums: Array
    log_odds: Array
    counted: Array
    """(2,): the weight with which it entered the moments of its cell, and its value there."""


class LocalState(NamedTuple):
    """What the state says of the cell and the arm of an outcome, before it."""

    cell: Array
    """(5,): see `State.cells`."""
    context: Array
    """(2,)."""
    arm: Array
    """(9,)."""
    baseline: Array
    sums: Array
    log_odds: Array
    noise: Array
    weight: Array


def update(
    structure: Structure, constants: Constants, state: State, outcome: Outcome, pooled: CellMarginals | None = None
) -> tuple[State, Array]:
    """The state after an outcome, if there is one, and (2,) what it counted as: weight and value.

    pooled: what is believed of the arm's utility in the cell, where that is not what `State.effects` say.
    """
    rows, own_rows = _rows(structure, outcome)
    new, cells, contexts, arms = choose(
        outcome.kind != NONE,
        lambda *known: _learned(structure, pooled, *known),
        lambda *known: _unchanged(structure, *known),
        constants,
        state,
        outcome,
    )
    own = state.own_effects
    after = State(
        effects=effects.update(state.effects, rows, new.along, new.change),
        cells=put(state.cells, cells, outcome.project, outcome.context),
        contexts=put(state.contexts, contexts, outcome.context),
        arms=arms,
        baseline=put(state.baseline, new.baseline, outcome.project, outcome.context),
        baseline_sums=new.baseline_sums,
        own_effects=effects.update(own, own_rows, new.own_along, new.own_change),
        log_odds=put(state.log_odds, new.log_odds, outcome.project),
    )
    return after, new.counted


def _rows(structure: Structure, outcome: Outcome) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Rows of the outcome's arm, family and globe in `State.effects`, and in `State.own_effects`."""
    arm, arms, slot = outcome.arm, structure.arms, outcome.slot * (outcome.slot >= 0)
    if structure.family is None:
        return (arm, 0), (slot * arms + arm, slot)
    family = looked_up(structure.family, arm)
    families = max(structure.family) + 1
    return (arm, family, 0), (slot * arms + arm, slot * families + family, slot)


def _learned(
    structure: Structure, pooled: CellMarginals | None, constants: Constants, state: State, outcome: Outcome
) -> tuple[StateDelta, Array, Array, Array]:
    """What an outcome changes; with the cell, the context and the arms after it."""
    xp, numbers = namespace(state.arms), Numbers(*constants.numbers)
    p, c, a = outcome.project, outcome.context, outcome.arm
    cells, contexts = at(state.cells, p, c), at(state.contexts, c)
    cell, context, arm = (window(part, (0, a), (len(part), 1))[:, 0] for part in (cells, contexts, state.arms))
    noise = window(constants.noise, (c, a), (1, 1))[0, 0]
    own = at(state.log_odds, p), noise, at(constants.weight, p)
    here = LocalState(cell, context, arm, at(state.baseline, p, c), state.baseline_sums, *own)
    ok = (outcome.kind != FAILURE) * 1.0
    one = xp.stack([ok * 0.0 + 1.0, ok])
    counts, context_counts, gained = bernoulli.update(cell[3:], context, one, concentrations(numbers))
    new = _of_baseline_or_arm(structure, pooled, numbers, state, outcome, here)
    failures = arm[7:] + (1.0 - ok) * xp.stack([ok * 0.0 + 1.0, outcome.utility])
    column = xp.concatenate([new.tracks, arm[5:7] + gained, failures])
    chosen = xp.arange(structure.arms) == a
    return (
        new,
        xp.where(chosen, xp.concatenate([new.moments, counts])[:, None], cells),
        xp.where(chosen, context_counts[:, None], contexts),
        xp.where(chosen, column[:, None], state.arms),
    )


def _of_baseline_or_arm(
    structure: Structure,
    pooled: CellMarginals | None,
    numbers: Numbers,
    state: State,
    outcome: Outcome,
    here: LocalState,
) -> StateDelta:
    if structure.baseline is None:
        return _of_arm(structure, pooled, numbers, state, outcome, here)
    return choose(
        outcome.arm == structure.baseline,
        lambda *known: _of_baseline(structure, Numbers(*known[0]), *known[1:]),
        lambda *known: _of_arm(structure, pooled, Numbers(*known[0]), *known[1:]),
        tuple(numbers),
        state,
        outcome,
        here,
    )


def _of_baseline(
    structure: Structure, numbers: Numbers, state: State, outcome: Outcome, here: LocalState
) -> StateDelta:
    """It teaches itself alone: what was cut off above 0, where it is by definition, not even that."""
    xp, nothing = namespace(state.arms), _no_change(structure, state, here)
    informative = (outcome.kind != CUT) | (outcome.utility < 0)
    ok = outcome.kind != FAILURE
    cell, sums = baseline_utility.update(here.baseline, here.sums, outcome.utility, ok, numbers.limit)
    return nothing._replace(
        baseline=xp.where(informative, cell, here.baseline), baseline_sums=xp.where(informative, sums, here.sums)
    )


def _of_arm(
    structure: Structure,
    pooled: CellMarginals | None,
    numbers: Numbers,
    state: State,
    outcome: Outcome,
    here: LocalState,
) -> StateDelta:
    """A success teaches the effects; a failure leaves what is known of the utility of successes."""
    xp, (rows, own_rows) = namespace(state.arms), _rows(structure, outcome)
    found = effects.passage(state.effects, rows, structure.layout.at(outcome.project, outcome.context))
    pooled = pooled or _theta(found.mean, found.variance, here, numbers.cell)
    weight, value = _counted(structure, outcome, here, pooled, numbers)
    moments = xp.where(
        weight > 0, robust_weights.cell_after(here.cell[:3], value, weight + (weight == 0)), here.cell[:3]
    )
    counted = (weight > 0) & (outcome.kind != CUT)
    tracks = robust_weights.arm_after(here.arm[:5], here.cell[:3], value, weight + (weight == 0))
    own_along: tuple[Array, ...] = ()
    own_change: tuple[Array, ...] = ()
    log_odds = here.log_odds
    if structure.slots:
        asked = (outcome.slot >= 0) * 1.0
        own = effects.passage(state.own_effects, own_rows, structure.own_layout.at(0, outcome.context))
        alone = own.mean, own.variance
        gain_weight = asked * weight * counted * exchangeability.is_uncertain(numbers.trust + log_odds, here.weight)
        log_odds = log_odds + gain_weight * exchangeability.log_bayes_factor(pooled, alone, here.noise, value)
        own_along = tuple(part[:-1] for part in own.moved)
        k, h = _information_delta(here, moments, 0.0, 1.0)
        own_change = effects.changes(own, asked * k, asked * h)
    return StateDelta(
        along=tuple(part[:-1] for part in found.moved),
        change=effects.changes(found, *_information_delta(here, moments, numbers.cell, here.weight)),
        own_along=own_along,
        own_change=own_change,
        moments=moments,
        tracks=xp.where(counted, tracks, here.arm[:5]),
        baseline=here.baseline,
        baseline_sums=here.sums,
        log_odds=log_odds,
        counted=xp.stack([weight, value]),
    )


def _counted(
    structure: Structure, outcome: Outcome, here: LocalState, pooled: CellMarginals, numbers: Numbers
) -> CellMarginals:
    """Weight and value of an outcome: 0 of a failure."""
    xp, y = namespace(here.cell), outcome.utility * 1.0

    def cut(y: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
        return censored.factor(mean, variance, here.noise, censored.bound_at(censored.quantised(y)))

    def full(y: Array, *_: Array) -> tuple[Array, Array]:
        return robust_weights.weight(here.cell[:3], here.arm[:5], y, numbers.limit), y

    weight, value = choose(structure.censored and outcome.kind == CUT, cut, full, y, *pooled)
    return xp.where(outcome.kind == FAILURE, 0.0, weight), value * 1.0


def _unchanged(
    structure: Structure, constants: Constants, state: State, outcome: Outcome
) -> tuple[StateDelta, Array, Array, Array]:
    p, c = outcome.project, outcome.context
    cells = at(state.cells, p, c)
    zero = cells[:, 0] * 0.0
    here = LocalState(
        zero, zero[:2], zero, at(state.baseline, p, c), state.baseline_sums, at(state.log_odds, p), *zero[:2]
    )
    return _no_change(structure, state, here), cells, at(state.contexts, c), state.arms


def _no_change(structure: Structure, state: State, here: LocalState) -> StateDelta:
    """Nothing learned of the effects."""
    along, change = _nothing(state.effects)
    own_along, own_change = _nothing(state.own_effects)
    counted = namespace(here.cell).stack([here.log_odds * 0.0, here.log_odds * 0.0])
    return StateDelta(along, change, own_along, own_change, here.cell[:3], here.arm[:5], here.baseline, here.sums,
                  here.log_odds, counted)  # fmt: skip


def _nothing(tiers: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    return tuple(tier[0, :, 0] * 0.0 for tier in tiers), tuple(tier[0, 0] * 0.0 for tier in tiers)


def _theta(mean: Array, variance: Array, here: LocalState, cell: Array) -> tuple[Array, Array]:
    """Mean and variance of the arm's utility, given success: its coordinates joined with the cell's own data."""
    square = here.noise * here.noise
    shrinkage = square / (here.cell[0] * cell + square)
    return here.cell[1] + shrinkage * (mean - here.cell[1]), shrinkage * (shrinkage * variance + cell)


def _information_delta(here: LocalState, after: Array, cell: Array, weight: Array) -> tuple[Array, Array]:
    """Change of the precision that a cell, whose outcomes count as `weight`, gives its coordinates, and times mean."""
    square = here.noise * here.noise
    before, now = (weight * count / (weight * count * cell + square) for count in (here.cell[0], after[0]))
    return now - before, now * after[1] - before * here.cell[1]
