"""From draws of parameters, however they were made, to what the gate judges and the file holds."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.types import Marginals
from poolwise.refit.draws import derived_quantities, shipped_models
from poolwise.refit.draws.derived_quantities import Groups
from poolwise.refit.draws.point_estimates import point_estimates
from poolwise.refit.methods.submodels import parts
from poolwise.refit.options import Options
from poolwise.refit.result import Draws, RefitResult, Values, thinning

PRIOR_DRAWS = 200


def refit_result(
    problem: RefitData, options: Options, by_part: Mapping[str, tuple[Values, Values]], notes: dict[str, Any]
) -> RefitResult:
    """by_part: sites and sampler fields of every part, (chain, draw, ...)."""
    sites = {name: value for drawn, _ in by_part.values() for name, value in drawn.items()}
    hyperparameters = point_estimates(problem, sites)
    made = [part for part in parts(problem, options, hyperparameters) if part.name in by_part]
    key = jax.random.fold_in(jax.random.PRNGKey(options.seed), 99)
    ours = lambda part: options.model is None or part.name == "success"
    random = np.random.default_rng([options.seed, 3])
    pieces = [
        _completed(problem, by_part[part.name][0], partial(shipped_models.completed, problem, part.name, random=random))
        if ours(part)
        else _completed(problem, by_part[part.name][0], partial(derived_quantities.completed, part, key=key))
        for part in made
    ]
    moments = {name: value for _, beliefs in pieces for name, value in beliefs.items()}
    simulated = _merged(
        [
            shipped_models.simulated(problem, part.name, PRIOR_DRAWS, random)
            if ours(part)
            else derived_quantities.simulated(part, PRIOR_DRAWS, key)
            for part in made
        ]
    )
    thin = _thinning(problem, sites)
    posterior = {name: value[:, ::thin] for name, value in sites.items()}
    groups = {name: _merged([groups[name] for groups, _ in pieces]) for name in ("cells", "predicted", "likelihood")}
    likelihood = {name: _seen(problem, name, value) for name, value in groups["likelihood"].items()}
    observed = set(groups["predicted"])
    return RefitResult(
        hyperparameters,
        Draws(
            posterior=posterior | groups["cells"],
            sample_stats=_fields(by_part, thin),
            prior={name: value[None] for name, value in simulated.items() if name not in observed},
            prior_predictive=_hidden(problem, {name: simulated[name][None] for name in observed}),
            posterior_predictive=_hidden(problem, groups["predicted"]),
            log_likelihood={name: value for name, value in likelihood.items() if value is not None},
            constant_data={},
        ),
        moments.get("theta"),
        moments.get("chance"),
        notes,
        chains=sites,
    )


def _completed(
    problem: RefitData, sites: Values, complete: Callable[[Values], Iterable[Groups]]
) -> tuple[Groups, dict[str, Marginals]]:
    """Groups of a part, thinned, and the moments of its cells from all draws."""
    chains, count = next(iter(sites.values())).shape[:2]
    flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in sites.items() if name != "effect"}
    wanted, at, kept = np.arange(count) % _thinning(problem, sites) == 0, 0, []
    sums: dict[str, Any] = {}
    for chunk in complete(flat):
        for name, value in chunk["cells"].items():
            if value.shape[1:] == problem.shape:
                old = sums.get(name, (0.0, 0.0))
                sums[name] = (old[0] + value.sum(0), old[1] + (value**2).sum(0))
        size = len(jax.tree.leaves(chunk)[0])
        here, at = wanted[np.arange(at, at + size) % count], at + size
        kept.append(jax.tree.map(lambda value, here=here: value[here], chunk))
    moments = {}
    for name, (total, squares) in sums.items():
        mean = total / (chains * count)
        moments[name] = Marginals(mean, np.sqrt(np.maximum(squares / (chains * count) - mean**2, 0.0)))
    joined = lambda *parts: (whole := np.concatenate(parts)).reshape(chains, len(whole) // chains, *whole.shape[1:])
    return jax.tree.map(joined, *kept), moments


def _thinning(problem: RefitData, sites: Values) -> int:
    chains, count = next(iter(sites.values())).shape[:2]
    return thinning(chains, count, int(np.prod(problem.shape)))


def _merged(pieces: list[Values]) -> Values:
    return {name: value for piece in pieces for name, value in piece.items()}


def _fields(by_part: Mapping[str, tuple[Values, Values]], thin: int) -> Values:
    """Sampler fields of the utility as ArviZ names them, those of the other parts with their name in front."""
    names = {"num_steps": "n_steps", "accept_prob": "acceptance_rate"}
    made = {}
    for number, (part, (_, fields)) in enumerate(by_part.items()):
        front = "" if number == 0 else f"{part}_"
        for name, value in fields.items():
            if name == "potential_energy":
                continue
            made[front + names.get(name, name)] = value[:, ::thin]
        if "potential_energy" in fields:
            made[front + "lp"] = -fields["potential_energy"][:, ::thin]
    return made


def _seen(problem: RefitData, name: str, value: np.ndarray) -> np.ndarray | None:
    """Log likelihoods of the cells that were seen; None for those of other statistics."""
    counts = {"mean": problem.stats.count, "successes": problem.tried}
    return value[..., counts[name] > 0] if name in counts else None


def _hidden(problem: RefitData, values: Values) -> Values:
    """Means of cells that were never seen mean nothing."""
    unseen = problem.stats.count == 0
    return {name: np.where(unseen, np.nan, value) if name == "mean" else value for name, value in values.items()}
