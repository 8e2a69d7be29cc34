"""Reference policies on a simulated table, all seeds at once. They learn from the recorded speed-up, per context."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.world import Luck, Problem, Run, outcome


class Memory:
    """Per seed, context and arm: outcomes, their sum, and how many counted as success."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.count, self.total, self.won = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def mean(self) -> np.ndarray:
        return self.total / np.maximum(self.count, 1)


class Peer(NamedTuple):
    """`choose(here, rng)`: an arm per seed, from the memory of the context that came; `judge`: what is believed of
    every arm at the end, whose largest is the favourite."""

    choose: Callable[[Memory, np.random.Generator], np.ndarray]
    judge: Callable[[Memory], np.ndarray]


def run(problem: Problem, chance: Luck, peer: Peer, seed: int) -> Run:
    seeds, rounds = chance.context.shape
    every, rng = np.arange(seeds), np.random.default_rng((seed, 7))
    memory, here = Memory((seeds, len(problem.contexts), len(problem.arms))), Memory((0, 0, 0))
    arms, speeds = np.zeros((seeds, rounds), dtype=int), np.zeros((seeds, rounds))
    for t in range(rounds):
        context = chance.context[:, t]
        for name in ("count", "total", "won"):
            setattr(here, name, getattr(memory, name)[every, context])
        arm = arms[:, t] = peer.choose(here, rng)
        speed = speeds[:, t] = outcome(problem, chance, t, context, arm)[0]
        for name, value in (("count", 1.0), ("total", speed), ("won", speed > problem.success_above)):
            getattr(memory, name)[every, context, arm] += value
    return Run(arms, speeds, peer.judge(memory).argmax(axis=2))


def oracle(problem: Problem, chance: Luck) -> Run:
    best = problem.value.argmax(axis=1)
    arms = best[chance.context]
    speeds = [outcome(problem, chance, t, chance.context[:, t], arms[:, t])[0] for t in range(chance.context.shape[1])]
    return Run(arms, np.array(speeds).T, np.broadcast_to(best, (len(arms), len(best))))


def uniform(memory: Memory, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(memory.count.shape[1], size=len(memory.count))


def beta_thompson(memory: Memory, rng: np.random.Generator) -> np.ndarray:
    """Beta(1, 1) on success."""
    return rng.beta(1 + memory.won, 1 + memory.count - memory.won).argmax(axis=1)


def ucb1(memory: Memory, rng: np.random.Generator) -> np.ndarray:
    """Auer, Cesa-Bianchi and Fischer (2002), every arm first."""
    here = np.maximum(memory.count.sum(axis=1, keepdims=True), 1)
    width = np.sqrt(2 * np.log(here) / np.maximum(memory.count, 1))
    return _untried_first(memory, memory.mean() + width, rng)


def epsilon_greedy(memory: Memory, rng: np.random.Generator, epsilon: float = 0.1) -> np.ndarray:
    """Every arm first, then the best mean, or any arm with probability `epsilon`."""
    greedy = _untried_first(memory, memory.mean(), rng)
    tried = (memory.count > 0).all(axis=1)
    return np.where(tried & (rng.random(len(greedy)) < epsilon), uniform(memory, rng), greedy)


def gaussian_thompson(
    memory: Memory, rng: np.random.Generator, centre: float = 1.0, scale: float = 0.4, noise: float = 0.2
) -> np.ndarray:
    mean, variance = gaussian(memory, centre, scale, noise)
    return (mean + np.sqrt(variance) * rng.standard_normal(mean.shape)).argmax(axis=1)


def gaussian(memory: Memory, centre: float = 1.0, scale: float = 0.4, noise: float = 0.2) -> tuple[np.ndarray, ...]:
    """Posterior mean and variance of every arm under Normal(centre, scale^2) and known noise."""
    variance = 1 / (1 / scale**2 + memory.count / noise**2)
    return variance * (centre / scale**2 + memory.total / noise**2), variance


def _untried_first(memory: Memory, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    lucky = rng.random(index.shape)
    untried = np.where(memory.count == 0, lucky, -1).argmax(axis=1)
    return np.where((memory.count == 0).any(axis=1), untried, index.argmax(axis=1))


PEERS = {
    "uniform": Peer(uniform, Memory.mean),
    "Beta-Thompson": Peer(beta_thompson, Memory.mean),
    "UCB1": Peer(ucb1, Memory.mean),
    "epsilon-greedy 0.1, every arm first": Peer(epsilon_greedy, Memory.mean),
    "flat Gaussian Thompson": Peer(gaussian_thompson, lambda memory: gaussian(memory)[0]),
}
