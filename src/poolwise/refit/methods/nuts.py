"""Full Bayes by NUTS: every chain in blocks, finished ones not done again, several at a time.

The utility is sampled with its effects integrated out (`collapsed`), the success by quadrature (`success`). A model of
the user's own, and systems that are served wide, are sampled with all their sites.
"""

import pickle
import time
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from poolwise import compute
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.blas_threads import single_blas
from poolwise.progress import Logged
from poolwise.refit import checkpoint
from poolwise.refit.draws import from_samples
from poolwise.refit.draws.serving_marginals import success_prior
from poolwise.refit.methods import chain, closed_form, collapsed, success
from poolwise.refit.methods.device import on
from poolwise.refit.methods.submodels import parts
from poolwise.refit.options import Options
from poolwise.refit.result import RefitResult, Values

JITTER = 0.5
"""Chains start at the fast core's scales times exp(Normal(0, this)): apart, so that R-hat can tell whether they met."""


Drawn = tuple[Values, Values]
"""Sites and fields of the sampler, (draws, ...) each."""


class Task(NamedTuple):
    """One chain."""

    chain: int
    folder: Path | None


def run(problem: RefitData, options: Options) -> RefitResult:
    """Sample the posterior of all scales and effects; `hyperparameters` says which serve."""
    began = time.perf_counter()
    with on(options.device), single_blas():
        parts(problem, options, problem.hyperparameters)  # What is wrong is said before anything is written down.
        problem, folder = checkpoint.resumed(problem, options, "nuts")
        by_part: dict[str, Drawn] = {}
        if problem.stats.count.any():
            tasks = [Task(number, folder and folder / f"utility-{number}") for number in range(options.chains)]
            drawn = dict(_all(problem, options, tasks))
            by_part["utility"] = _stacked([drawn[task] for task in tasks])
        by_part["success"] = of_success(problem, options, options.chains), {}
        sampling = time.perf_counter() - began
        found = from_samples.refit_result(
            problem, options, by_part, {"sampling_seconds": sampling, "chains": options.chains}
        )
    checkpoint.clear(folder)
    return found


def of_success(problem: RefitData, options: Options, chains: int) -> Values:
    """Independent draws of success, as if of so many chains."""
    # Evidence that a change let fade leaves parts of outcomes: a binomial wants whole ones.
    tried, succeeded = (np.round(part).astype(np.int64) for part in (problem.tried, problem.succeeded))
    random, count = np.random.default_rng([options.seed, 1]), chains * options.draws
    drawn = success.draws(tried, succeeded, success_prior(problem), count, random)
    return {name: value.reshape(chains, -1, *value.shape[1:]) for name, value in drawn.items()}


def _with_effects(problem: RefitData, options: Options, drawn: Drawn, task: Task) -> Drawn:
    if not collapsed.applies(problem, options):
        return drawn
    random = np.random.default_rng([options.seed, 2, task.chain])
    return collapsed.with_effects(collapsed.collapsed(problem), drawn[0], random), drawn[1]


def _all(problem: RefitData, options: Options, tasks: list[Task]) -> Iterator[tuple[Task, Drawn]]:
    executor = compute.parsed(options.executor, options.workers)
    if executor == compute.LOCAL or options.device == "gpu":
        yield from _in_turn(problem, options, tasks)
        return
    one = partial(run_chain, pickle.dumps((problem, options._replace(progress=Logged()))))
    with compute.opened(executor) as pool:
        for number, drawn in compute.completed(pool, one, tasks, progress=options.progress, part="chains"):
            yield tasks[number], drawn


def run_chain(sent: bytes, task: Task) -> Drawn:
    """One chain, wherever the executor has it done. sent: problem and options, pickled."""
    problem, options, made = _received(sent)
    with on(options.device), single_blas():
        return _with_effects(problem, options, _one(made, task, options), task)


@lru_cache(1)
def _received(sent: bytes) -> tuple[RefitData, Options, chain.Sampler]:
    """In a worker, which compiles the sampler once for all its chains."""
    problem, options = pickle.loads(sent)
    with on(options.device), single_blas():
        return problem, *_prepared(problem, options)


def _in_turn(problem: RefitData, options: Options, tasks: list[Task]) -> Iterator[tuple[Task, Drawn]]:
    """The sampler is compiled once for all of them."""
    options, made = _prepared(problem, options)
    for task in tasks:
        options.progress(_title(task, options), 0, _steps(options))
    for task in tasks:
        yield task, _with_effects(problem, options, _one(made, task, options), task)


def _prepared(problem: RefitData, options: Options) -> tuple[Options, chain.Sampler]:
    return options._replace(warmup=collapsed.warmup(problem, options)), _sampler(problem, options)


def _steps(options: Options) -> int:
    """Of a chain, whose blocks are whole."""
    return sum(-(-count // chain.BLOCK) for count in (options.warmup or 0, options.draws)) * chain.BLOCK


def _sampler(problem: RefitData, options: Options) -> chain.Sampler:
    fastest = closed_form.estimate(problem)
    if collapsed.applies(problem, options):
        density = collapsed.whitened(collapsed.collapsed(problem), usual(fastest))
        return chain.round_sampler(density, collapsed.warmup(problem, options))
    part = parts(problem, options, fastest)[0]
    return chain.sampler(part, collapsed.warmup(problem, options), lambda key: jittered(usual(fastest), key))


def _one(made: chain.Sampler, task: Task, options: Options) -> Drawn:
    sites, fields, total = [], [], _steps(options)
    key = jax.random.fold_in(jax.random.PRNGKey(options.seed), task.chain)
    for done, block in chain.blocks(made, key, options.warmup or 0, options.draws, task.folder):
        options.progress(_title(task, options), done, total)
        if block is not None:
            sites.append(jax.tree.map(np.asarray, made.constrained(block[0])))
            fields.append(block[1])
    joined = [
        {name: np.concatenate([one[name] for one in all_])[: options.draws] for name in all_[0]}
        for all_ in (sites, fields)
    ]
    return {name: value for name, value in joined[0].items() if not name.endswith("_decentered")}, joined[1]


def _title(task: Task, options: Options) -> str:
    return f"chain {task.chain + 1} of {options.chains}"


def usual(fastest: Any) -> dict[str, float]:
    """Scales of the fast core by the names of the sites."""
    scales = fastest.gaussian.scales
    tiers = {"arm": scales.arm, "family": scales.family, "global": scales.globe}
    sites = {f"tau_{tier}_{block}": max(float(np.asarray(getattr(values, block))), 1e-3)
             for tier, values in tiers.items() for block in values._fields}  # fmt: skip
    noise = float(np.mean(scales.noise))
    return sites | {"tau_cell": sites["tau_arm_cell"], "sigma_common": noise, "sigma": noise, "spread": 1.0}


def jittered(scales: dict[str, float], key: Any) -> dict[str, float]:
    """Where a chain starts; noise by family and context is the model's own matter, which may have other shapes."""
    random = np.random.default_rng(np.asarray(key).tolist())
    own = {name: value for name, value in scales.items() if name not in ("sigma", "spread")}
    return {name: value * float(np.exp(random.normal(0, JITTER))) for name, value in own.items()}


def _stacked(chains: list[Drawn]) -> Drawn:
    """Leading axis: chain."""
    sites, fields = (
        {name: np.stack([part[name] for part in parts]) for name in parts[0]} for parts in zip(*chains, strict=True)
    )
    return sites, fields
