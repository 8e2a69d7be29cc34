"""The scales of `runs`, estimated from what all effects turned out to be.

For effects e with posterior variance V and prior variance s^2, the fixed point of the evidence (MacKay 1992),

    s^2 = (sum e^2 + WEIGHT median) / (sum (1 - V / s^2) + WEIGHT)

where the hyperprior counts as WEIGHT effects of its median size. One step each time, from where the last one led.
The noise of an arm is that of its family, of all arms and of the hyperprior where it has few outcomes of its own, and
varies with the context. The unit of the hyperprior is the root mean square of the outcomes of an arm, on average over
the arms that were tried: an arm that is chosen often does not count for more, or safe arms would make all others look
alike.
"""

from typing import NamedTuple

import numpy as np

from poolwise.posterior import block
from poolwise.posterior.run_scales import NOISE, Scales, medians
from poolwise.posterior.runs import CELL, CONTEXT, LEVEL, PROJECT, Runs, _along, gathered

WEIGHT = 2.0
FEW, FEW_CONTEXT, FEW_ARM = 6.0, 20.0, 2.0
"""Outcomes that the noise of the wider group counts for in an arm, in a context; that give an arm half its weight."""
FLOOR = 1e-4
"""Least noise variance, as a part of the hyperprior's."""


def reestimate(runs: Runs) -> None:
    """All scales, in place; the blocks follow."""
    weight = runs.weights()
    for _ in range(2):
        runs.sweep(weight)
    unit, theta = _unit(runs), _theta(runs)
    noise = _noise(runs, unit, theta)
    arm, family, globe = _effects(runs, unit, weight, theta)
    runs.scales = noise._replace(arm=arm, family=family, globe=globe, unit=unit)
    runs.sweep(runs.weights())


def _unit(runs: Runs) -> np.ndarray:
    """(runs,)"""
    count, squares = runs.count.sum(1), runs.squares.sum(1)
    weight = count / (count + FEW_ARM)
    return (1 + (weight * squares / np.maximum(count, 1)).sum(1)) / (1 + weight.sum(1))


class Theta(NamedTuple):
    """Mean and variance of every cell, and of what it has to itself; [run, cell, arm]."""

    mean: np.ndarray
    variance: np.ndarray
    own: np.ndarray
    own_variance: np.ndarray


def _theta(runs: Runs) -> Theta:
    shape, scales = runs.shape, runs.scales
    ctx = block.Effects(*(part[:, shape.cell_context] for part in runs.context))
    mean = runs.level.mean[:, None] + ctx.mean
    variance = ctx.variance + ctx.rest**2 * runs.level.variance[:, None]
    if shape.crossed:
        mean = mean + runs.project.mean[:, shape.cell_project]
        variance = variance + runs.project.variance[:, shape.cell_project]
    if shape.nested:
        return Theta(mean, variance, np.zeros(1), np.zeros(1))
    single = (scales.arm[CELL][:, None] * scales.stretch)[:, None]
    noise = scales.noise[:, None] * scales.spread[:, shape.cell_context][..., None]
    rest = noise / (noise + runs.count[:, :-1] * single)
    theta = rest * mean + (1 - rest) * runs.mean[:, :-1]
    remains = rest * single
    return Theta(theta, rest**2 * variance + remains, theta - mean, (1 - rest) ** 2 * variance + remains)


def _noise(runs: Runs, unit: np.ndarray, theta: Theta) -> Scales:
    """Noise of arms and contexts, and how far the effects of each arm and family stretch."""
    shape, scales, count = runs.shape, runs.scales, runs.count[:, :-1]
    square = theta.mean * theta.mean + theta.variance
    left = runs.squares[:, :-1] - 2 * theta.mean * runs.total[:, :-1] + count * square
    left = np.where(count > 0, np.maximum(left, 0), 0)
    usual = NOISE**2 * unit
    own, number = (left / scales.spread[:, shape.cell_context][..., None]).sum(1), count.sum(1)
    whole = (own.sum(1) + usual) / (number.sum(1) + 1)
    families = scales.stretch_family * whole[:, None]
    near = whole[:, None]
    if shape.kin.member is not None:
        families = (own @ shape.kin.member + FEW * near) / (number @ shape.kin.member + FEW)
        near = families[:, shape.kin.index]
    noise = np.maximum((own + FEW * near) / (number + FEW), FLOOR * usual[:, None])
    weight = number / (number + FEW_ARM)
    middle = ((whole + (weight * noise).sum(1)) / (1 + weight.sum(1)))[:, None]
    stretch = families / middle if shape.kin.member is not None else scales.stretch_family
    spread = _spread(left / noise[:, None], count, shape.of_context)
    return scales._replace(noise=noise, spread=spread, stretch=noise / middle, stretch_family=stretch)


def _spread(left: np.ndarray, count: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(runs, contexts): noise of every context over that of its arms, 1 on average over the outcomes."""
    own, number = gathered(left, members).sum(2), gathered(count, members).sum(2)
    spread = (own + FEW_CONTEXT) / (number + FEW_CONTEXT)
    total = number.sum(1, keepdims=True)
    mean = np.where(total > 0, (number * spread).sum(1, keepdims=True) / np.maximum(total, 1), 1.0)
    return np.where(number > 0, spread / mean, 1.0)


def _effects(runs: Runs, unit: np.ndarray, weight: np.ndarray, theta: Theta) -> list[np.ndarray]:
    """Variances of the tiers arm, family and globe, (4, runs) each."""
    shape, scales, kin = runs.shape, runs.scales, runs.shape.kin
    found = [part.copy() for part in (scales.arm, scales.family, scales.globe)]
    middle = medians()[..., None] * unit
    precision, told = runs.of_contexts(weight)
    told = told - precision * runs.level.mean[:, None]
    evidence = {
        LEVEL: (runs.level_precision[:, None], runs.level_information[:, None]),
        CONTEXT: (precision, told),
    }
    if shape.crossed:
        evidence[PROJECT] = runs.of_projects(weight)
    for which, (w, r) in evidence.items():
        along = _along(runs.variances(which))
        stretched = (scales.stretch[:, None], scales.stretch_family[:, None], 1.0)
        for tier, (part, factor) in enumerate(zip(block.surplus(w, r, along, kin), stretched, strict=True)):
            if tier == 1 and kin.member is None:
                continue
            squares = (part.squares / (factor if which != LEVEL else 1.0)).sum((1, 2))
            found[tier][which] = _fixed_point(squares, part.known.sum((1, 2)), middle[tier, which])
    found[2][LEVEL] = middle[2, LEVEL]  # there is one globe, of which its data say nothing
    if not shape.nested:
        found[0][CELL] = _cells(runs, middle[0, CELL], theta)
    return found


def _cells(runs: Runs, middle: np.ndarray, theta: Theta) -> np.ndarray:
    seen, stretch = runs.count[:, :-1] > 0, runs.scales.stretch[:, None]
    single = runs.scales.arm[CELL][:, None, None] * stretch
    squares = np.where(seen, theta.own**2 / stretch, 0).sum((1, 2))
    return _fixed_point(squares, np.where(seen, 1 - theta.own_variance / single, 0).sum((1, 2)), middle)


def _fixed_point(squares: np.ndarray, known: np.ndarray, median: np.ndarray) -> np.ndarray:
    return (squares + WEIGHT * median) / (np.maximum(known, 0) + WEIGHT)
