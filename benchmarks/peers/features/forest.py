"""Extremely randomised trees over features and arms, fitted anew to all outcomes every 25 jobs."""

import numpy as np

from benchmarks.peers.features.problem import Problem, one_hot
from benchmarks.peers.tabular import generator
from poolwise.table import available

EVERY, FIRST, TREES = 25, 10, 20
SHARE = 0.4
"""Of the columns, tried at a split."""


def play_forest(problem: Problem, order: np.ndarray, seed: int, exploration: float | str) -> np.ndarray:
    """(units,) arms: the highest prediction.

    exploration: probability of any arm instead; or `tree`: the highest prediction of one tree of the forest, grown on a
    bootstrap sample (Elmachtoub, McNellis, Oh and Petrik, 2017). The first jobs go to any arm.
    """
    table, rng = problem.table, generator("forest", seed)
    present, chosen = available(table), np.empty(len(order), int)
    draws, uniform = rng.standard_normal((len(order), len(table.arms))), rng.random(len(order))
    tree = rng.integers(TREES, size=len(order))
    start = 0
    while start < len(order):
        stop = min(len(order), FIRST if start == 0 else (start // EVERY + 1) * EVERY)
        coming = order[start:stop]
        found = foreseen(problem, order[:start], chosen[:start], coming, seed, exploration == "tree")
        for place, unit in enumerate(coming):
            step = start + place
            explores = start == 0 or (exploration != "tree" and uniform[step] < exploration)
            scores = found[tree[step] if exploration == "tree" else 0, place] + 1e-9 * draws[step]
            scores = np.where(present[unit], draws[step] if explores else scores, -np.inf)
            chosen[step] = scores.argmax()
        start = stop
    return chosen


def foreseen(
    problem: Problem, seen: np.ndarray, arm: np.ndarray, coming: np.ndarray, seed: int, trees: bool
) -> np.ndarray:
    """(trees or 1, coming, arms) rewards; the baseline's is 0, as the peers' rewards are differences to it."""
    from sklearn.ensemble import ExtraTreesRegressor

    table, arms = problem.table, len(problem.table.arms)
    known = arm != table.baseline
    if known.sum() < 2:
        return np.zeros((TREES if trees else 1, len(coming), arms))
    seen, arm = seen[known], arm[known]
    reward = problem.reward[seen, arm]
    columns = of_arms(problem, arm, reward)
    forest = ExtraTreesRegressor(TREES, max_features=SHARE, bootstrap=trees, random_state=seed * 10_000 + len(seen))
    units = problem.columns
    forest.fit(np.hstack([units[seen], columns[arm]]), reward)
    asked = np.hstack([np.repeat(units[coming], arms, axis=0), np.tile(columns, (len(coming), 1))])
    grown = [one.predict(asked) for one in forest.estimators_] if trees else [forest.predict(asked)]
    found = np.stack(grown).reshape(-1, len(coming), arms)
    found[:, :, table.baseline] = 0.0
    return found


def of_arms(problem: Problem, arm: np.ndarray, reward: np.ndarray) -> np.ndarray:
    """(arms, columns): the mean reward so far, shrunk by three outcomes of none; one-hot arm and family."""
    arms, family = len(problem.table.arms), problem.table.family
    total, count = np.bincount(arm, reward, arms), np.bincount(arm, minlength=arms)
    return np.hstack([(total / (count + 3))[:, None], np.eye(arms), one_hot(family)])
