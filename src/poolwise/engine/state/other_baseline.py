"""What a checkpoint holds, told with another baseline than the one it was folded with.

Of the baseline there are no utilities among the arms', for its own is 0, but apart: these become an arm's, and those of
the arm that is the baseline from now on stand apart. What jobs were taken to say is said of every arm but the baseline.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_SITE_ARM = 2
"""Column of `sites`, one row for every outcome that was cut off."""


def rebased(saved: Mapping[str, Any], contrasts: Iterable[list[Any]], before: int, now: int) -> dict[str, Any]:
    """Arrays as `Posterior.saved` gives them. contrasts: rows of project, context, arm, number, sum and sum of squares.
    now: an arm beyond those of the arrays has no outcomes."""
    found, rows = {name: np.array(part) for name, part in saved.items()}, list(contrasts)
    utility, none = found["utility"], np.zeros_like(found["baseline"])
    new = now < utility.shape[-1]
    _add(utility, rows, -1.0, but=before)
    own, failed = (utility[..., now].copy(), _failures(found, now)) if new else (none, none)
    for name in {"utility", "lasting"} & found.keys():
        found[name][..., before] = found["baseline"]
        if new:
            found[name][..., now] = 0.0
    _add(utility, rows, 1.0, but=now)
    utility *= utility[0] > 1e-9
    sites = found["sites"][found["sites"][:, _SITE_ARM] != now]
    return {**found, "baseline": own, "baseline_failures": failed, "sites": sites}


def _add(utility: np.ndarray, rows: list[list[Any]], sign: float, but: int) -> None:
    for project, context, arm, *parts in rows:
        if arm != but:
            utility[:, project, context, arm] += sign * np.array(parts)


def _failures(found: Mapping[str, np.ndarray], arm: int) -> np.ndarray:
    """(3, projects, contexts) of an arm: each of its failures counts as what all of them are worth on average."""
    lost = (found["outcomes"] - found["successes"])[..., arm]
    number, total = found["failures"][:, arm]
    mean = total / number if number else 0.0
    return np.stack([lost, lost * mean, lost * mean**2])
