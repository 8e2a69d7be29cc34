"""Features that a store knows: declared when it is opened, checked against what was declared before, never renumbered.

The names of columns are kept in the order in which they were first declared; a record says what each feature is.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from poolwise.engine.safeguards import damaged_records
from poolwise.errors import ConfigError
from poolwise.names import shown
from poolwise.space.features import MOST_COLUMNS, Feature, contradiction, declared
from poolwise.space.jobs import JobFeatures
from poolwise.space.values import key
from poolwise.store.base import Store

RECORD, COLUMN = "features", "feature"
"""The kind of the records, and of the names."""


def declare(store: Store, given: Any) -> JobFeatures:
    """The features of whoever opens a store, which keeps them; None: those that it was last used with. Raises
    InputError for what declares none, ConfigError where the store's decisions rest on another declaration."""
    now = None if given is None else declared(given)
    before, last = _kept(store)
    if now is None:
        now = {name: feature for name, feature in before.items() if name in last}
    every = _joined(before, now)
    labels = [label for name, feature in every.items() for label in feature.labels(name)]
    columns = store.names(COLUMN)
    if len({*columns, *labels}) > MOST_COLUMNS:
        raise ConfigError(
            f"features would have more than {MOST_COLUMNS} columns, with those of earlier times: begin a new store"
        )
    if new := [label for label in labels if label not in set(columns)]:
        store.intern(COLUMN, new)
        columns = store.names(COLUMN)
    if every != before or list(now) != last:
        body = {name: feature.to_dict() for name, feature in every.items()}
        store.append_record(RECORD, {"features": body, "declared": list(now)})
    return JobFeatures(now, columns)


def known(store: Store) -> JobFeatures:
    """All features that a store has ever known."""
    columns = store.names(COLUMN)
    return JobFeatures(_kept(store)[0] if columns else {}, columns)


def encoded(store: Store, features: JobFeatures, decisions: np.ndarray) -> np.ndarray | None:
    """(n, columns) of the jobs of some decisions, as they are learned from; None where no features are known."""
    return features.encoded(store.features(decisions)) if features.columns else None


def _kept(store: Store) -> tuple[dict[str, Feature], list[str]]:
    """All features, and those that were last declared."""
    kept = damaged_records.usable(store, RECORD)
    return (declared(kept[-1]["features"]), list(kept[-1]["declared"])) if kept else ({}, [])


def _joined(before: Mapping[str, Feature], now: Mapping[str, Feature]) -> dict[str, Feature]:
    """What both declare, values of a choice in the order in which they came."""
    found = dict(before)
    for name, feature in now.items():
        earlier = before.get(name)
        if earlier is not None and (wrong := contradiction(earlier, feature)) is not None:
            raise ConfigError(
                f"feature {shown(name)} was declared with {wrong} in this store, and its decisions rest on that: "
                "declare it so, or under another name"
            )
        seen = {} if earlier is None else {key(value): value for value in earlier.values}
        joined = {**seen, **{key(value): value for value in feature.values}}
        found[name] = replace(feature, values=list(joined.values()))
    return found
