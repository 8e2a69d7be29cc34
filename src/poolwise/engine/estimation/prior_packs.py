"""Prior packs of a store: imported as records of its log, weighed anew whenever the scales are estimated.

So whoever opens the store again folds the same beliefs, and an explanation can say which pack a belief was borrowed
from.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.safeguards import damaged_records
from poolwise.engine.settings import Settings
from poolwise.errors import InputError
from poolwise.meta.pack_slopes import Column, aligned, unknown
from poolwise.meta.packs import Pack, to_dict
from poolwise.meta.pool_priors import AlignedPack, Names, align, log_predictive, logarithmic_pool, stacking_weights
from poolwise.posterior.crossed.batch import cells
from poolwise.posterior.features.borrowed import BorrowedSlopes
from poolwise.posterior.hyperparameters.gaussian import noise_scale
from poolwise.posterior.posterior import Posterior
from poolwise.schema import Decision
from poolwise.store.base import Store

RECORD = "prior"
_KIND = {"integer": "real"}
"""Types that may turn into each other are one."""


class PriorPackPool:
    """The packs of one store, and their weights."""

    def __init__(self, store: Store, name_index: NameIndex, settings: Settings) -> None:
        self._store, self._name_index, self._settings = store, name_index, settings
        self.packs: list[Pack] = []
        """That can be used, see `damaged_records`."""
        self._read = 0
        self.weights = np.zeros(1)
        """Of every pack, and of none."""
        self._matched: list[AlignedPack] = []
        self.follow()

    def follow(self) -> bool:
        """Read what was imported since; True if anything was."""
        bodies = self._store.records(RECORD, after=self._read)
        self._read += len(bodies)
        new = [pack for body in bodies if (pack := damaged_records.pack_of(body)) is not None]
        self.packs += new
        for pack in new:
            self._name_index.codes("context", pack.contexts)
        if new:
            names = self.names()
            self._matched = [align(pack, names) for pack in self.packs]
            self.weights = stacking_weights(np.zeros((len(self.packs) + 1, 0)))
        return bool(new)

    def names(self) -> Names:
        name_index, settings = self._name_index, self._settings
        families = name_index.known_names
        return Names(
            name_index.names("context"),
            name_index.known,
            families,
            name_index.ids[name_index.baseline],
            settings.success_prior(families),
            settings.failure_utility,
        )

    def apply(self, posterior: Posterior, weights: Sequence[float] | None = None) -> None:
        """Let a belief start from the packs, with given weights, or those that its own outcomes speak for."""
        if not self.packs:
            return
        if weights is not None and len(weights) == len(self.packs) + 1:
            self.weights = np.asarray(weights)
        elif weights is None:
            data = cells(posterior.statistics())
            known = [self._grown(one, data.count.shape[1]) for one in self._matched]
            noise = noise_scale(posterior.hyperparameters.gaussian.scales, data.count.shape[1])
            self.weights = stacking_weights(log_predictive(known, data, noise))
        prior, success = logarithmic_pool(self._matched, self.weights)
        posterior.set_prior(prior, success, self._lent(posterior))

    def _lent(self, posterior: Posterior) -> BorrowedSlopes | None:
        """Slopes of the pack that the outcomes speak for most, of those that have some over the same baseline:
        directions differ."""
        columns, arms = feature_columns(self._name_index), self._name_index.known
        for k in np.argsort(-self.weights[:-1], kind="stable").tolist() if posterior.features else ():
            pack = self.packs[k]
            if pack.slopes is not None and self.weights[k] > 0 and pack.baseline == self.names().baseline:
                lent = aligned(pack.slopes, columns, pack.arms, arms, float(self.weights[k]))
                if lent is not None:
                    return lent
        return None

    def _grown(self, one: AlignedPack, contexts: int) -> AlignedPack:
        """With rows for contexts that came later."""
        pad = ((0, max(contexts - len(one.mean), 0)), (0, 0))
        mean, precision = (np.pad(table, pad)[:contexts] for table in (one.mean, one.precision))
        return one._replace(mean=mean, precision=precision)


def feature_columns(name_index: NameIndex) -> tuple[Column, ...]:
    """Of jobs, in the order of the store; of those that are no longer declared nothing but the name is known."""
    found: dict[str, Column] = {}
    for name, feature in name_index.features.declared.items():
        found |= {label: (label, _KIND.get(feature.type, feature.type), feature.log) for label in feature.labels(name)}
    return tuple(found.get(label, (label, "", False)) for label in name_index.features.columns)


def check(pack: Pack, names: Names, columns: Sequence[Column] = ()) -> dict[str, Any]:
    """What of a pack a store with these names and features can use. Raises InputError where that is nothing."""
    every = list(dict.fromkeys([*names.contexts, *pack.contexts]))
    found, arms = align(pack, names._replace(contexts=every)), zip(names.arms, names.families, strict=True)
    if not ((found.precision > 0).any() or found.amount.any() or pack.scales):
        raise InputError(
            f"the pack {pack.name!r} is for another arm space, nothing of it can be used: it knows "
            f"{', '.join(pack.arms[:4])} .. over {pack.baseline!r}, this store {', '.join(names.arms[:4])} .."
        )
    return {
        "pack": pack.name,
        "arms": [arm for arm in pack.arms if arm in names.arms],
        "by_family": [arm for arm, family in arms if arm not in pack.arms and family in pack.families],
        "numbers": int((found.precision > 0).sum()),
        "new_contexts": [context for context in pack.contexts if context not in names.contexts],
        "unused": {**found.unused, "features": unknown(pack.slopes, columns)},
    }


def record(pack: Pack) -> dict[str, Any]:
    """What the log keeps of an import."""
    return {"pack": to_dict(pack), "time": time.time()}


def attributions(store: Store, decision: Decision, snapshot: int) -> list[dict[str, Any]]:
    """What each pack that had been imported says of the chosen arm in its context: pack, weight, mean, sd."""
    served = [one for one in store.snapshots() if one.id == snapshot]
    weights = served[0].hyper.get("packs", []) if served else []
    if served and served[0].hyper.get("undone", 0) != store.undone():
        return []  # Weights are those of packs that are there no more, perhaps.
    packs = [pack for body in store.records(RECORD) if (pack := damaged_records.pack_of(body)) is not None]
    return [found for pack, weight in zip(packs, weights[:-1], strict=False) for found in _lent(pack, weight, decision)]


def _lent(pack: Pack, weight: float, decision: Decision) -> Iterator[dict[str, Any]]:
    if decision.context not in pack.contexts or decision.arm not in pack.arms:
        return
    at = pack.contexts.index(decision.context), pack.arms.index(decision.arm)
    if pack.precision[at] > 0:
        yield {
            "pack": pack.name,
            "weight": weight,
            "mean": float(pack.mean[at]),
            "sd": float(pack.precision[at] ** -0.5),
        }
