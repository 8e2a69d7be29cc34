"""Vowpal Wabbit's `cb_explore_adf` with features: SquareCB and Cover, features, context and project against arm and
family."""

import numpy as np

from benchmarks.peers.features.problem import Problem
from benchmarks.peers.tabular import generator
from poolwise.table import available

CROSSED = "-q xa -q xf -q ca -q cf -q pa -q pf --quiet"


def play_vowpal(problem: Problem, order: np.ndarray, seed: int, options: str) -> np.ndarray:
    """(units,) arms; cost is -reward, probabilities are those that Vowpal Wabbit states."""
    from vowpalwabbit import Workspace

    table = problem.table
    workspace = Workspace(f"--cb_explore_adf {options} {CROSSED} --random_seed {seed}")
    rng, present = generator("Vowpal Wabbit", seed), available(table)
    lines, shared = [f"|a a{arm} |f f{family}" for arm, family in enumerate(table.family)], of_units(problem)
    chosen = np.empty(len(order), int)
    for step, unit in enumerate(order):
        allowed = np.flatnonzero(present[unit])
        example = [shared[unit], *(lines[arm] for arm in allowed)]
        chances = np.maximum(workspace.predict(example), 0.0)
        place = rng.choice(len(allowed), p=chances / chances.sum())
        arm = chosen[step] = allowed[place]
        example[place + 1] = f"0:{-problem.reward[unit, arm]:.6f}:{max(chances[place], 1e-4):.6f} {lines[arm]}"
        workspace.learn(example)
    workspace.finish()
    return chosen


def of_units(problem: Problem) -> list[str]:
    """The shared line of every unit."""
    table, scores = problem.table, problem.scores / np.sqrt(max(problem.scores.shape[1], 1))
    return [
        f"shared |c c{context} |p p{project} |x " + " ".join(f"{place}:{value:.4f}" for place, value in enumerate(row))
        for context, project, row in zip(table.context, table.project, scores, strict=True)
    ]
