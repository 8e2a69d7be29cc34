"""The belief about one cell, from the state that serves. Pure functions on NumPy and under `jax.jit`.

    predict(structure, constants, state, project, context, slot) -> Predictive

The hierarchy says what the utility of a success is, joined with the cell's own outcomes; a project that may be unlike
the others mixes that with what its own outcomes say alone; the probability of success and the utility of a failure make
a utility of it. The baseline is known by its own outcomes only.
"""

from poolwise.arrays import Array, at, choose, namespace
from poolwise.posterior.likelihoods import baseline_utility, bernoulli
from poolwise.posterior.likelihoods.bernoulli import Beta
from poolwise.posterior.likelihoods.hurdle_utility import hurdle_moments
from poolwise.posterior.recursive import effects, exchangeability
from poolwise.posterior.recursive.exchangeability import Effects
from poolwise.posterior.recursive.types import Constants, Numbers, Predictive, State, Structure


def predict(
    structure: Structure, constants: Constants, state: State, project: Array, context: Array, slot: Array
) -> Predictive:
    """The belief about every arm in one cell; slot: of the project in `State.own_effects`, -1 for none."""
    pooled = predict_given_success(structure, constants, state, project, context)
    mixed = mix_with_independent(structure, constants, state, pooled, project, context, slot)
    return assemble(structure, constants, state, mixed, project, context)


def predict_given_success(
    structure: Structure, constants: Constants, state: State, project: Array, context: Array
) -> Effects:
    """What the hierarchy says of the utility of a success."""
    form = structure.layout
    found = effects.predict(state.effects, form, structure.family, structure.arms, 0, form.at(project, context))
    cell, noise = at(state.cells, project, context), at(constants.noise, context)
    return _in_cell(found, cell, noise, Numbers(*constants.numbers).cell)


def mix_with_independent(
    structure: Structure,
    constants: Constants,
    state: State,
    pooled: Effects,
    project: Array,
    context: Array,
    slot: Array,
) -> Effects:
    """The mixture of that and of what the project says by itself."""
    if not structure.slots:
        return pooled
    xp, numbers, form = namespace(state.arms), Numbers(*constants.numbers), structure.own_layout

    def mixed(pooled: Effects, tiers: tuple[Array, ...], log_odds: Array) -> Effects:
        alone = effects.predict(tiers, form, structure.family, structure.arms, slot, form.at(0, context))
        return exchangeability.moment_match(pooled, Effects(*alone), log_odds)

    log_odds = numbers.trust + at(state.log_odds, project) + xp.log(at(constants.weight, project))
    return choose(slot >= 0, mixed, lambda pooled, *_: pooled, pooled, state.own_effects, log_odds)


def assemble(
    structure: Structure,
    constants: Constants,
    state: State,
    given_success: Effects,
    project: Array,
    context: Array,
    near: Array | None = None,
) -> Predictive:
    """Utility from the utility of a success, the chance of one and what a failure is worth; the baseline by itself.

    near: (2, A), discounted evidence of every arm's neighbours, where that is not what all other arms say.
    """
    xp = namespace(state.arms)
    cell, noise = at(state.cells, project, context), at(constants.noise, context)
    beta = predict_success(constants, state, project, context, near)
    every = hurdle_moments(
        beta, given_success.mean, xp.sqrt(given_success.variance), noise, state.arms[8] / state.arms[7]
    )
    pooled_gain = given_success.along / given_success.variance[0]
    parts = every.mean, every.scale, every.noise[0], pooled_gain
    if structure.baseline is not None:
        parts = _with_baseline(structure, state, parts, project, context)
    mean, scale, noise, pooled_gain = parts
    return Predictive(mean[0], scale[0], noise, cell[3], mean[1:], scale[1:], pooled_gain)


def predict_success(
    constants: Constants, state: State, project: Array, context: Array, near: Array | None = None
) -> Beta:
    """Of success, of every arm in one cell."""
    kappa = concentrations(Numbers(*constants.numbers))
    cell, arm = at(state.cells, project, context)[3:], state.arms[5:7]
    others = bernoulli.discount(arm.sum(1, keepdims=True) - arm, kappa.near) if near is None else near
    return bernoulli.predict(constants.success_prior, cell, at(state.contexts, context), arm, others, kappa)


def _in_cell(found: tuple[Array, Array, Array], cell: Array, noise: Array, between: Array) -> Effects:
    """Effects with the cell's own data; cell (5, A); found: see `effects.predict`."""
    xp, (mean, variance, along) = namespace(cell), found
    square = noise * noise
    shrinkage = square / (cell[0] * between + square)
    first, own = cell[1] + shrinkage * (mean[0] - cell[1]), shrinkage * (shrinkage * variance[0] + between)
    return Effects(
        xp.concatenate([first[None], mean[1:]]), xp.concatenate([own[None], variance[1:]]), shrinkage * along
    )


def _with_baseline(
    structure: Structure, state: State, parts: tuple[Array, ...], project: Array, context: Array
) -> tuple[Array, ...]:
    """Mean and scale (rows, A), noise (A,) and share (rows - 1, A) of every arm, the baseline's by its own outcomes."""
    every_mean, every_scale, every_noise, pooled_gain = parts
    xp, shared = namespace(every_mean), len(every_mean) - 1
    mean, scales, noise = baseline_utility.predict(at(state.baseline, project, context), state.baseline_sums)
    own = xp.arange(structure.arms) == structure.baseline
    first = xp.stack([mean] + shared * [mean * 0.0])[:, None]
    wide = xp.stack([scales[0]] + shared * [scales[1]])[:, None]
    return (
        xp.where(own, first, every_mean),
        xp.where(own, wide, every_scale),
        xp.where(own, noise, every_noise),
        xp.where(own, 0.0, pooled_gain),
    )


def concentrations(numbers: Numbers) -> bernoulli.Concentrations:
    """Of the success hierarchy."""
    return bernoulli.Concentrations(numbers.kappa_context, numbers.kappa_cell, numbers.kappa_near)
