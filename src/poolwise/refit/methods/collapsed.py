"""The model of the utility with every effect integrated out: NUTS walks over the scales alone.

    scales ~ hyperprior,    p(outcomes | scales) in closed form (`crossed.marginal_likelihood`), as a factor

Sites and densities of the scales are those of `poolwise.models.gaussian`, the factor is its likelihood up to a
constant. A few dozen dimensions are left, whatever the number of cells. Effects are drawn afterwards, exactly, a vector
for every draw of the scales (Gelman and others 2013, section 13.6: collapsed, then drawn).

The sampler walks in coordinates that Laplace's approximation makes round: u = root^-1 (log scales - mode).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jax.flatten_util import ravel_pytree
from numpyro.handlers import seed, trace
from numpyro.infer.util import constrain_fn, potential_energy
from scipy.optimize import minimize

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.models import effects as scales_of_effects
from poolwise.posterior.crossed.batch import cells
from poolwise.posterior.crossed.marginal_likelihood import differentiable
from poolwise.posterior.crossed.solve import CellMoments, solve
from poolwise.posterior.hyperparameters.gaussian import EffectLayout, GaussianHyperparameters, TierScales
from poolwise.refit.draws import exact_sampling
from poolwise.refit.draws.serving_marginals import is_wide, shares_cells
from poolwise.refit.methods.submodels import prior_of
from poolwise.refit.options import Options
from poolwise.refit.result import Values

_STEP = 0.05
"""Of a logarithm, for the Hessian."""
_LEAST = 0.25
"""Information that is taken for granted in every direction: the widest hyperprior's is more."""


class Collapsed(NamedTuple):
    """The statistics and the form in which their effects are integrated out."""

    cells: CellMoments
    family: np.ndarray
    families: int
    form: EffectLayout
    prior: scales_of_effects.Hyperprior
    mean: float
    level: float
    """Scale of the globe's level, which one draw says nothing about."""


class DensityArguments(NamedTuple):
    """What a compiled density of the scales takes as an argument, so that it serves all statistics of one shape."""

    cells: CellMoments
    prior: scales_of_effects.Hyperprior
    mean: Any
    level: Any
    mode: Any
    root: Any
    """(size, size): round coordinates are root^-1 (log scales - mode)."""


class Whitened(NamedTuple):
    """The posterior of the scales over round coordinates u."""

    potential: Callable[[Any, DensityArguments], Any]
    """Minus its logarithm, of u."""
    given: DensityArguments
    constrained: Callable[[Any, DensityArguments], Any]
    """Sites of the model from u."""

    @property
    def size(self) -> int:
        return len(self.given.mode)


def applies(problem: RefitData, options: Options) -> bool:
    """Whether the utility has this form: not for a model of the user's own, nor for systems that are served wide."""
    return options.model is None and not is_wide(problem) and bool(problem.stats.count.any())


def warmup(problem: RefitData, options: Options) -> int:
    """Steps before the draws: where coordinates are round, only the step size is adapted."""
    return options.warmup or (100 if applies(problem, options) else 500)


def collapsed(problem: RefitData) -> Collapsed:
    """What the model needs of the problem."""
    fit, (projects, contexts, arms) = problem.hyperparameters.gaussian, problem.shape
    index = fit.family if fit.families else np.arange(arms)
    form = EffectLayout(contexts, projects, shares_cells(problem))
    median = problem.prior.median
    data = CellMoments(*map(jnp.asarray, cells(problem.stats)))
    return Collapsed(data, index, fit.families, form, prior_of(problem), float(median.mean), float(median.globe.level))


def model(about: Collapsed) -> None:
    """Sites: `tau_*`, `sigma_common`, `sigma`, `spread`."""
    prior, family = about.prior, about.family if about.families else None
    tiers = scales_of_effects.tier_scales(bool(about.families), prior, shared=about.form.cells)
    own = scales_of_effects.cell_scale(prior)
    noise = scales_of_effects.noise(len(about.family), family, prior)
    spread = scales_of_effects.spread(about.form.contexts, prior)
    scales = scales_of(about, tiers, own, noise, spread)
    evidence = differentiable(about.cells, about.family, about.families, about.form)
    numpyro.factor("log_marginal_likelihood", evidence(scales))


def scales_of(
    about: Collapsed, tiers: scales_of_effects.TierScales, own: Any, noise: Any, spread: Any
) -> GaussianHyperparameters:
    """The scales in the terms of the closed form; `own` is the standard deviation of an arm's cells."""
    none = TierScales(0.0, 0.0, 0.0)
    arm, globe = TierScales(*(*tiers.arm, own)), TierScales(*tiers.globe)
    family = none if tiers.family is None else TierScales(*tiers.family)
    return GaussianHyperparameters(arm, family, globe._replace(level=about.level), noise, spread, about.mean)


def whitened(about: Collapsed, near: dict[str, Any]) -> Whitened:
    """Coordinates around the mode, which is sought from `near`, values of sites."""
    values = lambda key: {name: site["value"] for name, site in trace(seed(model, key)).get_trace(about).items()}
    sites = {name: site for name, site in jax.eval_shape(values, jax.random.PRNGKey(0)).items() if name in near}
    start = {name: np.log(np.broadcast_to(near[name], site.shape)) for name, site in sites.items()}
    first, unravel = ravel_pytree(start)
    place = lambda u, given: unravel(given.mode + given.root @ u)
    potential = lambda u, given: potential_energy(model, (_about(about, given),), {}, place(u, given))
    constrained = lambda u, given: constrain_fn(model, (_about(about, given),), {}, place(u, given))
    begin = DensityArguments(
        about.cells, about.prior, about.mean, about.level, np.zeros(len(first)), np.eye(len(first))
    )
    compiled = jax.jit(jax.value_and_grad(potential))
    density = lambda at: tuple(map(np.asarray, compiled(at, begin)))
    mode = minimize(density, np.asarray(first), jac=True, method="L-BFGS-B").x
    steps = _STEP * np.eye(len(mode))
    hessian = np.stack([density(mode + s)[1] - density(mode - s)[1] for s in steps]) / (2 * _STEP)
    information, axes = np.linalg.eigh((hessian + hessian.T) / 2)
    root = axes / np.sqrt(np.maximum(information, _LEAST))
    return Whitened(potential, begin._replace(mode=mode, root=root), constrained)


def _about(about: Collapsed, given: DensityArguments) -> Collapsed:
    return about._replace(cells=given.cells, prior=given.prior, mean=given.mean, level=given.level)


def with_effects(about: Collapsed, sites: Values, random: np.random.Generator) -> Values:
    """The draws (draws, ...) of the scales, and for each a draw of all effects given it, by the names of the model."""
    count, arms, form = len(sites["tau_cell"]), len(about.family), about.form
    normal = random.standard_normal((count, 1 + about.families + arms, form.size))
    taken = {name: value for name, value in sites.items() if name.startswith("tau_") or name in ("sigma", "spread")}

    def one(drawn: tuple[dict[str, Any], Any], cells: CellMoments) -> tuple[Any, Any, Any]:
        scales = _scales_from(about, drawn[0])
        tree = solve(cells, scales, about.family, about.families, form)
        return jax.tree.map(
            lambda part: part[0], exact_sampling.vectors(tree, scales, about.family, form, drawn[1][None])
        )

    every = jax.jit(lambda drawn, cells: jax.lax.map(partial(one, cells=cells), drawn))
    found = every((taken, normal), about.cells)
    globe, family, arm = jax.tree.map(np.asarray, found)
    drawn = {"global_effects": globe[:, 0], "arm_effects": arm[:, :, : 1 + form.contexts + form.projects]}
    return sites | drawn | ({"family_effects": family} if about.families else {})


def _scales_from(about: Collapsed, drawn: dict[str, Any]) -> GaussianHyperparameters:
    """Of one draw of the sites."""
    blocks = (*scales_of_effects.BLOCKS, *(["cell"] if about.form.cells else []))
    tier = lambda name, blocks: tuple(drawn.get(f"tau_{name}_{block}", about.level) for block in blocks)
    family = tier("family", blocks) if about.families else None
    tiers = scales_of_effects.TierScales(tier("arm", blocks[:3]), family, tier("global", blocks))
    noise = drawn["sigma"][about.family]
    return scales_of(about, tiers, drawn["tau_cell"], noise, drawn["spread"])
