"""Information-directed sampling: regret squared per bit learned."""

import math

import numpy as np

from poolwise.policy.construction import check_range, make_policy
from poolwise.policy.optimality import expected_best
from poolwise.policy.vectors import argmax_share, normalised
from poolwise.policy.view import Array, Params, Policy, View, namespace


def information_directed(sharpness: float = 20.0) -> Policy:
    """Mixes the favourite with the arm that makes expected regret squared over information gain smallest.

        D_a = E[max theta] - mean_a,    I_a = log(1 + v_a / noise_a^2)
        q_a minimises (D_f + q (D_a - D_f))^2 / (I_f + q (I_a - I_f)) over [0, 1],  ratio_a its minimum
        p = sum_a w_a (q_a e_a + (1 - q_a) e_f),   w_a proportional to ratio_a^-sharpness

    The favourite f has the highest mean (ties share); the optimum has two arms, and pairs with the favourite come close
    to the best pair. sharpness -> infinity is the exact choice. Source: Russo and Van Roy (2018); Kirschner and Krause
    (2018), approximate version. Raises ConfigError unless sharpness > 0.
    """
    sharpness = check_range("sharpness", sharpness, 0.0, math.inf)
    return make_policy("information_directed", _information_directed, sharpness=sharpness)


def _information_directed(params: Params, view: View) -> Array:
    xp = namespace(view.mean)
    favourite = argmax_share(view.mean, view.allowed)
    regret = xp.maximum(expected_best(view.mean, view.scale, view.allowed) - view.mean, 1e-12)
    gain = xp.log1p((view.scale / view.noise) ** 2) + 1e-12
    least, known = ((favourite * values).sum(axis=-1, keepdims=True).clip(1e-12) for values in (regret, gain))
    mix, ratio = _pairs(xp, regret, gain, least, known)
    weight = xp.where(view.allowed, -params["sharpness"] * xp.log(ratio), -np.inf)
    top = weight.max(axis=-1, keepdims=True)
    weight = normalised(xp.where(view.allowed, xp.exp(weight - xp.where(xp.isfinite(top), top, 0.0)), 0.0))
    return weight * mix + favourite * (weight * (1.0 - mix)).sum(axis=-1, keepdims=True)


def _pairs(xp: Array, regret: Array, gain: Array, least: Array, known: Array) -> tuple[Array, Array]:
    """Best share of each arm against the favourite, and the information ratio it gives."""
    worse, more = regret - least, gain - known
    inner = least / xp.maximum(worse, 1e-12) - 2.0 * known / xp.where(more > 0, more, 1.0)
    mix = xp.where(more > 0, xp.clip(inner, 0.0, 1.0), 0.0)
    return mix, xp.maximum(least + mix * worse, 1e-12) ** 2 / (known + mix * more)
