"""Ridge epsilon-greedy, LinUCB and LinTS with features, disjoint: a ridge regression of its own for every arm.

Means and variances of x' beta are kept for all units of the table at once: an outcome changes those of one arm, by one
product of the design with A^-1 x. That is the textbook's algorithm at a cost that long runs allow.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.peers.features.problem import Problem
from benchmarks.peers.tabular import generator
from poolwise.table import available

PENALTY = 1.0
Scores = Callable[[int, np.ndarray, np.ndarray], np.ndarray]
"""(step, mean, deviation) -> (arms,): the highest is chosen."""


class Ridges:
    """(arms, units) mean and variance of x' beta, beta ~ Normal(0, 1 / penalty) and noise 1."""

    def __init__(self, design: np.ndarray, arms: int, penalty: float) -> None:
        self.design = design
        self.inverse = np.tile(np.eye(design.shape[1]) / penalty, (arms, 1, 1))
        self.mean = np.zeros((arms, len(design)))
        self.variance = np.tile((design**2).sum(axis=1) / penalty, (arms, 1))

    def learn(self, unit: int, arm: int, reward: float) -> None:
        """Recursive least squares."""
        x, inverse = self.design[unit], self.inverse[arm]
        gain = inverse @ x
        spread = self.design @ gain
        total = 1.0 + spread[unit]
        self.mean[arm] += spread * ((reward - self.mean[arm, unit]) / total)
        self.variance[arm] -= spread**2 / total
        inverse -= np.multiply.outer(gain / total, gain)


def play_ridge(problem: Problem, order: np.ndarray, seed: int, epsilon: float) -> np.ndarray:
    """(units,) arms: the best mean, any arm with probability epsilon (Degroote, Bischl, Kotthoff and De Causmaecker,
    2016)."""
    rng = generator("ridge", seed)
    uniform, draws = rng.random(len(order)), rng.standard_normal((len(order), len(problem.table.arms)))

    def scores(step: int, mean: np.ndarray, _deviation: np.ndarray) -> np.ndarray:
        return draws[step] if uniform[step] < epsilon else mean + 1e-9 * draws[step]

    return play(problem, order, scores)


def play_linucb(problem: Problem, order: np.ndarray, seed: int, alpha: float) -> np.ndarray:
    """(units,) arms: the highest mean + alpha deviations (Li, Chu, Langford and Schapire, 2010)."""
    draws = generator("LinUCB", seed).standard_normal((len(order), len(problem.table.arms)))
    return play(problem, order, lambda step, mean, deviation: mean + alpha * deviation + 1e-9 * draws[step])


def play_lints(problem: Problem, order: np.ndarray, seed: int, scale: float) -> np.ndarray:
    """(units,) arms: the highest draw of x' beta (Agrawal and Goyal, 2013)."""
    draws = generator("LinTS", seed).standard_normal((len(order), len(problem.table.arms)))
    return play(problem, order, lambda step, mean, deviation: mean + scale * deviation * draws[step])


def play(problem: Problem, order: np.ndarray, scores: Scores) -> np.ndarray:
    """(units,) arms of the highest `scores(step, mean, deviation)`."""
    present, chosen = available(problem.table), np.empty(len(order), int)
    ridges = Ridges(problem.design, len(problem.table.arms), PENALTY)
    for step, unit in enumerate(order):
        found = scores(step, ridges.mean[:, unit], np.sqrt(np.maximum(ridges.variance[:, unit], 0.0)))
        arm = chosen[step] = np.where(present[unit], found, -np.inf).argmax()
        ridges.learn(unit, arm, problem.reward[unit, arm])
    return chosen
