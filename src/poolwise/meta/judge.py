"""Whether a learned way of exploring may serve: against what it started from, on systems it was not trained on."""

import math
from typing import Any

import numpy as np

from poolwise.meta import exploration
from poolwise.meta.card import FORMAT, SCHEMA
from poolwise.meta.exploration import Model
from poolwise.meta.learning import Task, losses
from poolwise.meta.systems import STRESS, sample


def judged(task: Task, model: Model, *, batches: int = 8) -> dict[str, Any]:
    """The card: learned against started from, on held-out systems with the same luck. Names only what was measured."""
    ratio, difference, unsafe, known, stress = [], [], [], [], []
    default = np.array([task.policy.params[name] for name in model.names])
    for number in range(batches):
        systems = sample(
            np.random.default_rng((task.seed, 2, number)), task.batch, task.hyper, task.shape, told=task.told
        )
        luck = 2**20 + 1_000 * task.seed + number
        chosen = exploration.constants(model, systems.known)
        ours = losses(task, systems, chosen, model.names, luck)
        theirs = losses(task, systems, np.tile(default, (task.batch, 1)), model.names, luck)
        ratio.append(np.log(ours[0] / theirs[0]))
        difference.append((theirs[0] - ours[0]) / theirs[0].mean())
        unsafe.append(ours[1] - theirs[1])
        known.append(systems.known)
        stress.append(systems.stress)
    gain, harm, kinds = (np.concatenate(part) for part in (difference, unsafe, stress))
    seen, logs = np.concatenate(known), np.concatenate(ratio)
    low = _mean(gain) - 1.96 * _error(gain)
    promoted = low > 0 and _mean(harm) <= 1.96 * _error(harm)
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "policy": {"spec": task.policy.spec, "params": dict(task.policy.params)},
        "trained": {
            "shape": task.shape._asdict(),
            "seed": task.seed,
            "told": task.told,
            "fitted": task.hyper is not None,
        },
        "held_out": {
            "systems": len(gain),
            "gain": _mean(gain),
            "gain_low": low,
            "geometric_mean_ratio": math.exp(_mean(logs)),
            "unsafe_difference": _mean(harm),
            "by_stress": {
                name: {
                    "systems": int((kinds == k).sum()),
                    "gain": _mean(gain[kinds == k]),
                    "error": _error(gain[kinds == k]),
                }
                for k, name in enumerate(STRESS)
                if (kinds == k).any()
            },
        },
        "promoted": bool(promoted),
        "range": {"low": seen.min(axis=0).tolist(), "high": seen.max(axis=0).tolist()},
        "model": {
            "names": list(model.names),
            **{name: getattr(model, name).tolist() for name in Model._fields if name != "names"},
        },
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else math.inf
