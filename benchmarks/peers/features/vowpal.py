"""Vowpal Wabbit's `cb_explore_adf` with features: SquareCB and Cover, features, context and project against arm and
family."""

import numpy as np

from benchmarks.peers.features.problem import Problem
from benchmarks.peers.vowpal import VOWPAL, explored, of_places

CROSSED = "-q xa -q xf -q ca -q cf -q pa -q pf"


def play_vowpal(problem: Problem, order: np.ndarray, seed: int, options: str) -> np.ndarray:
    """(units,) arms chosen for one seed."""
    return explored(problem.table, problem.reward, order, seed, VOWPAL, f"{options} {CROSSED}", of_units(problem))


def of_units(problem: Problem) -> list[str]:
    """The shared line of every unit."""
    scores = problem.scores / np.sqrt(max(problem.scores.shape[1], 1))
    numbers = (" ".join(f"{place}:{value:.4f}" for place, value in enumerate(row)) for row in scores)
    return [f"shared {labels} |x {row}" for labels, row in zip(of_places(problem.table), numbers, strict=True)]
