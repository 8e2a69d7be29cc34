"""The horizon-aware knowledge gradient: explore for what the knowledge can still earn."""

import math

import numpy as np

from poolwise.policy.base import Array, Params, Policy, View, namespace
from poolwise.policy.best import best_probability
from poolwise.policy.build import rule, within
from poolwise.policy.special import expected_gain

TRIALS = 2.0 ** np.arange(12)
"""Numbers of trials m whose knowledge is valued: 1, 2, 4 .. 2048."""


def knowledge_gradient(own: float = 0.3, shared: float = 0.3, temperature: float = 0.2) -> Policy:
    """Posterior mean plus what trying an arm can still earn here, in the project and everywhere, as probabilities.

        p_a = P(index_a is largest),    index_a ~ Normal(theta_a + bonus_a, temperature^2 v_a)
        bonus = own KG(context, R_c) + shared [KG(project, R_p - R_c) + KG(global, R - R_p)]

    with R_c, R_p, R the expected remaining uses of the context, the project and all projects (`view.context`), and the
    beliefs of `view.mean` and `view.wider_mean`. Source: Frazier, Powell and Dayanik (2008); several measurements at
    once: Frazier and Powell (2010); horizon: Ryzhov, Powell and Frazier (2012). Raises ConfigError unless own,
    shared >= 0 and temperature > 0.
    """
    return rule(
        "knowledge_gradient",
        _knowledge_gradient,
        own=within("own", own, 0.0, math.inf, ends=True),
        shared=within("shared", shared, 0.0, math.inf, ends=True),
        temperature=within("temperature", temperature, 0.0, math.inf),
    )


def _knowledge_gradient(params: Params, view: View) -> Array:
    own, project, everywhere = gains(view)
    bonus = params["own"] * own + params["shared"] * (project + everywhere)
    return best_probability(view.mean + bonus, params["temperature"] * view.scale, view.allowed)


def gains(view: View) -> Array:
    """(3, ..., arms): knowledge gradient of each arm for the rest of its context, its project and all projects."""
    xp = namespace(view.mean)
    context = view.context
    uses = xp.asarray(
        [
            context.remaining,
            context.remaining_project - context.remaining,
            context.remaining_all - context.remaining_project,
        ]
    )
    uses = uses.reshape(uses.shape + (1,) * (view.mean.ndim + 1 - uses.ndim))
    mean = xp.concatenate([view.mean[None], view.wider_mean])
    scale = xp.concatenate([view.scale[None], view.wider_scale])
    return knowledge(mean, scale, view.noise, uses, view.allowed)


def knowledge(mean: Array, scale: Array, noise: Array, uses: Array, allowed: Array) -> Array:
    """(..., arms): KG = max over m = 1, 2, 4 .. of max(0, R - m + 1) / m * E[max(0, change - gap)].

    m trials move an arm's mean by Normal(0, sd_m^2), sd_m = v / sqrt(v + noise^2 / m); `gap` is its distance to the
    best other allowed arm, which the change must exceed to alter the choice. `uses` R is (..., 1).
    """
    xp = namespace(mean)
    variance = (scale * scale)[..., None, :]
    trials = TRIALS[:, None]
    change = variance / xp.sqrt(variance + (noise * noise)[..., None, :] / trials)
    gain = expected_gain(-_gap(xp, mean, allowed)[..., None, :], change)
    return (xp.maximum(uses[..., None] - trials + 1.0, 0.0) / trials * gain).max(axis=-2)


def _gap(xp: Array, mean: Array, allowed: Array) -> Array:
    """(..., arms) >= 0: distance to the best other allowed arm; a large one where there is none."""
    mean = xp.where(allowed, mean, -1e9)
    top = mean.max(axis=-1, keepdims=True)
    leads = mean == top
    second = xp.where(leads, -1e9, mean).max(axis=-1, keepdims=True)
    rival = xp.where(leads & (leads.sum(axis=-1, keepdims=True) == 1), second, top)
    return xp.abs(mean - rival)
