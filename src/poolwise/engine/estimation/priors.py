"""Prior packs of an engine: what its projects share goes out, what other stores know comes in (`Engine.priors`)."""

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from poolwise.engine.estimation.prior_packs import RECORD, check, feature_columns, record
from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.settings import Settings
from poolwise.engine.state.job_adjustment import costs_alone
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.engine.upkeep import Upkeep
from poolwise.errors import InputError
from poolwise.inputs import real, whole
from poolwise.meta import privacy
from poolwise.meta.hyperposterior import PooledEstimates, pooled, scale_table
from poolwise.meta.pack_slopes import PackSlopes
from poolwise.meta.packs import Pack, checked_card, usable
from poolwise.names import checked
from poolwise.posterior.features import borrowed
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.likelihoods import project_weights
from poolwise.posterior.posterior import Posterior
from poolwise.schema import STATUSES
from poolwise.store.base import Store

_MOST = 10**9
SPENT = "export"
"""Records of private packs: what they have spent of the store's privacy."""


class Priors:
    """Export and import; safe to call from several threads."""

    def __init__(self, held: Callable[[], threading.RLock], upkeep: Upkeep) -> None:
        self._held, self._upkeep = held, upkeep

    def exported(
        self, name: str, *, minimum: int = 3, clip: float | None = None, card: dict[str, Any] | None = None
    ) -> Pack:
        """What all projects here share, as a pack for other stores (`meta.packs`).

        minimum: no number rests on fewer projects. clip: no project's mean counts as further from 0. card: of an
        exploration policy that was learned here, passed on as it is. Raises InputError where projects are too few.
        """
        name, minimum = checked("pack", name), whole("minimum", minimum, 1, _MOST)
        if clip is not None and not real("clip", clip) > 0:
            raise InputError(f"clip {clip} must be a positive utility, for instance 1, or left out for none")
        card = None if card is None else checked_card(card)
        with self._held():
            now = self._upkeep.current()
            return plain(now.belief, now.name_index, name, minimum, clip)._replace(card=card)

    def exported_privately(
        self, name: str, *, minimum: int = 3, mu: float = privacy.MU, bound: float = 1.0, seed: int | None = None
    ) -> Pack:
        """The same with noise that protects every single project: see `meta.privacy`, also for mu and bound. What it
        spends is logged first. seed: for tests; whoever knows it can take the noise off."""
        name, minimum = checked("pack", name), whole("minimum", minimum, 1, _MOST)
        mu, bound = real("mu", mu), real("bound", bound)
        seed = None if seed is None else whole("seed", seed, 0, 2**63 - 1)
        with self._held():
            now, rng = self._upkeep.current(), None if seed is None else np.random.default_rng(seed)
            return private(now.store, now.name_index, now.settings, name, minimum, mu, bound, rng)

    def adopt(self, packs: Sequence[Pack]) -> list[dict[str, Any]]:
        """Start from packs of other stores: what is used of each, what cannot be, and its weight. Logged, so that
        whoever opens this store starts from them too. Raises InputError where a pack has nothing in common with it."""
        packs = usable(packs)
        with self._held():
            return self._upkeep.change(lambda now: _adopted(now.belief, self._upkeep.store, packs))


def _adopted(belief: ServingPosterior, store: Store, packs: Sequence[Pack]) -> list[dict[str, Any]]:
    names = belief.borrowed.names()
    columns = feature_columns(belief.name_index)
    used = [check(pack, names, columns) for pack in packs]
    for pack in packs:
        store.append_record(RECORD, record(pack))
    belief.borrowed.follow()
    belief.reestimate("prior packs imported")
    mine = belief.borrowed.weights[-1 - len(packs) : -1].tolist()
    return [{**one, "weight": weight} for one, weight in zip(used, mine, strict=True)]


def plain(belief: ServingPosterior, name_index: NameIndex, name: str, minimum: int, clip: float | None) -> Pack:
    """A pack without noise. Raises InputError where too few projects have outcomes."""
    posterior = belief.posterior
    outcomes, successes = posterior.counts()
    active = int((outcomes.sum((1, 2)) > 0).sum())
    _enough(active, minimum)
    hyperparameters = posterior.hyperparameters
    stats = project_weights.apply_weights(posterior.statistics(), hyperparameters.weight)
    found = pooled(stats, hyperparameters, outcomes, successes, minimum, clip)
    contexts = name_index.names("context")
    keep = np.flatnonzero(((outcomes.sum(2) > 0).sum(0) >= minimum)[: len(contexts)])
    seen = tuple(part[:, : len(contexts)] for part in stats)
    return _pack(name, name_index, found, keep, minimum)._replace(
        slopes=_slopes(posterior, name_index, minimum),
        scales=scale_table(hyperparameters.gaussian, type(stats)(*seen)),
        concentrations=(float(hyperparameters.success.kappa_context), float(hyperparameters.success.kappa_cell)),
        size=(active, int(outcomes.sum())),
    )


def _slopes(posterior: Posterior, name_index: NameIndex, minimum: int) -> PackSlopes | None:
    """Those that serve, of arms that so many projects have tried; None where none do."""
    hyperparameters, stats, *_, rows = posterior.estimation_arguments()
    served = hyperparameters.features
    if served is None or rows is None:
        return None
    own = served.map, served.scales, served.jobs, hyperparameters.weight
    found = borrowed.exported(hyperparameters.gaussian, *own, stats, rows)
    known = (stats.count.sum(1) > 0).sum(0) >= minimum
    precision, information = found.precision * known[:, None, None], found.information * known[:, None]
    return PackSlopes(feature_columns(name_index), found._replace(precision=precision, information=information))


def private(
    store: Store,
    name_index: NameIndex,
    settings: Settings,
    name: str,
    minimum: int,
    mu: float,
    bound: float,
    rng: np.random.Generator | None,
) -> Pack:
    """A pack that keeps `meta.privacy`'s promise; what it spends is logged before it is returned."""
    if not (privacy.SMALLEST <= mu < privacy.LARGEST and 1e-6 <= bound <= 1e6):
        raise InputError(
            f"a private pack needs mu from 1e-6 to 10 and a bound from 1e-6 to 1e6, got mu {mu} and bound {bound}"
        )
    contributions = given(store, name_index, settings, bound)
    _enough(int(contributions.counts.any(axis=1).sum()), minimum)
    sums = privacy.add_noise(contributions, mu, rng)
    found, number = privacy.shared(sums, contributions, minimum)
    before = spent(store)
    store.append_record(SPENT, {"name": name, "mu": mu})
    keep = np.flatnonzero(found.precision.any(axis=1))
    pack = _pack(name, name_index, found, keep, minimum)
    return pack._replace(whole=True, size=(int(number), 0), promise=privacy.guarantee(mu, before, sums, bound))


def spent(store: Store) -> float:
    """mu of all private packs of a store so far; one whose record is damaged has spent the most that one may."""
    return math.hypot(*map(_spent, store.records(SPENT)))


def _spent(body: dict[str, Any]) -> float:
    try:
        return privacy.checked_mu(body.get("mu"))
    except ValueError:
        return privacy.LARGEST


def given(store: Store, name_index: NameIndex, settings: Settings, bound: float) -> privacy.Contributions:
    """What the projects of a store give to a private pack, before any noise."""
    rows = name_index.indexed(store.outcomes())
    # Costs alone mean something only beside the costs of other projects: no project's own belief may rest on those.
    rows = type(rows)(*(column[~costs_alone(rows)] for column in rows))
    utility = np.clip(rows.utility, -settings.utility_limit, settings.utility_limit)
    columns = (rows.project, rows.context, rows.arm, utility, rows.status == STATUSES.index("ok"))
    shape = (name_index.size("project"), name_index.size("context"), len(name_index.known))
    public = init_hyperparameters(name_index.known_family, settings.success_prior(name_index.known_names))
    return privacy.contributions(columns, shape, public, settings.failure_utility, bound)


def _pack(name: str, name_index: NameIndex, found: PooledEstimates, keep: np.ndarray, minimum: int) -> Pack:
    contexts = name_index.names("context")
    arms = name_index.known
    tables = {field: table[keep] for field, table in found._asdict().items()}
    return Pack(
        name=name,
        contexts=tuple(contexts[c] for c in keep),
        arms=tuple(arms),
        families=tuple(name_index.known_names),
        baseline=name_index.ids[name_index.baseline],
        whole=False,
        scales={},
        concentrations=(),
        size=(0, 0),
        minimum=minimum,
        promise=None,
        card=None,
        **tables,
    )


def _enough(projects: int, minimum: int) -> None:
    if projects < minimum:
        number = f"{projects} projects with outcomes are" if projects != 1 else "1 project with outcomes is"
        raise InputError(
            f"{number} too few for a pack that rests on at "
            f"least {minimum}: wait for more, or lower the minimum where nobody needs protection"
        )
