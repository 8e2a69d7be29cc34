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
SURE = 2.0
"""Standard errors."""
UNKNOWN = 1e3
"""Error of a setting on a history that it was not played on."""
MOVED = ("own", "shared", "temperature")
"""Constants that are learned: of the bonus for knowledge, here and shared, and of chance."""
FACTORS = (
    (0.0, 0.0, 1 / 3),
    (0.0, 0.0, 1.0),
    (1 / 3, 1 / 3, 1 / 3),
    (1 / 3, 1 / 3, 1.0),
    (1.0, 1.0, 1 / 3),
    (1.0, 0.0, 1.0),
    (1.0, 0.0, 3.0),
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
    luck: np.ndarray
    """(S,) standard error of the mean over histories that comes of what projects lived through together share."""


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
    regrets: list[list[np.ndarray]] = [[np.zeros((0, max(len(one.projects), 1))) for _ in given] for one in histories]
    alive, first, last = [list(range(len(given))) for _ in histories], 0, min(FIRST, len(seeds))
    step = 1 if any(one.projects for one in histories) else FIRST
    while first < last:
        tasks = [(h, k) for h, those in enumerate(alive) if len(those) > 1 for k in those]
        for start in range(first, last, step):
            those = tuple(seeds[start : min(start + step, last)])
            laps = [Lap(histories[h].play, policy.spec, {**policy.params, **given[k]}, those) for h, k in tasks]
            for number, found in completed(pool, played, laps, progress=progress, part=f"seeds {start} and on"):
                h, k = tasks[number]
                regrets[h][k] = np.concatenate([regrets[h][k], found.reshape(len(found), -1)])
                if time.monotonic() > until:
                    return _result(histories, policy, given, regrets)
        standing = compared([[one.mean(axis=1) for one in row] for row in regrets])
        alive = [_left(h, those, *standing) if len(those) > 1 else [] for h, those in enumerate(alive)]
        first, last = last, min(2 * last, len(seeds))
    return _result(histories, policy, given, regrets)


def played(lap: Lap) -> np.ndarray:
    """(seeds,) or (seeds, projects) regret."""
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
    """Of the histories on which every setting was played. Raises DataError for fewer than two."""
    reached = [h for h, row in enumerate(regrets) if all(len(one) > 1 for one in row)]
    parts = [(h, part) for h in reached for part in range(regrets[h][0].shape[1])]
    if len(parts) < 2:
        raise DataError(
            f"{len(parts)} of {len(histories)} histories were raced in this time, and what holds for one may not for"
            " the next: give more histories, or more time"
        )
    ratio, error = compared([[one[:, part] for one in regrets[h]] for h, part in parts])
    seeds = np.array([[len(one) for one in regrets[h]] for h, _ in parts])
    named = [(histories[h], (*histories[h].projects, "")[part]) for h, part in parts]
    names, groups = (tuple(project or getattr(one, key) for one, project in named) for key in ("name", "group"))
    known = tuple(histories[h].known for h, _ in parts)
    shared = [h for h in reached if histories[h].projects]
    return Race(policy, tuple(given), names, groups, known, ratio, error, seeds, _luck(regrets, shared, len(parts)))


def _luck(regrets: list[list[np.ndarray]], shared: list[int], count: int) -> np.ndarray:
    """(settings,): one that locks in early loses in every project that comes later. A seed's variance is that of all
    settings. shared: histories whose projects are lived through together; count: projects and other histories."""
    if not shared:
        return np.zeros(len(regrets[0]))
    seeds = np.array([[len(one) for one in regrets[h]] for h in shared])
    _, error = compared([[one.mean(axis=1) for one in regrets[h]] for h in shared])
    variance = (seeds * error**2)[:, 1:].mean(axis=1, keepdims=True) / seeds
    share = np.array([[regrets[h][0].shape[1] / count] for h in shared])
    luck: np.ndarray = np.sqrt((share**2 * variance).sum(axis=0)) * (np.arange(seeds.shape[1]) > 0)
    return luck


def joined(earlier: Race, later: Race) -> Race:
    """Two races of which each had luck of its own, settings and histories by their names: means weighted by seeds."""
    settings = (*earlier.settings, *(one for one in later.settings if one not in earlier.settings))
    like = {
        name: (group, known)
        for race in (earlier, later)
        for name, group, known in zip(race.names, race.groups, race.known, strict=True)
    }
    names, shape = list(like), (len(like), len(settings))
    seeds, ratio, square, luck = np.zeros(shape, int), np.zeros(shape), np.zeros(shape), np.zeros(shape[1])
    for race in (earlier, later):
        columns = [settings.index(one) for one in race.settings]
        at = np.ix_([names.index(one) for one in race.names], columns)
        seeds[at] += race.seeds
        ratio[at] += race.seeds * race.log_ratio
        square[at] += (race.seeds * race.error) ** 2
        luck[columns] += (race.seeds.sum(axis=0) * race.luck) ** 2
    count = np.maximum(seeds, 1)
    error = np.where(seeds > 0, np.sqrt(square) / count, UNKNOWN)
    groups, known = zip(*like.values(), strict=True)
    luck = np.sqrt(luck) / count.sum(axis=0)
    return Race(earlier.policy, settings, tuple(names), groups, known, ratio / count, error, seeds, luck)


def promising(race: Race) -> list[Params]:
    """Settings that do not lose for certain, the default among them."""
    known = np.maximum((race.seeds > 0).sum(axis=0), 1)
    mean = race.log_ratio.sum(axis=0) / known
    spread = np.where(race.seeds > 0, race.log_ratio - mean, 0.0)
    error = np.hypot(np.sqrt((spread**2).sum(axis=0)) / known, race.luck)
    lost = mean - SURE * error > 0
    return [one for one, gone in zip(race.settings, lost, strict=True) if not gone]
