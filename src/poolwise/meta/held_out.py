"""Whether a learned way of exploring may serve: against what it started from, on systems it was not trained on."""

import math
from typing import Any, NamedTuple

import numpy as np

from poolwise.compute import HERE, Pool
from poolwise.meta import exploration
from poolwise.meta.exploration import Model
from poolwise.meta.losses import Task, losses_of
from poolwise.meta.policy_card import FORMAT, SCHEMA
from poolwise.meta.systems import STRESS, sample


class HeldOutResult(NamedTuple):
    """Learned against started from on held-out systems; every array has one entry or row per system."""

    gain: np.ndarray
    """Regret saved, as a share of the mean regret of its batch."""
    harm: np.ndarray
    """Unsafe decisions more than before."""
    log_ratio: np.ndarray
    """Of the two regrets."""
    known: np.ndarray
    """What the model was told."""
    stress: np.ndarray
    """Index into `systems.STRESS`."""


def evaluate(task: Task, model: Model, *, batches: int = 8, pool: Pool = HERE) -> dict[str, Any]:
    """The card: learned against started from, on held-out systems with the same luck. Names only what was measured."""
    parts = [_tried(task, model, number, pool) for number in range(batches)]
    trial = HeldOutResult(*map(np.concatenate, zip(*parts, strict=True)))
    low = _mean(trial.gain) - 1.96 * _error(trial.gain)
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "policy": {"spec": task.policy.spec, "params": dict(task.policy.params)},
        "trained": {
            "shape": task.shape._asdict(),
            "seed": task.seed,
            "told": task.horizon_known,
            "fitted": task.scales is not None,
        },
        "held_out": {
            "systems": len(trial.gain),
            "gain": _mean(trial.gain),
            "gain_low": low,
            "geometric_mean_ratio": math.exp(_mean(trial.log_ratio)),
            "unsafe_difference": _mean(trial.harm),
            "by_stress": _by_stress(trial),
        },
        "promoted": bool(low > 0 and _mean(trial.harm) <= 1.96 * _error(trial.harm)),
        "range": {"low": trial.known.min(axis=0).tolist(), "high": trial.known.max(axis=0).tolist()},
        "model": {
            "names": list(model.names),
            **{name: getattr(model, name).tolist() for name in Model._fields if name != "names"},
        },
    }


def _tried(task: Task, model: Model, number: int, pool: Pool) -> HeldOutResult:
    """One batch of systems, each lived through twice."""
    systems = sample(np.random.default_rng((task.seed, 2, number)), task.batch, task.scales, task.shape)
    luck = 2**20 + 1_000 * task.seed + number
    default = np.array([task.policy.params[name] for name in model.names])
    tables = [exploration.constants(model, systems.known), np.tile(default, (task.batch, 1))]
    ours, theirs = losses_of(task, systems, tables, model.names, luck, pool)
    gain = (theirs[0] - ours[0]) / theirs[0].mean()
    return HeldOutResult(gain, ours[1] - theirs[1], np.log(ours[0] / theirs[0]), systems.known, systems.stress)


def _by_stress(trial: HeldOutResult) -> dict[str, dict[str, Any]]:
    """Gain under each stress that was met."""
    gains = {name: trial.gain[trial.stress == k] for k, name in enumerate(STRESS)}
    return {
        name: {"systems": len(gain), "gain": _mean(gain), "error": _error(gain)}
        for name, gain in gains.items()
        if len(gain)
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else math.inf
