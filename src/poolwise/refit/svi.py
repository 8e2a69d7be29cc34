"""Full Bayes by stochastic variational inference: faster than NUTS where cells are many, and less exact.

A normal distribution over all unconstrained parameters, with a factor of low rank for what goes together, maximises
the evidence lower bound (Kucukelbir and others 2017; Ong, Nott and Smith 2018). The same parametrisation as `nuts`.
Tails of scales and the width of effects tend to come out narrow: the gate compares what would serve with these draws.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jax import lax
from numpyro.handlers import reparam
from numpyro.infer import SVI, Trace_ELBO, init_to_value
from numpyro.infer.autoguide import AutoLowRankMultivariateNormal

from poolwise.engine.refitting import Problem
from poolwise.errors import RefitError
from poolwise.refit import fast, sampled, unfinished
from poolwise.refit.device import on
from poolwise.refit.found import Found, Values
from poolwise.refit.nuts import near
from poolwise.refit.options import Options
from poolwise.refit.parts import Part, parts

RANK, PARTICLES = 10, 8
"""Of the covariance's factor; draws per estimate of the bound."""
LOOKS = 40
"""Parts that the optimisation is done in, to show its progress."""
TAIL = 0.1
"""Share of the steps whose mean bound is compared with those before: what it still gains."""
RATE = 0.02


def find(problem: Problem, options: Options) -> Found:
    """The guide of every part, and draws from it, as if from one chain."""
    began = time.perf_counter()
    with on(options.device):
        parts(problem, options, problem.scales)  # What is wrong is said before anything is written down.
        problem, folder = unfinished.resumed(problem, options, "svi")
        fastest = fast.estimate(problem)
        made = parts(problem, options, fastest)
        by_part: dict[str, tuple[Values, Values]] = {}
        gains: dict[str, float] = {}
        for number, part in enumerate(made):
            key = jax.random.fold_in(jax.random.PRNGKey(options.seed), number)
            start = near(part, fastest, key)
            drawn = unfinished.kept(folder, part.name, partial(guided, part, options, key, start))
            gains[part.name] = float(drawn.pop("still_gains"))
            by_part[part.name] = (drawn, {})
        notes = {"sampling_seconds": time.perf_counter() - began, "steps": options.steps, "still_gains": gains}
        notes["converged"] = bool(max(gains.values()) < 1.0)
        found = sampled.found(problem, options, by_part, notes)
    unfinished.done(folder)
    return found


def guided(part: Part, options: Options, key: Any, start: dict[str, Any]) -> Values:
    """Draws (1, draws, ...) of a part's sites, and `still_gains`: the bound's gain at the end, in nats."""
    model = reparam(part.model, config=part.centring)
    guide = AutoLowRankMultivariateNormal(model, rank=RANK, init_loc_fn=init_to_value(values=start), init_scale=0.1)
    each = -(-options.steps // LOOKS)
    svi = SVI(
        model,
        guide,
        numpyro.optim.ClippedAdam(_rate(each * LOOKS), clip_norm=10.0),
        Trace_ELBO(num_particles=PARTICLES),
    )
    state = svi.init(key, data=part.data)
    advance = jax.jit(lambda s: lax.scan(lambda one, _: svi.stable_update(one, data=part.data), s, None, length=each))
    losses = []
    for look in range(LOOKS):
        state, lost = jax.block_until_ready(advance(state))
        losses.append(np.asarray(lost))
        options.progress(part.name, look + 1, LOOKS)
    bound = np.concatenate(losses)
    if not np.isfinite(bound[-each:]).any():
        raise RefitError("the evidence lower bound was not finite: use method 'nuts', or fewer, more regular data")
    tail = max(int(len(bound) * TAIL), 2)
    gain = float(np.nanmean(bound[-2 * tail : -tail]) - np.nanmean(bound[-tail:]))
    drawn = guide.sample_posterior(jax.random.fold_in(key, 1), svi.get_params(state), sample_shape=(options.draws,))
    return {**_sites(model, part, drawn, jax.random.fold_in(key, 2)), "still_gains": np.array(gain)}


def _rate(steps: int) -> Callable[[Any], Any]:
    """Learning rate at a step: constant for half of them, then linearly down to a hundredth."""
    return lambda step: RATE * jnp.minimum(1.0, 2.0 * (1 - step / steps) + 0.01)


def _sites(model: Any, part: Part, drawn: dict[str, Any], key: Any) -> Values:
    """All sites of the model that follow from what the guide drew."""
    sites = numpyro.infer.Predictive(model, drawn, infer_discrete=False)(key, data=part.data)
    kept = {name: np.asarray(value)[None] for name, value in {**drawn, **sites}.items()}
    observed = ("mean", "within", "successes")
    return {name: value for name, value in kept.items() if not name.endswith("_decentered") and name not in observed}
