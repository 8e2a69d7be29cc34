"""A race of settings of a policy over histories: the same luck for all, and no time for those that clearly lose.

    log ratio = log(mean regret of a setting / mean regret of the default),  paired by seed

Every setting is played on every history with a few seeds. Then the seeds double, and on each history at most half of
its settings go on, none whose log ratio less its error is above another's with its error. Source: Maron and Moore,
Hoeffding races (1994); Jamieson and Talwalkar, successive halving (2016).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from poolwise.compute import HERE, Pool, completed
from poolwise.errors import ConfigError, DataError
from poolwise.meta.histories import History
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy.parsing import parse
from poolwise.policy.view import Params, Policy
from poolwise.progress import Progress, silent

FIRST = 3
"""Seeds of the first round."""
DOUBT = 4.0
"""Seeds that the usual variance of a seed counts for beside a history's own."""
MOVED = ("own", "shared", "temperature")
"""Constants that are learned: of the bonus for knowledge, here and shared, and of chance."""
FACTORS = (
    (0.0, 0.0, 1 / 3),
    (0.0, 0.0, 1.0),
    (1 / 3, 1 / 3, 1 / 3),
    (1 / 3, 1 / 3, 1.0),
    (1.0, 1.0, 1 / 3),
    (1.0, 0.0, 1.0),
)
"""Of a grid whose other points won nowhere."""


class Race(NamedTuple):
    """What came of it: H histories, S settings, of which the first is the default."""

    policy: Policy
    settings: tuple[Params, ...]
    """Constants that differ from the policy's."""
    names: tuple[str, ...]
    groups: tuple[str, ...]
    known: tuple[MetaFeatures, ...]
    log_ratio: np.ndarray
    """(H, S)."""
    error: np.ndarray
    """(H, S) standard error, 0 of the default."""
    seeds: np.ndarray
    """(H, S) that were played."""


class Lap(NamedTuple):
    """One setting on one history with some seeds; it can be sent."""

    play: Callable[[Policy, Sequence[int]], np.ndarray]
    spec: str
    params: Params
    seeds: tuple[int, ...]


def grid(policy: Policy, factors: Sequence[tuple[float, ...]] = FACTORS) -> tuple[Params, ...]:
    """Settings: the default, and its constants times these factors of MOVED. Raises ConfigError where the policy has
    none of them."""
    found: list[Params] = [{}]
    for row in factors:
        moved = {name: factor * policy.params.get(name, 0.0) for name, factor in zip(MOVED, row, strict=True)}
        changed = {name: value for name, value in moved.items() if value != policy.params.get(name, 0.0)}
        if changed and changed not in found:
            found.append(changed)
    if len(found) == 1:
        raise ConfigError(f"nothing to learn: {policy.spec} has none of {', '.join(MOVED)}")
    return tuple(found)


def race(
    histories: Sequence[History],
    policy: Policy,
    settings: Sequence[Mapping[str, float]],
    seeds: Sequence[int],
    seconds: float,
    pool: Pool = HERE,
    progress: Progress = silent,
) -> Race:
    """Until all seeds are played, one setting is left everywhere, or the time is up: histories that were not reached
    by then are left out. settings: the default, {}, is added where it is not the first. Raises DataError where fewer
    than two histories were reached."""
    until, given = time.monotonic() + seconds, ({}, *(dict(one) for one in settings if one))
    regrets: list[list[np.ndarray]] = [[np.zeros(0) for _ in given] for _ in histories]
    alive, first, last = [list(range(len(given))) for _ in histories], 0, min(FIRST, len(seeds))
    while first < last:
        tasks = [(h, k) for h, those in enumerate(alive) if len(those) > 1 for k in those]
        laps = [
            Lap(histories[h].play, policy.spec, {**policy.params, **given[k]}, tuple(seeds[first:last]))
            for h, k in tasks
        ]
        for number, found in completed(pool, played, laps, progress=progress, part=f"seeds {first} to {last - 1}"):
            h, k = tasks[number]
            regrets[h][k] = np.append(regrets[h][k], found)
            if time.monotonic() > until:
                return _result(histories, policy, given, regrets)
        standing = compared(regrets)
        alive = [_left(h, those, *standing) if len(those) > 1 else [] for h, those in enumerate(alive)]
        first, last = last, min(2 * last, len(seeds))
    return _result(histories, policy, given, regrets)


def played(lap: Lap) -> np.ndarray:
    """(seeds,) regret."""
    return lap.play(parse(lap.spec, dict(lap.params)), lap.seeds)


def compared(regrets: list[list[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """(histories, settings): log ratio to the first setting and its standard error, on the seeds that both have
    played. A seed's variance is estimated from few: DOUBT seeds of the setting's usual one are added."""
    count = np.array([[len(one) for one in row] for row in regrets], float)
    ratio, square = np.zeros(count.shape), np.zeros(count.shape)
    for h, row in enumerate(regrets):
        for k, ours in enumerate(row):
            theirs = row[0][: len(ours)]
            if k and len(theirs) > 1:
                ours = ours[: len(theirs)]
                ratio[h, k] = np.log(ours.mean() / theirs.mean())
                square[h, k] = (ours / ours.mean() - theirs / theirs.mean()).var(ddof=1)
    usual = square.mean(axis=0)
    variance = ((count - 1) * square + DOUBT * usual) / (count - 1 + DOUBT)
    return ratio, np.sqrt(variance / np.maximum(count, 1))


def _left(h: int, those: list[int], ratio: np.ndarray, error: np.ndarray) -> list[int]:
    """Settings of a history that go on; the default is played as long as any."""
    best = min(ratio[h, k] + error[h, k] for k in those)
    likely = [k for k in those if k and ratio[h, k] - error[h, k] <= best]
    likely = sorted(likely, key=lambda k: ratio[h, k] - error[h, k])[: max(len(those) // 2, 1)]
    return [0, *sorted(likely)] if likely else []


def _result(
    histories: Sequence[History], policy: Policy, given: Sequence[Params], regrets: list[list[np.ndarray]]
) -> Race:
    """Of the histories on which every setting was played."""
    seeds = np.array([[len(one) for one in row] for row in regrets])
    reached = np.flatnonzero((seeds > 1).all(axis=1)).tolist()
    if len(reached) < 2:
        raise DataError(
            f"{len(reached)} of {len(histories)} histories were raced in this time, and what holds for one may not for"
            " the next: give more histories, or more time"
        )
    ratio, error = compared([regrets[h] for h in reached])
    those = [histories[h] for h in reached]
    names, groups, known, _ = zip(*those, strict=True)
    return Race(policy, tuple(given), names, groups, known, ratio, error, seeds[reached])
