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
    """What the store is like: frequencies from its decisions, scales from its snapshot."""
    made = store.decisions()
    contexts, projects = max(len(store.names("context")), 1), max(len(store.names("project")), 1)
    frequency = np.bincount(made.context, minlength=contexts) + 1.0
    every = settings.horizon or max(2.0 * len(made.context), 100.0)
    scales = serving(store) or HYPERPRIOR.median
    return meta_features.of(scales, len(space.arms), frequency, np.ones(contexts), max(every / projects, 1.0), every)


def named(card: str) -> Policy:
    """Any policy of a card, before a store is known: what the rest of a configuration is checked against."""
    body = cards.read(card)["policy"]
    return policies.parse(body["spec"], body["params"])
