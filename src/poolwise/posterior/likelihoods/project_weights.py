"""Bounded influence of a project: how much its outcomes count in what others borrow from it.

A project is compared with the others by its mean square around their medians, over the cells that it tried,

    q_p = sum of w_ca ms_pca / sum of w_ca,  ms_pca = mean square of its outcomes around median[c, a],  w = n / (n + 1)
    r_p = q_p / (median of all q) / exp(2 s),  s = how much log q differs among most projects
    d_p = f (r - 1 - log r) where r > 1:  the deviance of a chi-square variable of f = (sum of w)^2 / sum of w^2 degrees

and counts as one of them while d is below 9, beyond it as the part exp(-(d - 9) / 2) of each outcome: what it says of
all projects then vanishes, and so does its part in the scales, however far it is off. What it says of itself it always
says in full. Medians, so that fewer than half of the projects cannot hide by moving what is usual; only those that are
further off are outlying, those that are nearer agree. Where fewer than three have tried an arm, or anything,
the others are taken to be at 0 and of the usual size: what one project alone says, and is far from what utilities
mostly are, is not taken for all. One number a project, from the statistics alone.
Source: Huber (1981), section 1.3; Pinheiro, Liu and Wu, Efficient algorithms for robust estimation in linear
mixed-effects models (2001).
"""

import numpy as np

from poolwise.posterior.crossed.batch import SufficientStatistics

MIN_PROJECTS = 3
"""Projects below which none is outlying, and with which a cell has a median of its own."""
_TOTAL = 1.3
"""Mean square of utilities before any was seen, in units of the utility (`robust_weights`)."""
_LIMIT = 9.0
"""Deviance up to which a project counts in full."""
_USUAL = 0.4
"""Least standard deviation of log q among projects that differ as they usually do."""
_SMALLEST = 1e-4
"""Mean square below which utilities are all the same: a hundredth."""
_LEAST = -60.0
"""Least logarithm of a weight."""
_NORMAL = 1.4826
"""Standard deviation of a normal in median absolute deviations."""


def weights(stats: SufficientStatistics, outcomes: np.ndarray) -> np.ndarray:
    """(projects,) in (0, 1], 1 of those without utilities. stats: [project, context, arm]; outcomes: number of
    any kind, of the baseline too."""
    found = np.ones(len(stats.count))
    active = np.flatnonzero(stats.count.any(axis=(1, 2)))
    if not len(active) or outcomes.any(axis=(1, 2)).sum() < MIN_PROJECTS:
        return found
    square, number = distances(SufficientStatistics(*(np.asarray(part)[active] for part in stats)))
    size = np.log(square + _SMALLEST)
    unseen = np.full(max(MIN_PROJECTS - len(active), 0), np.log(_TOTAL))
    away = size - np.median(np.concatenate([size, unseen]))
    excess = (_NORMAL * np.median(np.abs(away))) ** 2 - np.median(2 / number) - _USUAL**2
    usual = _USUAL**2 + max(float(excess), 0.0) * max(1 - MIN_PROJECTS / len(active), 0.0)
    further = np.clip(away - 2 * np.sqrt(usual), 0.0, -_LEAST)
    deviance = number * (np.exp(further) - 1 - further)
    found[active] = np.exp(np.maximum(-np.maximum(deviance - _LIMIT, 0.0) / 2, _LEAST))
    return found


def downweight(stats: SufficientStatistics, outcomes: np.ndarray) -> SufficientStatistics:
    """What each project says of all."""
    return apply_weights(stats, weights(stats, outcomes))


def distances(stats: SufficientStatistics) -> tuple[np.ndarray, np.ndarray]:
    """(projects,) each: q, and its degrees of freedom; of projects that all have outcomes."""
    count = stats.count
    safe = np.where(count > 0, count, 1.0)
    centre = medians(stats)
    square = np.maximum(stats.squares - 2 * centre * stats.total + count * centre**2, 0.0) / safe
    weight = count / (count + 1)
    whole = weight.sum((1, 2))
    return (weight * square).sum((1, 2)) / whole, whole**2 / (weight**2).sum((1, 2))


def medians(stats: SufficientStatistics) -> np.ndarray:
    """(contexts, arms): over projects, of their means in the cell where there are enough of them, else of the arm."""
    arm = _means(stats.total.sum(1), stats.count.sum(1))
    unseen = np.isfinite(arm).sum(0) + np.arange(MIN_PROJECTS)[:, None] < MIN_PROJECTS
    arm = np.concatenate([arm, np.where(unseen, 0.0, np.nan)])
    every = _median(arm)
    cell = _means(stats.total, stats.count)
    return np.where(np.isfinite(cell).sum(0) >= MIN_PROJECTS, _median(cell), every)


def apply_weights(stats: SufficientStatistics, weight: np.ndarray) -> SufficientStatistics:
    """With outcomes as they count for others. weight: (projects,), 1 beyond its end."""
    part = pad_weights(weight, len(stats.count))[:, None, None]
    return SufficientStatistics(*(part * whole for whole in stats))


def pad_weights(weight: np.ndarray, projects: int) -> np.ndarray:
    """(projects,): of these, and of those to come."""
    return np.concatenate([weight, np.ones(max(projects - len(weight), 0))])[:projects]


def _means(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """NaN where there is nothing."""
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)


def _median(values: np.ndarray) -> np.ndarray:
    """Over the first axis, of those that are there; 0 where none is."""
    number = np.isfinite(values).sum(0)
    ordered = np.sort(values, axis=0)  # those that are missing come last
    low, high = (np.maximum(number - 1, 0) // 2)[None], (number // 2)[None]
    pair = [np.take_along_axis(ordered, np.minimum(at, len(values) - 1), 0)[0] for at in (low, high)]
    return np.where(number > 0, (pair[0] + pair[1]) / 2, 0.0)
