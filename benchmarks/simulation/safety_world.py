"""Worlds in which exploration can do harm, and many runs of one learner through them at once."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.world import Problem
from poolwise.policy.constraints import conservative
from poolwise.policy.view import Context, Policy, View

PRIOR, NOISE = 0.4, 0.25
"""The learner's belief before any outcome, and about one outcome: standard deviations of the speed-up."""
TAILS = 2.5
"""Degrees of freedom of heavy-tailed noise: its variance is finite, its third moment is not."""


class World(NamedTuple):
    """A table of strategies that may change half-way, its noise, and how late outcomes come."""

    before: Problem
    after: Problem
    heavy: bool = False
    delay: int = 0

    def at(self, t: int) -> Problem:
        return self.after if 2 * t >= self.before.rounds else self.before


class Trace(NamedTuple):
    """(runs, rounds): expected speed-up of what was chosen, of the baseline, of the best."""

    expected: np.ndarray
    baseline: np.ndarray
    best: np.ndarray
    away: np.ndarray
    """Whether the baseline was left."""


def worse(problem: Problem, low: float = 0.4, high: float = 0.85) -> Problem:
    """The same order of strategies, with every one but the baseline between `low` and `high`."""
    top, bottom = problem.mean.max(axis=1, keepdims=True), problem.mean.min(axis=1, keepdims=True)
    mean = low + (high - low) * (problem.mean - bottom) / (top - bottom)
    mean[:, problem.baseline] = problem.mean[:, problem.baseline]
    return problem._replace(mean=mean)


def turned(problem: Problem, to: float = 0.4) -> Problem:
    """Every strategy but the baseline at `to`."""
    mean = np.full_like(problem.mean, to)
    mean[:, problem.baseline] = problem.mean[:, problem.baseline]
    return problem._replace(mean=mean)


def worlds(problem: Problem) -> dict[str, World]:
    return {
        "the simulation": World(problem, problem),
        "every other arm worse": World(worse(problem), worse(problem)),
        "arms that turn bad half-way": World(problem, turned(problem)),
        "heavy-tailed noise": World(problem, problem, heavy=True),
        "outcomes 30 decisions late": World(problem, problem, delay=30),
    }


def values(problem: Problem, heavy: bool, draws: int = 200_000) -> np.ndarray:
    """[context, arm]: expected speed-up, by simulation with the same draws for all (error below 0.002 of the sd)."""
    noise = _noise(np.random.default_rng(11), heavy, draws)
    rows = [
        np.maximum(problem.floor, mean + sd * noise).mean()
        for mean, sd in zip(problem.mean.flat, problem.sd.flat, strict=True)
    ]
    fine = np.array(rows).reshape(problem.mean.shape)
    return problem.reliability * fine + (1 - problem.reliability) * problem.failed


def simulate(world: World, runs: int, rules: conservative.Settings | None, seed: int, policy: Policy) -> Trace:
    """One project each. With `rules` the baseline answers whenever the guarantee asks for it."""
    problem, rng, every = world.before, np.random.default_rng(seed), np.arange(runs)
    shape = (runs, *problem.mean.shape)
    count, total, seen = np.zeros(shape), np.zeros(shape), np.zeros((runs, len(problem.contexts)))
    truth = {id(p): values(p, world.heavy) for p in (world.before, world.after)}
    ledger, waiting, rows = conservative.start(np, (runs,)), [], []
    for t in range(problem.rounds):
        now = world.at(t)
        context = rng.choice(len(problem.contexts), size=runs, p=problem.frequency)
        view = _view(problem, count[every, context], total[every, context], seen[every, context], t)
        chances = np.cumsum(policy.probabilities(policy.params, view), axis=1)
        arm = (rng.random((runs, 1)) * chances[:, -1:] >= chances).sum(axis=1)
        if rules is not None:
            arm = np.where(conservative.may_leave(rules, ledger), arm, problem.baseline)
            ledger = conservative.decided(ledger, arm != problem.baseline)
        fine = rng.random(runs) < now.reliability[context, arm]
        speed = now.mean[context, arm] + now.sd[context, arm] * _noise(rng, world.heavy, runs)
        speed = np.where(fine, np.maximum(now.floor, speed), now.failed)
        seen[every, context] += 1
        waiting.append((context, arm, speed))
        if t >= world.delay:
            then, chosen, value = waiting.pop(0)
            count[every, then, chosen] += 1
            total[every, then, chosen] += value
            if rules is not None:
                ledger = conservative.observed(rules, ledger, chosen != problem.baseline, value)
        true = truth[id(now)]
        rows.append(
            (true[context, arm], true[context, problem.baseline], true[context].max(1), arm != problem.baseline)
        )
    return Trace(*(np.array(part).T for part in zip(*rows, strict=True)))


def guaranteed(trace: Trace, alpha: float) -> np.ndarray:
    """(runs,) bool: whether the expected sum stayed at (1 - alpha) of the baseline's at every time."""
    needed = (1 - alpha) * np.cumsum(trace.baseline, axis=1)
    return np.asarray((np.cumsum(trace.expected, axis=1) >= needed - 1e-9).all(axis=1))


def compared(
    problem: Problem, runs: int, rules: Mapping[str, conservative.Settings | None], policy: Policy, alpha: float = 0.1
) -> dict[str, dict[str, dict[str, float]]]:
    """[world][name of the rules]: share of runs that broke the guarantee at any time, regret with its standard error,
    and share of decisions that left the baseline."""
    return {
        world: {name: _summed(simulate(kind, runs, settings, 3, policy), alpha) for name, settings in rules.items()}
        for world, kind in worlds(problem).items()
    }


def _summed(trace: Trace, alpha: float) -> dict[str, float]:
    regret = (trace.best - trace.expected).sum(axis=1)
    return {
        "broken": float(1 - guaranteed(trace, alpha).mean()),
        "regret": float(regret.mean()),
        "regret_se": float(regret.std() / len(regret) ** 0.5),
        "away": float(trace.away.mean()),
    }


def _view(problem: Problem, count: np.ndarray, total: np.ndarray, seen: np.ndarray, t: int) -> View:
    """Independent normal beliefs about speed-up - 1, and the expected uses of this context that remain."""
    variance = 1 / (1 / PRIOR**2 + count / NOISE**2)
    mean, scale = variance * (total - count) / NOISE**2, np.sqrt(variance)
    arms = len(problem.arms)
    left = np.maximum((problem.rounds - t) * (seen + 1) / (t + 2), 1.0)[:, None]
    context = Context(remaining=left, remaining_project=left, remaining_all=left)
    return View(
        mean, scale, np.full_like(mean, NOISE), np.ones_like(mean, bool), count, np.arange(arms), problem.baseline,
        np.broadcast_to(mean, (2, *mean.shape)), np.broadcast_to(scale, (2, *mean.shape)), context,
    )  # fmt: skip


def _noise(rng: np.random.Generator, heavy: bool, size: int) -> np.ndarray:
    return rng.standard_t(TAILS, size) if heavy else rng.standard_normal(size)
