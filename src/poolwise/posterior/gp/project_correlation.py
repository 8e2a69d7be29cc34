"""Projects that resemble some projects more than others: the correlation of what is smooth and a project's own.

    R_pq = u_p . u_q,   u_p = v_p / sqrt(1 + |v_p|^2),   R_pp = 1,   v_p ~ N(0, 1) of FACTORS numbers

So machines of one vendor foresee each other, and those of another are asked less. With v = 0 a project is a stranger
to all others, as new ones are. Source: Bonilla, Chai and Williams (2008), a covariance of tasks of low rank.
"""

from typing import Any

import numpy as np

from poolwise.arrays import Float, Int

FACTORS = 2
LEAST_PROJECTS, MOST_PROJECTS = 3, 40
"""Of two all is said by what is shared and what is not; of more, the others are strangers."""
STRANGERS, NOBODY = np.zeros((0, FACTORS)), np.zeros(0, dtype=np.int64)
"""Loadings, and projects, of none."""
_BEGIN = 0.7
"""Length of the longest v where a search begins: at 0 it would stay."""


def shrunk(loading: Float[np.ndarray, "project factor"]) -> Float[np.ndarray, "project factor"]:
    """u."""
    return np.asarray(loading / np.sqrt(1 + np.square(loading).sum(1, keepdims=True)))


def between(u: Float[np.ndarray, "project factor"], here: Any, there: Any) -> np.ndarray:
    """(rows, columns): R of projects (rows,) and (columns,), or (rows, 1) of one; 0 where either is -1."""
    here, there = np.asarray(here), np.atleast_1d(there)
    same = (here[:, None] == there) & (there >= 0)
    return np.where(same, 1.0, _of(u, here) @ _of(u, there).T) if u.any() else same.astype(float)


def _of(u: np.ndarray, project: np.ndarray) -> np.ndarray:
    """(n, factors) u of these projects; those beyond its end are strangers."""
    known = (project >= 0) & (project < len(u))
    return np.asarray(np.vstack([u, np.zeros(FACTORS)])[np.where(known, project, len(u))])


def mixture(u: Float[np.ndarray, "project factor"], projects: int) -> Float[np.ndarray, "project source"]:
    """(projects, projects + factors) M with M M' = R: of what every project has alone, and of the factors."""
    every = _of(u, np.arange(projects))
    return np.hstack([np.diag(np.sqrt(1 - np.square(every).sum(1))), every])


def chosen(project: Int[np.ndarray, " cell"]) -> np.ndarray:
    """Those with most cells, in order; none where there are too few."""
    found, cells = np.unique(project, return_counts=True)
    if len(found) < LEAST_PROJECTS:
        return found[:0]
    return np.sort(found[np.argsort(-cells, kind="stable")[:MOST_PROJECTS]])


def placed(loading: Float[np.ndarray, "chosen factor"], projects: Int[np.ndarray, " chosen"]) -> np.ndarray:
    """(projects, factors) of all up to the last of these; 0 of others."""
    every = np.zeros((int(projects.max()) + 1 if len(projects) else 0, FACTORS))
    every[projects] = loading
    return every


def gradient(loading: np.ndarray, pull: Float[np.ndarray, "project project"]) -> np.ndarray:
    """(projects, factors): derivative by v of what changes by the sum of `pull` dR. pull: symmetric."""
    u, long = shrunk(loading), np.sqrt(1 + np.square(loading).sum(1, keepdims=True))
    apart = 2 * pull * (1 - np.eye(len(pull)))
    by_u = apart @ u
    return np.asarray((by_u - u * (by_u * u).sum(1, keepdims=True)) / long)


def beginning(pull: Float[np.ndarray, "project project"]) -> np.ndarray:
    """(projects, factors): v where a search begins, along what lowers the sum of `pull` R most from R = 1."""
    value, axes = np.linalg.eigh(-pull * (1 - np.eye(len(pull))))
    found = axes[:, ::-1][:, :FACTORS] * np.sqrt(np.maximum(value[::-1][:FACTORS], 0.0))
    longest = np.sqrt(np.square(found).sum(1)).max(initial=0.0)
    return np.asarray(found * (_BEGIN / longest if longest > 0 else 0.0))
