"""From draws of a model's parameters to everything that follows: cells, predictions, pointwise log likelihoods."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist
from jax import lax
from numpyro.handlers import seed, substitute, trace

from poolwise.refit.methods.submodels import Submodel

CHUNK = 50
"""Draws completed in one compiled call."""


Groups = dict[str, dict[str, np.ndarray]]


def completed(part: Submodel, drawn: Mapping[str, np.ndarray], key: Any) -> Iterator[Groups]:
    """Groups by name, each (up to `CHUNK` draws, ...), for draws (draws, ...) of a part's sites.

    `cells`: what the model says of every cell given the data; `predicted`: new data of the same design; `likelihood`:
    of every cell apart.
    """

    def one(draw: tuple[dict[str, Any], Any]) -> Any:
        sites, own = draw
        first, second = jax.random.split(own)
        given = _trace(part, sites, first, data=part.data, cells=True)
        cells = {name: site["value"] for name, site in given.items() if _unknown(site) and name not in sites}
        likelihood = {n: pointwise(site["fn"], site["value"]) for n, site in given.items() if site.get("is_observed")}
        simulated = _trace(part, sites, second, data=None, cells=False)
        predicted = {name: simulated[name]["value"] for name in likelihood}
        return {"cells": cells, "predicted": predicted, "likelihood": likelihood}

    run = jax.jit(lambda draws: lax.map(one, draws))
    count = len(next(iter(drawn.values())))
    whole = (dict(drawn), np.asarray(jax.random.split(key, count)))
    for at in range(0, count, CHUNK):
        # The last chunk is filled up with its first draw, so that nothing is compiled for its size.
        rows = np.minimum(np.arange(at, at + CHUNK), count - 1)
        found = run(jax.tree.map(lambda values, rows=rows: values[rows], whole))
        yield jax.tree.map(lambda values, left=count - at: np.asarray(values)[:left], found)


def simulated(part: Submodel, count: int, key: Any) -> dict[str, np.ndarray]:
    """All sites of so many draws from the prior, data included, each (count, ...)."""

    def one(own: Any) -> Any:
        sites = _trace(part, {}, own, data=None, cells=True)
        return {name: site["value"] for name, site in sites.items() if site["type"] in ("sample", "deterministic")}

    return jax.tree.map(np.asarray, jax.jit(lambda keys: lax.map(one, keys))(jax.random.split(key, count)))


def pointwise(distribution: Any, value: Any) -> Any:
    """Log density of every element, whatever was declared to belong together."""
    while isinstance(distribution, dist.Independent):
        distribution = distribution.base_dist
    return distribution.log_prob(value)


def _trace(part: Submodel, sites: dict[str, Any], key: Any, **arguments: Any) -> Any:
    return trace(substitute(seed(part.model, key), data=sites)).get_trace(**arguments)


def _unknown(site: Any) -> bool:
    return site["type"] in ("sample", "deterministic") and not site.get("is_observed")
