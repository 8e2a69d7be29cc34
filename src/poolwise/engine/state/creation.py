"""What a posterior of an engine is made of: arms by index, where they stand, and hyperparameters that fit them."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from poolwise.engine.estimation.refit_request import usable
from poolwise.engine.indexing.arm_features import features_of, surfaces
from poolwise.engine.indexing.arms import Axes, aligned
from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.settings import Settings
from poolwise.errors import ConfigError, RefitError
from poolwise.objective import Objective, checked
from poolwise.posterior.gp.coregionalisation import ArmFeatures
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, from_dict, init_hyperparameters
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.transfer.elicited_prior import ElicitedPrior, elicit
from poolwise.schema import Snapshot
from poolwise.store.base import Store

OBJECTIVE = "objective"
"""Of the record that says what a store's engines optimise; stores without one optimise the mean log ratio."""


def remembered(store: Store, given: Objective | None) -> Objective:
    """What a store's engines optimise: from its first decision on one and the same. Raises ConfigError for another."""
    kept = store.records(OBJECTIVE)
    known = checked(kept[0]["value"]) if kept else None
    if known is None and (store.made() or given != "total"):
        known = "ratio"
    if known is None and not store.read_only:
        store.append_record(OBJECTIVE, {"value": given})
    if known is not None and given not in (None, known):
        raise ConfigError(
            f"this store was created with objective = '{known}', and its safeguards and logged views are of that: open "
            f"it so, or begin another store with objective = '{given}' (`poolwise refit --from` takes events over)"
        )
    return known or given or "ratio"


class Frame(NamedTuple):
    """What stays while an engine serves these arms."""

    name_index: NameIndex
    settings: Settings
    axes: Axes
    ground: ArmFeatures | None
    """Where arms stand among each other by their parameters; None: none resembles another."""

    @property
    def home(self) -> int:
        """Index of the baseline among the known arms."""
        return int(self.name_index.columns[self.name_index.baseline])

    def suits(self, hyperparameters: Hyperparameters) -> bool:
        """Whether these are of the same arms in the same places: others may have taken some of them meanwhile."""
        fit = hyperparameters.gaussian
        return len(fit.family) == len(self.axes.codes) and fit.ground is self.ground


def frame_of(name_index: NameIndex, settings: Settings) -> Frame:
    """Of the arms that are known now."""
    smooth = surfaces(name_index.known_arms, name_index.space, settings.surface)
    axes = Axes(tuple(name_index.index.codes.tolist()), tuple(name_index.known_names), smooth)
    ground = features_of(name_index.known_arms, name_index.known_family, name_index.space, smooth)
    return Frame(name_index, settings, axes, ground)


def hyperparameters_of(frame: Frame, served: Iterable[Snapshot]) -> Hyperparameters:
    """Of the first snapshot that can be read, or as they are before any outcome."""
    start = starting_hyperparameters(frame.settings, frame.name_index, frame.ground)
    for snapshot in served:
        with suppress(RefitError):
            return restored(frame, snapshot, start)
    return start


def restored(frame: Frame, snapshot: Snapshot, start: Hyperparameters) -> Hyperparameters:
    """Of a snapshot, on the families and domain priors of `start`. Raises RefitError where it cannot serve."""
    return usable(lambda: from_dict(aligned(snapshot.hyper, frame.axes), start), len(frame.axes.codes))


def posterior_of(
    frame: Frame, hyperparameters: Hyperparameters, warm: int, tail: tuple[Any, Any, int] | None
) -> Posterior:
    """One that has seen nothing; warm: see `posterior.WARM`; tail: see `Posterior.serve`."""
    name_index, settings = frame.name_index, frame.settings
    posterior = Posterior(
        hyperparameters,
        settings.failure_utility,
        projects=name_index.size("project"),
        contexts=name_index.size("context"),
        options=settings.options,
        baseline=frame.home,
        backend=settings.backend,
        most_factors=settings.project_factors,
        features=len(name_index.features.columns),
    )
    posterior.warm = warm
    if tail is not None:
        posterior.serve(*tail)
    return posterior


def expected(settings: Settings, families: Sequence[str], index: np.ndarray) -> ElicitedPrior | None:
    """What is said of utilities, for the family of every arm: (arms,) names and indices."""
    stated = {family: (mean, sd) for family, mean, sd in settings.utility_priors}
    mean, sd = np.array([stated.get(family, (0.0, math.inf)) for family in families]).T
    return elicit(mean, sd, index)


def starting_hyperparameters(settings: Settings, names: NameIndex, ground: ArmFeatures | None) -> Hyperparameters:
    """Of all arms that are known. ground: where they stand among each other by their parameters."""
    usual = settings.usual_success if settings.domain_priors else None
    families, index, home = names.known_names, names.known_family, int(names.columns[names.baseline])
    success, elicited = settings.success_prior(families), expected(settings, families, index)
    return init_hyperparameters(index, success, usual=usual, elicited=elicited, ground=ground, baseline=home)
