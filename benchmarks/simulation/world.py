"""A table of simulated strategies as arrays, the luck of every seed, and what a run over it came to."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from poolwise.config import load
from poolwise.workloads import Simulation

OPTIONS = ("strategies", "context_frequency", "baseline", "failure_speedup", "floor")


class Problem(NamedTuple):
    """What a policy may not know, [context, arm], and what it may."""

    contexts: tuple[str, ...]
    arms: tuple[str, ...]
    baseline: int
    frequency: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    reliability: np.ndarray
    value: np.ndarray
    """Expected speed-up, a failure counting `failed`."""
    failed: float
    floor: float
    rounds: int
    priors: tuple[tuple[str, float, float], ...]
    """(arm, successes, failures): the file's domain priors."""
    success_above: float = 1.05
    safe_at_least: float = 0.95
    discovery_above: float = 1.8


class Luck(NamedTuple):
    """Of every seed and decision, the same for every policy: (seeds, rounds) each."""

    context: np.ndarray
    failure: np.ndarray
    """Uniform: a job fails where this is not below the reliability."""
    score: np.ndarray
    """Standard normal: how far from its mean a job comes out that does not fail."""


class Run(NamedTuple):
    """What was chosen and what came of it, (seeds, rounds); what was believed best at the end, (seeds, contexts)."""

    arm: np.ndarray
    speed: np.ndarray
    favourite: np.ndarray


def read(path: Path) -> Problem:
    """From a configuration in TOML, or from JSON with the same keys, `rounds` and `domain_priors`."""
    if path.suffix == ".toml":
        config = load(path)
        options, rounds = dict(config.workload), config.run.decisions
        priors: dict[str, Any] = dict(config.engine.domain_priors)
        limits: dict[str, float] = {}
    else:
        body = json.loads(path.read_text())
        options = {name: body[name] for name in OPTIONS if name in body}
        rounds, priors = body["rounds"], body.get("domain_priors", {})
        limits = {name: body[name] for name in ("success_above", "safe_at_least", "discovery_above") if name in body}
    made = Simulation(**options)
    arms = tuple(family.name for family in made.space.families)
    rows = np.array([[made.table[context][arm] for arm in arms] for context in made.contexts], dtype=float)
    value = np.array([[made.expected(context, arm) for arm in arms] for context in made.contexts])
    return Problem(
        made.contexts,
        arms,
        arms.index(options["baseline"]),
        np.array([made.frequency[context] for context in made.contexts]),
        *np.moveaxis(rows, -1, 0),
        value,
        made.failure_speedup,
        made.floor,
        rounds,
        tuple((arm, *map(float, pair)) for arm, pair in priors.items()),
        **limits,
    )


def luck(problem: Problem, seeds: range) -> Luck:
    """Of each seed by itself, so that a seed is the same in any company."""
    rows = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        context = rng.choice(len(problem.contexts), size=problem.rounds, p=problem.frequency)
        rows.append((context, rng.random(problem.rounds), rng.standard_normal(problem.rounds)))
    return Luck(*(np.array(part) for part in zip(*rows, strict=True)))


def outcome(problem: Problem, chance: Luck, t: Any, context: Any, arm: Any) -> tuple[Any, Any]:
    """Speed-up, and whether the job did not fail, of the `t`-th decision of every seed."""
    fine = chance.failure[:, t] < problem.reliability[context, arm]
    speed = problem.mean[context, arm] + problem.sd[context, arm] * chance.score[:, t]
    return np.where(fine, np.maximum(problem.floor, speed), problem.failed), fine


def figures(problem: Problem, chance: Luck, made: Run) -> dict[str, float]:
    """Means over seeds, with the standard error of the regret."""
    best = problem.value.max(axis=1)
    regret = (best[chance.context] - problem.value[chance.context, made.arm]).sum(axis=1)
    found = made.favourite == problem.value.argmax(axis=1)
    return {
        "speed_up": float(made.speed.mean()),
        "success": float((made.speed > problem.success_above).mean()),
        "safe": float((made.speed >= problem.safe_at_least).mean()),
        "discoveries": float((made.speed > problem.discovery_above).sum(axis=1).mean()),
        "regret": float(regret.mean()),
        "regret_se": float(regret.std() / len(regret) ** 0.5),
        "regret_p90": float(np.quantile(regret, 0.9)),
        "found": float(found.mean()),
        **{f"found in {name}": float(found[:, k].mean()) for k, name in enumerate(problem.contexts)},
    }
