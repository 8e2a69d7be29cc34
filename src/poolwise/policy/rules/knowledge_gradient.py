"""The horizon-aware knowledge gradient: explore for what the knowledge can still earn."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from poolwise.policy.construction import check_range, make_policy, wrap_policy
from poolwise.policy.normal import expected_excess, heavy_tailed_excess
from poolwise.policy.optimality import best_probability
from poolwise.policy.view import Array, Params, Policy, View, constant, namespace

PER_TRIAL = 0.25 ** np.arange(6.0)
"""1 / m for the numbers of trials m whose knowledge is valued: 1, 4, 16 .. 1024."""
UNKNOWN = 0.1
"""Weight of knowledge for others where it is not known how much of it a trial here gives (`view.wider_share`)."""
ALIKE = 0.4
"""Where arms are alike, knowledge here counts for so much of its weight: there are many, and heavy tails add up."""
SHARED = 3
"""Rows of `view.wider_mean` that tell what is shared; any beyond are recent jobs."""
HOPELESS = 0.15
"""Configurations with a smaller chance of success are not tried."""
SURELY = 5.0
"""Standard deviations by which every configuration must lie below the baseline for a session to leave off."""
IDLE = 0.2
"""Of the usual scale of untried configurations: what a trial that teaches nothing costs a tuning session."""
LEAST_SHARE = 1e-9
"""Smaller shares of a change count as this one."""


def knowledge_gradient(
    own: float = 0.5, shared: float = 1.0, temperature: float = 0.1, patience: float = 0.0
) -> Policy:
    """Posterior mean plus what trying an arm can still earn here, in the project and everywhere, as probabilities.

        p_a = P(index_a is largest),    index_a ~ Normal(mean_a + bonus_a, t^2 v_a),  t = temperature R / (R + patience)

    with the bonus of `farsighted` and R decisions to come. Chance explores what the bonus overlooks; patience > 0
    leaves that to long runs: it was measured to lock in on four arms in 120 decisions. Source: Frazier, Powell and
    Dayanik (2008); several measurements at once: Frazier and Powell (2010); horizon: Ryzhov, Powell and Frazier (2012).
    Raises ConfigError unless own, shared, patience >= 0 and temperature > 0.
    """
    temperature = check_range("temperature", temperature, 0.0, math.inf)
    patience = check_range("patience", patience, 0.0, math.inf, ends=True)
    weights = _weights(own, shared)
    return make_policy("knowledge_gradient", _knowledge_gradient, **weights, temperature=temperature, patience=patience)


def farsighted(policy: Policy, own: float = 0.5, shared: float = 1.0) -> Policy:
    """Adds to every mean what trying the arm can still earn, before the inner policy sees it.

        mean'_a = mean_a + own KG(here, R_c) + shared [KG(project, R_p - R_c) + KG(context elsewhere, R_e)
                                                       + KG(everything, R - R_p - R_e)]

    with R_c, R_p, R_e, R the expected remaining uses of the context, the project, the context in other projects, and
    all projects (`view.context`), the beliefs of `view.mean` and the rows of `view.wider_mean`. What is shared changes
    by `view.wider_share` of what a trial changes here: little where the context is known well already, whatever is
    unknown of the rest. Of arms that are alike, only what tells them apart counts (`view.contrast`),
    and nothing that it tells others.
    `farsighted(thompson)` is `knowledge_gradient` at temperature 1 without patience; around `macro_micro` the bonus is
    computed once per arm. Layers that judge means, such as `safe`, belong outside. Raises
    ConfigError unless own, shared >= 0.
    """
    return wrap_policy("farsighted", policy, _farsighted, **_weights(own, shared))


def _weights(own: float, shared: float) -> dict[str, float]:
    check_range("own", own, 0.0, math.inf, ends=True)
    return {"own": own, "shared": check_range("shared", shared, 0.0, math.inf, ends=True)}


def _knowledge_gradient(params: Params, view: View) -> Array:
    left = view.context.remaining_all + 1.0
    scale = params["temperature"] * (left / (left + params["patience"])) * view.scale
    found = bonus(params, view)
    return best_probability(view.mean + found - idle(view, found), scale, likely_to_succeed(view))


def idle(view: View, found: Array) -> Array:
    """(..., arms): what another trial of a configuration costs a tuning session where it teaches less than that of the
    untried one whose index is largest: a part of what is usually not known of an untried one. found: `bonus`."""
    if view.chance is None:
        return 0.0 * found
    xp, new = namespace(view.mean), likely_to_succeed(view) & (view.count == 0)
    index = xp.where(new, view.mean + found, -xp.inf)
    most = xp.where(index == index.max(axis=-1, keepdims=True), found, 0.0).max(axis=-1, keepdims=True)
    usual = (new * view.scale).sum(axis=-1, keepdims=True) / xp.maximum(new.sum(axis=-1, keepdims=True), 1)
    session = xp.asarray(view.context.afterwards)[..., None] > 0
    return IDLE * usual * (session & view.allowed & ~new & (found <= most))


def likely_to_succeed(view: View) -> Array:
    """(..., arms) bool: what is allowed and neither known nor expected, from arms like it, to fail nearly always; what
    is allowed where that is nothing. In a tuning session a trial of the baseline, which is known, finds nothing, and
    configurations that are worse than it lead to others that are better: it is there where nothing else is, or all else
    is surely worse."""
    if view.chance is None:
        return view.allowed
    xp = namespace(view.mean)
    likely = view.allowed & (view.chance >= HOPELESS)
    likely = likely | (view.allowed & ~likely.any(axis=-1, keepdims=True))
    apart = xp.arange(likely.shape[-1]) != view.baseline
    others, home = likely & apart, xp.where(apart, -xp.inf, view.mean).max(axis=-1, keepdims=True)
    open_ones = others & (view.mean + SURELY * view.scale > home)
    tuned = (xp.asarray(view.context.afterwards)[..., None] > 0) & open_ones.any(axis=-1, keepdims=True)
    return xp.where(tuned, others, likely)


def _farsighted(params: Params, view: View, inner: Policy) -> Array:
    return inner.probabilities(params, view._replace(mean=view.mean + bonus(params, view)))


def bonus(params: Params, view: View) -> Array:
    """(..., arms): weighted knowledge gradients for the rest of the context, of the project, and everywhere else; where
    jobs have features, for recent jobs instead; where arms are alike, for the context alone."""
    if view.wider_mean.shape[0] > SHARED:
        return _over_recent_jobs(params, view)
    if view.contrast is not None:
        return _among_configurations(params, view)
    xp, seen = namespace(view.mean), view.context
    elsewhere, project = seen.remaining_elsewhere, seen.remaining_project
    rest = seen.remaining_all - project - elsewhere
    rows = 1 + view.wider_mean.shape[0]
    uses = _rows(xp, view, [seen.remaining, project - seen.remaining, elsewhere, rest][:rows])
    afterwards = _rows(xp, view, [seen.afterwards, *(0.0 * seen.afterwards,) * (rows - 1)])
    mean = xp.concatenate([view.mean[None], view.wider_mean])
    share = xp.concatenate([xp.ones_like(mean[:1]), _share(xp, view)])
    found = knowledge(mean, view.scale, view.noise, uses, view.allowed, share, afterwards)
    weight = params["shared"] if view.wider_share is not None else UNKNOWN * params["shared"]
    return params["own"] * found[0] + weight * found[1:].sum(axis=0)


def _among_configurations(params: Params, view: View) -> Array:
    """(..., arms): what a trial tells of this context, with heavy tails. Nothing is paid for what it tells others: of
    thousands of configurations they would have every one tried."""
    xp, seen = namespace(view.mean), view.context
    uses, afterwards = (_rows(xp, view, [one]) for one in (seen.remaining, seen.afterwards))
    mean, share, rivals = view.mean[None], view.contrast, likely_to_succeed(view)
    found = knowledge(mean, view.scale, view.noise, uses, rivals, share, afterwards, heavy_tailed_excess)
    return ALIKE * params["own"] * found[0]


def _over_recent_jobs(params: Params, view: View) -> Array:
    """(..., arms): the worth of a trial here for this job and for each of the recent ones, which stand for those to
    come, on average: each as if it recurred for all the rest. Divided by the number of other arms, the baseline, which
    is known, left out: only one can turn out best, and each claims what that would earn. Little is lost, as jobs that
    differ try what seems best for them and so explore for others (Bastani, Bayati and Khosravi, 2021)."""
    xp, shares = namespace(view.mean), view.wider_share
    mean = xp.concatenate([view.mean[None], view.wider_mean[SHARED:]])
    share = xp.concatenate([xp.ones_like(mean[:1]), abs(xp.asarray(shares)[SHARED:])])
    uses = _rows(xp, view, [view.context.remaining_all + 1.0] * len(mean))
    found = knowledge(mean, view.scale, view.noise, uses, view.allowed, share, 0.0 * uses, excess_of(view))
    others = xp.maximum(view.allowed.sum(-1)[..., None] - 2.0, 1.0)
    return params["own"] * found.mean(axis=0) / others


def excess_of(view: View) -> Callable[[Array, Array], Array]:
    """Arms that are alike are configurations of a surface: what it says of those untried is far from normal."""
    return expected_excess if view.contrast is None else heavy_tailed_excess


def _rows(xp: Array, view: View, scalars: list[Array]) -> Array:
    """(rows, ..., 1): of each row, against `view.mean`."""
    made = xp.asarray(scalars)
    return made.reshape(made.shape + (1,) * (view.mean.ndim + 1 - made.ndim))


def _share(xp: Array, view: View) -> Array:
    if view.wider_share is not None:
        return view.wider_share
    return xp.minimum((view.wider_scale / view.scale) ** 2, 1.0)


def knowledge(
    mean: Array,
    scale: Array,
    noise: Array,
    uses: Array,
    allowed: Array,
    share: Array = 1.0,
    afterwards: Array = 0.0,
    excess: Callable[[Array, Array], Array] = expected_excess,
) -> Array:
    """(..., arms): KG = max over m = 1, 4, 16 .. <= R of (R - m + 1 + U) / m * E[max(0, change - gap)].

    m trials move an arm's mean by sd_m = share v / sqrt(v + noise^2 / m) times a standard variable, v = scale^2, normal
    unless `excess` says otherwise; `gap` is its distance to the best other allowed arm, which the change must exceed to
    alter the choice. `uses` R are those that go on learning, (..., 1), 0 where it is negative; `afterwards` U those
    that only profit, (..., 1).
    """
    xp = namespace(mean)
    part, less = _per_trial(mean.ndim)
    part, less = constant(part, scale), constant(less, scale)
    variance = scale * scale
    change = xp.maximum(share, LEAST_SHARE) * variance / xp.sqrt(variance + noise * noise * part)
    times = xp.maximum(uses * part - less, 0.0)
    times = times + (times > 0.0) * (afterwards * part)
    worth = times * excess(_lead(xp, mean, allowed), change)
    return worth.max(axis=0, initial=0.0)


@lru_cache
def _per_trial(axes: int) -> tuple[np.ndarray, np.ndarray]:
    """`PER_TRIAL` along a new first axis before so many others, and what it lacks to 1."""
    part = PER_TRIAL.reshape((-1,) + (1,) * axes)
    return part, 1.0 - part


def _lead(xp: Array, mean: Array, allowed: Array) -> Array:
    """(..., arms) <= 0: minus the distance to the best other allowed arm; a large one where there is none."""
    if xp is not np or np.count_nonzero(allowed) < allowed.size:
        mean = xp.where(allowed, mean, -1e9)
    if mean.shape[-1] == 1:
        return xp.full(mean.shape, -1e9)
    top, best = mean.max(axis=-1, keepdims=True), mean.argmax(axis=-1)[..., None]
    second = xp.where(xp.arange(mean.shape[-1]) == best, -np.inf, mean).max(axis=-1, keepdims=True)
    return xp.minimum(mean, second) - top
