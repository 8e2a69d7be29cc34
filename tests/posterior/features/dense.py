"""The model with features written out over every outcome: one joint normal, slow and plainly right."""

from typing import NamedTuple

import numpy as np


class Case(NamedTuple):
    """Outcomes in their order, and the scales they were drawn under."""

    project: np.ndarray
    context: np.ndarray
    arm: np.ndarray
    phi: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    noise: np.ndarray
    """(contexts, arms) standard deviation."""


def covariance(fit, slopes, blocks, families, one, other):
    """Prior covariance of theta at rows of `one` with rows of `other`: tuples (project, context, arm, phi)."""
    scales, family = fit.scales, np.asarray(fit.family)
    tiers = [("arm", lambda a: a), ("globe", lambda a: 0 * a)]
    if families:
        tiers.insert(1, ("family", lambda a: family[a]))
    (p, c, a, x), (q, d, b, z) = one, other
    same = lambda left, right: (left[:, None] == right[None]) * 1.0
    total = np.zeros((len(p), len(q)))
    cells = np.hypot(np.hypot(scales.arm.cell, scales.family.cell), scales.globe.cell)
    for number, (name, of) in enumerate(tiers):
        tier = getattr(scales, name)
        row = {"arm": 0, "family": 1, "globe": 2}[name]
        variance = np.repeat(slopes[row] ** 2, blocks)
        place = same(c, d) * same(p, q)
        inside = tier.level**2 + tier.context**2 * same(c, d) + tier.project**2 * same(p, q) + (x * variance) @ z.T
        inside = inside + (tier.cell**2 * place if families else cells**2 * place * (number == 0))
        total += same(of(a), of(b)) * inside
    return total


def predict(fit, slopes, blocks, families, case, project, context, phi):
    """Mean and variance (arms,) of theta at one place."""
    arms = case.noise.shape[1]
    rows = (case.project, case.context, case.arm, case.phi)
    at = (np.full(arms, project), np.full(arms, context), np.arange(arms), np.tile(phi, (arms, 1)))
    noise = case.noise[case.context, case.arm] ** 2 / case.weight
    inverse = np.linalg.inv(covariance(fit, slopes, blocks, families, rows, rows) + np.diag(noise))
    across = covariance(fit, slopes, blocks, families, at, rows)
    prior = covariance(fit, slopes, blocks, families, at, at)
    mean = fit.scales.mean + across @ inverse @ (case.y - fit.scales.mean)
    return mean, np.diagonal(prior - across @ inverse @ across.T)


def log_density(fit, slopes, blocks, families, case):
    """Of all outcomes, each of weight 1."""
    rows = (case.project, case.context, case.arm, case.phi)
    noise = case.noise[case.context, case.arm] ** 2 / case.weight
    whole = covariance(fit, slopes, blocks, families, rows, rows) + np.diag(noise)
    y = case.y - fit.scales.mean
    return -0.5 * (y @ np.linalg.solve(whole, y) + np.linalg.slogdet(2 * np.pi * whole)[1])


def covariance_between(fit, slopes, blocks, families, case, here, there):
    """Posterior covariance (arms,) of theta at two places, (project, context, phi) each."""
    arms = case.noise.shape[1]
    rows = (case.project, case.context, case.arm, case.phi)
    one, other = (
        (np.full(arms, p), np.full(arms, c), np.arange(arms), np.tile(phi, (arms, 1))) for p, c, phi in (here, there)
    )
    prior = lambda left, right: covariance(fit, slopes, blocks, families, left, right)
    noise = case.noise[case.context, case.arm] ** 2 / case.weight
    inverse = np.linalg.inv(prior(rows, rows) + np.diag(noise))
    return np.diagonal(prior(one, other) - prior(one, rows) @ inverse @ prior(rows, other))
