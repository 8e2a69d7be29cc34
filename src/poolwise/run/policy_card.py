"""The policy of a card for what a store is like when an engine is opened on it."""

import numpy as np

from poolwise import policy as policies
from poolwise.engine import Settings
from poolwise.engine.safeguards import damaged_records
from poolwise.meta import meta_features
from poolwise.meta import policy_card as cards
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy import Policy
from poolwise.posterior.hyperparameters import gaussian
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, GaussianHyperparameters
from poolwise.space import ArmSpace
from poolwise.store import Store


def serving(store: Store) -> GaussianHyperparameters | None:
    """Hyperparameters of the snapshot that serves."""
    served = damaged_records.serving(store)
    return gaussian.from_dict(served[-1].hyper["gaussian"]) if served else None


def policy_for(card: str | None, policy: Policy, store: Store, space: ArmSpace, settings: Settings) -> Policy:
    """The policy that an engine on this store is to be opened with: of the card, if one is named, for what the store
    is like now. What the card does not know is recorded, and the policy that it started from serves."""
    if card is None:
        return policy
    found, strange = cards.policy(cards.read(card), known(store, space, settings))
    record = {"card": card, "params": dict(found.params), "outside": strange}
    if store.records("learned")[-1:] != [record]:
        store.append_record("learned", record)
    return found


def known(store: Store, space: ArmSpace, settings: Settings) -> MetaFeatures:
    """What the store is like as far as it has shown by now, NaN where it has not: contexts from its decisions, scales
    from its snapshot, how long it goes on where that is stated."""
    made, scales = store.decisions(), serving(store)
    frequency = np.bincount(made.context)
    frequency, projects = frequency[frequency > 0], max(len(store.names("project")), 1)
    every = settings.horizon or np.nan
    found = meta_features.of(
        scales or HYPERPRIOR.median, len(space.arms), frequency if len(frequency) else np.ones(1), np.ones(1),
        max(every / projects, 1.0), every,
    )  # fmt: skip
    unknown = [] if scales else ["noise", "deviation"]
    unknown += ["skew", *([] if len(made.context) else ["contexts", "concentration"])]
    return found._replace(**dict.fromkeys(unknown, np.nan))


def named(card: str) -> Policy:
    """Any policy of a card, before a store is known: what the rest of a configuration is checked against."""
    body = cards.read(card)["policy"]
    return policies.parse(body["spec"], body["params"])
