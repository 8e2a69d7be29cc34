"""Slow and plainly right: the joint Gaussian of all outcomes and all cells, conditioned directly."""

import numpy as np
from scipy.stats import multivariate_normal


def covariance(shape, family, scales):
    """Prior covariance of all cells, from the generative equations: shared effects add their variance."""
    p, c, a = (axis.reshape(-1) for axis in np.indices(shape))
    f = np.asarray(family)[a]
    same = [np.equal.outer(x, x).astype(float) for x in (p, c, a, f)]
    project, context, arm, fam = same
    total = np.zeros_like(project)
    for tier, group in ((scales.globe, 1.0), (scales.family, fam), (scales.arm, arm)):
        crossed = tier.context**2 * context + tier.project**2 * project + tier.cell**2 * context * project
        total = total + group * (tier.level**2 + crossed)
    return total


def posterior(shape, family, scales, rows, y):
    """Log density of the outcomes, and mean and standard deviation of every cell given them."""
    prior = covariance(shape, family, scales)
    at = np.ravel_multi_index(rows, shape)
    noise = (np.asarray(scales.noise)[rows[2]] * np.asarray(scales.spread)[rows[1]]) ** 2
    observed = prior[np.ix_(at, at)] + np.diag(noise)
    gain = np.linalg.solve(observed, prior[at]).T
    mean = scales.mean + gain @ (y - scales.mean)
    variance = np.diag(prior) - np.einsum("ij,ji->i", gain, prior[at])
    density = multivariate_normal(np.full(len(y), scales.mean), observed).logpdf(y)
    return density, mean.reshape(shape), np.sqrt(variance).reshape(shape)
