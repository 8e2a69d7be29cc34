"""What a peer with features sees of a table: the features as numbers it can use, and rewards of unit scale.

Favours that no user has: features become normal scores of their ranks over the whole table, rewards are divided by
their standard deviation over the whole table.
"""

from functools import cached_property

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from benchmarks.peers.tabular import scaled_reward
from poolwise.table import Table


class Problem:
    """A table as the peers see it; what they share is made once."""

    def __init__(self, table: Table, form: str = "differenced") -> None:
        self.table = table
        self.reward = scaled_reward(table, form)

    @cached_property
    def scores(self) -> np.ndarray:
        """(units, F) normal scores."""
        return normal_scores(self.table.features)

    @cached_property
    def design(self) -> np.ndarray:
        """(units, d): 1, the normal scores at a total variance of 1, one-hot context and project."""
        scores = self.scores / np.sqrt(max(self.scores.shape[1], 1))
        return np.hstack([np.ones((len(scores), 1)), scores, self.labels])

    @cached_property
    def columns(self) -> np.ndarray:
        """(units, columns) for trees: the normal scores, one-hot context and project."""
        return np.hstack([self.scores, self.labels]).astype(np.float32)

    @property
    def labels(self) -> np.ndarray:
        """(units, labels) one-hot context and project, where there are several."""
        codes = [code for code in (self.table.context, self.table.project) if code.max() > 0]
        return np.hstack([np.empty((len(self.reward), 0)), *(one_hot(code) for code in codes)])


def normal_scores(features: np.ndarray) -> np.ndarray:
    """(units, F) of the ranks over all units, unit variance; missing is 0, and a last column says that some was.

    Columns that say nothing are left out.
    """
    missing = np.isnan(features)
    ranks = rankdata(np.where(missing, np.inf, features), axis=0)
    known = np.maximum((~missing).sum(axis=0), 1)
    found = np.where(missing, 0.0, ndtri(np.clip(ranks / (known + 1), 0, 1 - 1e-9)))
    found = np.hstack([found, missing.any(axis=1, keepdims=True)])
    spread = found.std(axis=0)
    return ((found - found.mean(axis=0)) / np.maximum(spread, 1e-9))[:, spread > 1e-6]


def one_hot(code: np.ndarray) -> np.ndarray:
    """(n, groups)"""
    return np.eye(int(code.max()) + 1)[code]
