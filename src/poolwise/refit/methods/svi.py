"""Full Bayes by stochastic variational inference: faster than NUTS where cells are many, and less exact.

A normal distribution over the unconstrained scales maximises the evidence lower bound, all effects integrated out
(`collapsed`). In models of the user's own it is over all parameters, with a factor of low rank for what goes together
(Kucukelbir and others 2017; Ong, Nott and Smith 2018). The same parametrisations as `nuts`.
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
import numpyro.distributions as dist
from jax import lax
from numpyro.handlers import block, reparam
from numpyro.infer import SVI, Trace_ELBO, init_to_value
from numpyro.infer.autoguide import AutoLowRankMultivariateNormal, AutoMultivariateNormal

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.errors import RefitError
from poolwise.posterior.blas_threads import single_blas
from poolwise.refit import checkpoint
from poolwise.refit.draws import from_samples
from poolwise.refit.methods import closed_form, collapsed, nuts
from poolwise.refit.methods.device import on
from poolwise.refit.methods.submodels import Submodel, parts
from poolwise.refit.options import Options
from poolwise.refit.result import RefitResult, Values

RANK, PARTICLES = 10, 8
"""Of the covariance's factor; draws per estimate of the bound."""
LOOKS = 40
"""Parts that the optimisation is done in, to show its progress."""
TAIL = 0.1
"""Share of the steps whose mean bound is compared with those before: what it still gains."""
STEPS, RATE = 4_000, 0.02
ROUND_STEPS, ROUND_RATE = 600, 0.01
"""Where the effects are integrated out: the search begins near its end."""


def run(problem: RefitData, options: Options) -> RefitResult:
    """The guide of the utility, and draws from it, as if from one chain; success by quadrature."""
    began = time.perf_counter()
    with on(options.device), single_blas():
        parts(problem, options, problem.hyperparameters)  # What is wrong is said before anything is written down.
        problem, folder = checkpoint.resumed(problem, options, "svi")
        by_part: dict[str, tuple[Values, Values]] = {}
        gain = 0.0
        if problem.stats.count.any():
            drawn = checkpoint.save(folder, "utility", partial(_utility, problem, options))
            gain = float(drawn.pop("still_gains"))
            by_part["utility"] = drawn, {}
        by_part["success"] = nuts.of_success(problem, options, 1), {}
        notes: dict[str, Any] = {"sampling_seconds": time.perf_counter() - began, "still_gains": gain}
        notes["converged"] = gain < 1.0
        found = from_samples.refit_result(problem, options, by_part, notes)
    checkpoint.clear(folder)
    return found


def _utility(problem: RefitData, options: Options) -> Values:
    """Draws (1, draws, ...) of the utility's sites, and `still_gains`: the bound's gain at the end, in nats."""
    fastest, key = closed_form.estimate(problem), jax.random.PRNGKey(options.seed)
    if collapsed.applies(problem, options):
        return _of_scales(problem, options, fastest, key)
    part = parts(problem, options, fastest)[0]
    start = init_to_value(values=nuts.jittered(nuts.usual(fastest), key))
    model = reparam(part.model, config=part.centring)
    guide = AutoLowRankMultivariateNormal(model, rank=RANK, init_loc_fn=start, init_scale=0.1)
    drawn, gain = guided(model, guide, {"data": part.data}, options.steps or STEPS, RATE, options, key)
    return {**_sites(model, part, drawn, jax.random.fold_in(key, 2)), "still_gains": np.array(gain)}


def _of_scales(problem: RefitData, options: Options, fastest: Any, key: Any) -> Values:
    """With the effects integrated out, from Laplace's approximation on; effects drawn exactly afterwards."""
    about = collapsed.collapsed(problem)
    density = collapsed.whitened(about, nuts.usual(fastest))

    def model(given: collapsed.DensityArguments) -> None:
        u = numpyro.sample("u", dist.ImproperUniform(dist.constraints.real_vector, (), (density.size,)))
        with block():  # The density is a model too, whose sites are no sites of this one.
            minus_log = density.potential(u, given)
        numpyro.factor("log_density", -minus_log)

    guide = AutoMultivariateNormal(
        model, init_loc_fn=init_to_value(values={"u": np.zeros(density.size)}), init_scale=1.0
    )
    drawn, gain = guided(model, guide, {"given": density.given}, options.steps or ROUND_STEPS, ROUND_RATE, options, key)
    scales = jax.tree.map(
        np.asarray,
        jax.jit(lambda u, given: lax.map(lambda one: density.constrained(one, given), u))(drawn["u"], density.given),
    )
    whole = collapsed.with_effects(about, scales, np.random.default_rng([options.seed, 2]))
    return {name: value[None] for name, value in whole.items()} | {"still_gains": np.array(gain)}


def guided(
    model: Any, guide: Any, data: dict[str, Any], steps: int, rate: float, options: Options, key: Any
) -> tuple[dict[str, Any], float]:
    """Draws of the guide that maximises the bound, and what the bound still gained at the end, in nats."""
    each = -(-steps // LOOKS)
    svi = SVI(
        model,
        guide,
        numpyro.optim.ClippedAdam(_rate(rate, each * LOOKS), clip_norm=10.0),
        Trace_ELBO(num_particles=PARTICLES),
    )
    state = jax.jit(lambda key, data: svi.init(key, **data))(key, data)
    update = lambda data, state, _: svi.stable_update(state, **data)
    advance = jax.jit(lambda state, data: lax.scan(partial(update, data), state, None, length=each))
    losses = []
    for look in range(LOOKS):
        state, lost = jax.block_until_ready(advance(state, data))
        losses.append(np.asarray(lost))
        options.progress("utility", look + 1, LOOKS)
    bound = np.concatenate(losses)
    if not np.isfinite(bound[-each:]).any():
        raise RefitError("the evidence lower bound was not finite: use method 'nuts', or fewer, more regular data")
    tail = max(int(len(bound) * TAIL), 2)
    gain = float(np.nanmean(bound[-2 * tail : -tail]) - np.nanmean(bound[-tail:]))
    drawn = guide.sample_posterior(jax.random.fold_in(key, 1), svi.get_params(state), sample_shape=(options.draws,))
    return drawn, gain


def _rate(rate: float, steps: int) -> Callable[[Any], Any]:
    """Learning rate at a step: constant for half of them, then linearly down to a hundredth."""
    return lambda step: rate * jnp.minimum(1.0, 2.0 * (1 - step / steps) + 0.01)


def _sites(model: Any, part: Submodel, drawn: dict[str, Any], key: Any) -> Values:
    """All sites of the model that follow from what the guide drew."""
    sites = numpyro.infer.Predictive(model, drawn, infer_discrete=False)(key, data=part.data)
    kept = {name: np.asarray(value)[None] for name, value in {**drawn, **sites}.items()}
    observed = ("mean", "within", "successes")
    return {name: value for name, value in kept.items() if not name.endswith("_decentered") and name not in observed}
