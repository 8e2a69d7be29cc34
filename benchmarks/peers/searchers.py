"""Searchers of a parameter space of which every configuration was measured: two of Optuna's samplers, random search.

A trial is one launch: the reward of a random repetition. Optuna proposes a point of the full grid; the nearest measured
configuration is run in its place and told with its own coordinates, so that no trial is lost to a hole in the table.
The Gaussian process would ask for the same hole for ever, so that it is told of both, the point and the configuration.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from poolwise.table import Table

Searcher = Callable[[Table, int, int, int], np.ndarray]
"""(table, unit, trials, seed) -> (trials,) arms, in order."""


class Grid(NamedTuple):
    """Parameters as coordinates."""

    names: tuple[str, ...]
    levels: tuple[tuple[object, ...], ...]
    """Values of every parameter; numbers in order."""
    places: np.ndarray
    """(arms, parameters) int: level of every arm."""
    numeric: np.ndarray
    """(parameters,) bool."""


def grid(table: Table) -> Grid:
    """The levels that occur, and where every arm stands; parameters with one level are left out."""
    names = [name for name in table.params[0] if len({arm[name] for arm in table.params}) > 1]
    levels = [sorted({arm[name] for arm in table.params}, key=lambda v: (isinstance(v, str), v)) for name in names]
    places = np.array([[levels[k].index(arm[name]) for k, name in enumerate(names)] for arm in table.params])
    numeric = np.array([all(isinstance(value, int | float) for value in values) for values in levels])
    return Grid(tuple(names), tuple(tuple(values) for values in levels), places, numeric)


def nearest(space: Grid, place: np.ndarray) -> int:
    """The measured arm nearest to a point: ranks scaled to [0, 1] for numbers, 0 or 1 for other values."""
    size = np.array([max(len(values) - 1, 1) for values in space.levels])
    apart = np.where(space.numeric, np.abs(space.places - place) / size, space.places != place)
    return int((apart**2).sum(axis=1).argmin())


def measured(table: Table, unit: int, arm: int, rng: np.random.Generator) -> float:
    """Reward of one launch."""
    launches = table.reward[unit, arm, None] if table.repeats is None else table.repeats[unit, arm]
    return float(launches[rng.integers(len(launches))])


def random_search(table: Table, unit: int, trials: int, seed: int) -> np.ndarray:
    """Configurations in random order, none twice."""
    return np.random.default_rng([seed, unit, 1]).permutation(len(table.arms))[:trials]


def tpe(table: Table, unit: int, trials: int, seed: int) -> np.ndarray:
    """Optuna's tree-structured Parzen estimator with its defaults; numbers enter by their rank."""
    from optuna.samplers import TPESampler

    return studied(table, unit, trials, seed, TPESampler(seed=seed), holes=False)


def gaussian_process(table: Table, unit: int, trials: int, seed: int) -> np.ndarray:
    """Optuna's sampler by a Gaussian process with its defaults, which needs torch; numbers enter by their rank."""
    from optuna.samplers import GPSampler

    return studied(table, unit, trials, seed, GPSampler(seed=seed), holes=True)


def studied(table: Table, unit: int, trials: int, seed: int, sampler: Any, *, holes: bool) -> np.ndarray:
    """(trials,) arms of a study. holes: a point asked for is told, too, as if what ran in its place stood there."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, rng = grid(table), np.random.default_rng([seed, unit, 2])
    kinds = {
        name: optuna.distributions.IntDistribution(0, len(values) - 1)
        if number
        else optuna.distributions.CategoricalDistribution(range(len(values)))
        for name, values, number in zip(space.names, space.levels, space.numeric, strict=True)
    }
    study = optuna.create_study(direction="maximize", sampler=sampler)
    chosen = np.empty(trials, int)
    for trial in range(trials):
        asked = study.ask(kinds)
        arm = chosen[trial] = nearest(space, np.array([asked.params[name] for name in space.names]))
        run = {name: int(level) for name, level in zip(space.names, space.places[arm], strict=True)}
        value, there = measured(table, unit, arm, rng), run == asked.params
        if there or holes:
            study.tell(asked, value)
        else:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        if not there:
            study.add_trial(optuna.trial.create_trial(params=run, distributions=kinds, value=value))
    return chosen


SEARCHERS: dict[str, Searcher] = {
    "Optuna TPE": tpe,
    "Optuna GP": gaussian_process,
    "random search": random_search,
}
