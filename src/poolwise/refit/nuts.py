"""Full Bayes by NUTS: every part of every chain in blocks, finished ones not done again, several at a time."""

import multiprocessing
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from poolwise.engine.refitting import Problem
from poolwise.refit import chain, fast, sampled, unfinished
from poolwise.refit.device import on
from poolwise.refit.found import Found
from poolwise.refit.options import Options
from poolwise.refit.parts import Part, parts

JITTER = 0.5
"""Chains start at the fast core's scales times exp(Normal(0, this)): apart, so that R-hat can tell whether they met."""


class Task(NamedTuple):
    """One chain of one part."""

    part: str
    chain: int
    folder: Path | None


Drawn = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
"""Sites (draws, ...) and fields of the sampler (draws,)."""


def find(problem: Problem, options: Options) -> Found:
    """Sample the posterior of all scales and effects; `scales` says which serve."""
    began = time.perf_counter()
    with on(options.device):
        parts(problem, options, problem.scales)  # What is wrong is said before anything is written down.
        problem, folder = unfinished.resumed(problem, options, "nuts")
        names = [part.name for part in parts(problem, options, problem.scales)]
        tasks = [Task(name, number, folder and folder / f"{name}-{number}")
                 for name in names for number in range(options.chains)]  # fmt: skip
        drawn = dict(_all(problem, options, tasks))
        sampling = time.perf_counter() - began
        by_part = {name: _stacked([drawn[task] for task in tasks if task.part == name]) for name in names}
        found = sampled.found(problem, options, by_part, {"sampling_seconds": sampling, "chains": options.chains})
    unfinished.done(folder)
    return found


def _all(problem: Problem, options: Options, tasks: list[Task]) -> Iterator[tuple[Task, Drawn]]:
    if options.workers == 1 or options.device == "gpu":
        yield from _in_turn(problem, options, tasks)
        return
    silent = options._replace(progress=Options().progress)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, spawn, signal.signal, (signal.SIGINT, signal.SIG_DFL)) as pool:
        running = {pool.submit(alone, problem, silent, task): task for task in tasks}
        try:
            for number, future in enumerate(as_completed(running), start=1):
                options.progress("chains", number, len(tasks))
                yield running[future], future.result()
        finally:  # Interrupted: chains that wait are for the next time.
            pool.shutdown(cancel_futures=True)


def alone(problem: Problem, options: Options, task: Task) -> Drawn:
    """One chain in a process of its own."""
    with on(options.device):
        return next(drawn for _, drawn in _in_turn(problem, options, [task]))


def _in_turn(problem: Problem, options: Options, tasks: list[Task]) -> Iterator[tuple[Task, Drawn]]:
    fastest = fast.estimate(problem)
    made = {part.name: part for part in parts(problem, options, fastest)}
    samplers: dict[str, chain.Sampler] = {}
    for task in tasks:
        part = made[task.part]
        if task.part not in samplers:
            samplers[task.part] = chain.sampler(part, options.warmup)
        key = jax.random.fold_in(jax.random.PRNGKey(options.seed), 1000 * list(made).index(task.part) + task.chain)
        yield task, _one(samplers[task.part], part, task, options, key, near(part, fastest, key))


def _one(made: chain.Sampler, part: Part, task: Task, options: Options, key: Any, near: dict[str, Any]) -> Drawn:
    sites, fields = [], []
    total = sum(-(-count // chain.BLOCK) for count in (options.warmup, options.draws)) * chain.BLOCK
    for done, block in chain.blocks(made, key, near, options.warmup, options.draws, task.folder):
        options.progress(f"{part.name}, chain {task.chain + 1} of {options.chains}", done, total)
        if block is not None:
            sites.append(jax.tree.map(np.asarray, made.constrained(block[0])))
            fields.append(block[1])
    joined = [
        {name: np.concatenate([one[name] for one in all_])[: options.draws] for name in all_[0]}
        for all_ in (sites, fields)
    ]
    return {name: value for name, value in joined[0].items() if not name.endswith("_decentered")}, joined[1]


def near(part: Part, fastest: Any, key: Any) -> dict[str, Any]:
    """Scales to start from: the fast core's, each chain's moved at random."""
    random = np.random.default_rng(np.asarray(key).tolist())
    if part.name != "utility":
        return {
            "kappa_context": np.exp(3 + random.normal(0, JITTER)),
            "kappa_cell": np.exp(3 + random.normal(0, JITTER)),
        }
    hyper = fastest.gaussian.hyper
    tiers = {"arm": hyper.arm, "family": hyper.family, "global": hyper.globe}
    scales = {f"tau_{tier}_{block}": float(np.asarray(getattr(values, block)))
              for tier, values in tiers.items() for block in values._fields}  # fmt: skip
    scales |= {"tau_cell": max(scales["tau_arm_cell"], 1e-3), "sigma_common": float(np.mean(hyper.noise))}
    return {name: max(value, 1e-3) * np.exp(random.normal(0, JITTER)) for name, value in scales.items()}


def _stacked(chains: list[Drawn]) -> Drawn:
    """Leading axis: chain."""
    sites, fields = (
        {name: np.stack([part[name] for part in parts]) for name in parts[0]} for parts in zip(*chains, strict=True)
    )
    return sites, fields
