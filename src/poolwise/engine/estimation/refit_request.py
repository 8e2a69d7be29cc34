"""What a refit is asked, and who answers: methods are found by name, so that serving never loads what they need.

problem (statistics and names) -> proposer -> snapshot, serving or rejected -> Engine.propose
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.settings import Settings
from poolwise.errors import RefitError
from poolwise.extras import explained
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import Hyperprior
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.types import Marginals
from poolwise.schema import Snapshot

NOBODY = "(none)"
"""Stands for projects, or contexts, where there are none yet."""
PLACES = 64
"""Places at which the belief that served is compared with its own statistics."""
PROPOSER = "poolwise.refit.propose"
"""Module whose `propose` answers. By name: refits stand on the engine, and NumPyro stands behind some of them."""


class RefitData(NamedTuple):
    """All that was seen, as statistics with the names of their axes: what a refit starts from."""

    projects: tuple[str, ...]
    contexts: tuple[str, ...]
    arms: tuple[str, ...]
    families: tuple[str, ...]
    """(arms,): the family of every arm."""
    stats: SufficientStatistics
    """Of the utilities of successes [project, context, arm], none of the baseline."""
    tried: np.ndarray
    """Outcomes of any kind [project, context, arm]."""
    succeeded: np.ndarray
    hyperparameters: Hyperparameters
    """What serves now: families and domain priors are part of it."""
    prior: Hyperprior
    """Hyperprior of the scales."""
    padded_shape: tuple[int, int]
    """Numbers of projects and contexts that the serving belief has room for; its form depends on them."""
    outcomes: int
    baseline: str
    limit: float
    """Utilities were clipped to +- this."""
    labels: Mapping[str, Any] = {}
    """What is kept with the hyperparameters that are found, see `engine.indexing.arms`."""
    settings: Settings = Settings()
    """What else says how outcomes are learned."""
    online: Marginals | None = None
    """What the belief that serves had come to, outcome by outcome, [place, arm] of every few `places`."""
    places: tuple[np.ndarray, np.ndarray] = (np.zeros(0, int), np.zeros(0, int))
    """(project, context) of each."""
    rows: FeatureRows | None = None
    """The outcomes with the features of their jobs, where these have some."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.tried.shape


class RefitMethod(Protocol):
    """A way of estimating everything again."""

    def __call__(self, problem: RefitData, *, method: str, **options: Any) -> Snapshot:
        """The proposed snapshot with its diagnostics; `status` says whether it may serve, `reason` why (not).

        Raises RefitError where nothing could be proposed, InputError for options that mean nothing.
        """
        ...


def proposer() -> RefitMethod:
    """Raises MissingLibrary where the libraries of refits are not installed."""
    try:
        return importlib.import_module(PROPOSER).propose
    except ModuleNotFoundError as error:
        raise explained(error) from error


def usable(read: Callable[[], Hyperparameters], arms: int) -> Hyperparameters:
    """The scales that are read from a proposed snapshot, of so many arms. Raises RefitError for numbers that are none,
    before anything changes."""
    try:
        hyperparameters = read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RefitError(f"the proposed snapshot cannot be read ({error!r}): the old one keeps serving") from error
    found = hyperparameters.gaussian.scales
    parts = [np.atleast_1d(part) for part in (*found.arm, *found.family, *found.globe, found.noise, found.spread)]
    flat = np.concatenate([*parts, [hyperparameters.success.kappa_context, hyperparameters.success.kappa_cell]])
    if len(found.noise) != arms or not (np.isfinite(flat).all() and (flat >= 0).all() and (found.noise > 0).all()):
        raise RefitError("the proposed snapshot has scales that are not positive numbers: the old one keeps serving")
    return hyperparameters


def problem_of(name_index: NameIndex, posterior: Posterior, settings: Settings, labels: Mapping[str, Any]) -> RefitData:
    """The problem of a live belief. Room for projects and contexts to come is cut off, down to one of each."""
    projects, contexts = (tuple(name_index.names(kind)) or (NOBODY,) for kind in ("project", "context"))
    stats, tally = posterior.statistics(), posterior.counts()
    cut = np.s_[: len(projects), : len(contexts)]
    return RefitData(
        projects=projects,
        contexts=contexts,
        arms=tuple(name_index.known),
        families=tuple(name_index.known_names),
        stats=SufficientStatistics(*(part[cut] for part in stats)),
        tried=tally[0][cut],
        succeeded=tally[1][cut],
        hyperparameters=posterior.hyperparameters,
        prior=posterior.hyperprior,
        padded_shape=stats.count.shape[:2],
        outcomes=posterior.outcomes,
        baseline=name_index.ids[name_index.baseline],
        limit=settings.utility_limit,
        labels=labels,
        settings=settings,
        rows=posterior.estimation_arguments()[-1],
        **_online(posterior, len(projects), len(contexts)),
    )


def _online(posterior: Posterior, projects: int, contexts: int) -> dict[str, Any]:
    """An even selection of places, and what is believed there."""
    chosen = np.unique(np.linspace(0, projects * contexts - 1, min(projects * contexts, PLACES)).round().astype(int))
    places = np.divmod(chosen, contexts)
    looks = [posterior.predict_given_success(int(p), int(c)) for p, c in zip(*places, strict=True)]
    return {"online": Marginals(*(np.array(part) for part in zip(*looks, strict=True))), "places": places}
