"""Exploration cards of a configuration, and what a project is like for them."""

from typing import Any

import numpy as np

from poolwise import policy as policies
from poolwise.config.tables import PolicyTable
from poolwise.engine import Settings
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import ConfigError
from poolwise.meta import meta_features
from poolwise.meta import policy_card as cards
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy import Policy
from poolwise.posterior.hyperparameters import gaussian
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, GaussianHyperparameters
from poolwise.space import ArmSpace
from poolwise.store import Store

Cards = dict[str, dict[str, Any]]
"""By file."""


def serving(store: Store) -> GaussianHyperparameters | None:
    """Hyperparameters of the snapshot that serves."""
    served = damaged_records.serving(store)
    return gaussian.from_dict(served[-1].hyper["gaussian"]) if served else None


def named(table: PolicyTable) -> Cards:
    """The cards that a configuration names. Raises DataError for one that may not serve, ConfigError where they are of
    different policies."""
    paths = [table.learned] if isinstance(table.learned, str) else list(table.learned)
    found = {path: cards.read(path) for path in paths}
    first = next(iter(found), "")
    for path, card in found.items():
        if card["policy"] != found[first]["policy"]:
            raise ConfigError(
                f"{path} and {first} are cards of different policies: keep those of one in [policy] learned"
            )
    return found


def policy_of(table: PolicyTable) -> Policy:
    """What the cards that a configuration names started from. Raises as `named`."""
    body = next(iter(named(table).values()))["policy"]
    return policies.parse(body["spec"], body["params"])


def known(store: Store, space: ArmSpace, settings: Settings, project: str | None = None) -> MetaFeatures:
    """What a project, or the whole store, is like as far as it has shown by now, NaN where it has not: contexts from
    its decisions, scales from the store's snapshot, how long it goes on where that is stated."""
    made, scales, names = store.decisions(), serving(store), list(store.names("project"))
    code = names.index(project) if project in names else -1
    frequency = np.bincount(made.context[made.project == code] if project is not None else made.context)
    frequency, every = frequency[frequency > 0], settings.horizon or np.nan
    found = meta_features.of(
        scales or HYPERPRIOR.median, len(space.arms), frequency if len(frequency) else np.ones(1), np.ones(1),
        max(every / max(len(names), 1), 1.0), every,
    )  # fmt: skip
    unknown = [] if scales else ["noise", "deviation"]
    unknown += ["skew", *([] if len(frequency) else ["contexts", "concentration"])]
    return found._replace(**dict.fromkeys(unknown, np.nan))
