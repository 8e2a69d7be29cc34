"""The horizon-aware knowledge gradient: explore for what the knowledge can still earn."""

import math
from functools import lru_cache

import numpy as np

from poolwise.policy.base import Array, Params, Policy, View, namespace
from poolwise.policy.best import best_probability
from poolwise.policy.build import rule, within, wrapper
from poolwise.policy.special import expected_excess

PER_TRIAL = 0.5 ** np.arange(12.0)
"""1 / m for the numbers of trials m whose knowledge is valued: 1, 2, 4 .. 2048."""


def knowledge_gradient(own: float = 0.3, shared: float = 0.3, temperature: float = 0.2) -> Policy:
    """Posterior mean plus what trying an arm can still earn here, in the project and everywhere, as probabilities.

        p_a = P(index_a is largest),    index_a ~ Normal(mean_a + bonus_a, temperature^2 v_a)

    with the bonus of `farsighted`. Source: Frazier, Powell and Dayanik (2008); several measurements at once: Frazier
    and Powell (2010); horizon: Ryzhov, Powell and Frazier (2012). Raises ConfigError unless own, shared >= 0 and
    temperature > 0.
    """
    temperature = within("temperature", temperature, 0.0, math.inf)
    return rule("knowledge_gradient", _knowledge_gradient, **_weights(own, shared), temperature=temperature)


def farsighted(policy: Policy, own: float = 0.3, shared: float = 0.3) -> Policy:
    """Adds to every mean what trying the arm can still earn, before the inner policy sees it.

        mean'_a = mean_a + own KG(here, R_c) + shared [KG(project, R_p - R_c) + KG(elsewhere, (R - R_p) R_c / R_p)]

    with R_c, R_p, R the expected remaining uses of the context, the project and all projects (`view.context`), the
    context as frequent elsewhere as here, and the beliefs of `view.mean` and the two rows of `view.wider_mean`.
    `farsighted(thompson)` is `knowledge_gradient`; around `macro_micro` the bonus is computed once per arm. Layers that
    judge means, such as `safe`, belong outside. Raises ConfigError unless own, shared >= 0.
    """
    return wrapper("farsighted", policy, _farsighted, **_weights(own, shared))


def _weights(own: float, shared: float) -> dict[str, float]:
    within("own", own, 0.0, math.inf, ends=True)
    return {"own": own, "shared": within("shared", shared, 0.0, math.inf, ends=True)}


def _knowledge_gradient(params: Params, view: View) -> Array:
    return best_probability(view.mean + bonus(params, view), params["temperature"] * view.scale, view.allowed)


def _farsighted(params: Params, view: View, inner: Policy) -> Array:
    return inner.probabilities(params, view._replace(mean=view.mean + bonus(params, view)))


def bonus(params: Params, view: View) -> Array:
    """(..., arms): weighted knowledge gradients for the rest of the context, the project and all projects."""
    xp = namespace(view.mean)
    here, project, everywhere = view.context.remaining, view.context.remaining_project, view.context.remaining_all
    elsewhere = (everywhere - project) * here / xp.maximum(project, 1.0)
    uses = xp.asarray([here, project - here, elsewhere])
    uses = uses.reshape(uses.shape + (1,) * (view.mean.ndim + 1 - uses.ndim))
    mean = xp.concatenate([view.mean[None], view.wider_mean])
    scale = xp.concatenate([view.scale[None], view.wider_scale])
    own, shared, wider = knowledge(mean, scale, view.noise, uses, view.allowed)
    return params["own"] * own + params["shared"] * (shared + wider)


def knowledge(mean: Array, scale: Array, noise: Array, uses: Array, allowed: Array) -> Array:
    """(..., arms): KG = max over m = 1, 2, 4 .. of max(0, R - m + 1) / m * E[max(0, change - gap)].

    m trials move an arm's mean by Normal(0, sd_m^2), sd_m = v / sqrt(v + noise^2 / m); `gap` is its distance to the
    best other allowed arm, which the change must exceed to alter the choice. `uses` R is (..., 1).
    """
    xp = namespace(mean)
    part = _per_trial(mean.ndim)
    variance = scale * scale
    change = variance / xp.sqrt(variance + noise * noise * part)
    times = xp.maximum((uses + 1.0) * part - 1.0, 0.0)
    worth = times * expected_excess(_gap(xp, mean, allowed), change)
    return xp.maximum(worth.max(axis=0), 0.0)


@lru_cache
def _per_trial(axes: int) -> np.ndarray:
    """`PER_TRIAL` along a new first axis before so many others."""
    return PER_TRIAL.reshape((-1,) + (1,) * axes)


def _gap(xp: Array, mean: Array, allowed: Array) -> Array:
    """(..., arms) >= 0: distance to the best other allowed arm; a large one where there is none."""
    if xp is not np or not allowed.all():
        mean = xp.where(allowed, mean, -1e9)
    if mean.shape[-1] == 1:
        return xp.full(mean.shape, 1e9)
    ordered = xp.sort(mean, axis=-1)
    top, second = ordered[..., -1:], ordered[..., -2:-1]
    return xp.where(mean == top, top - second, top - mean)
