"""The one run loop: look, decide, learn what the table holds, and estimate the scales again when that is due.

Between two estimations a run is one compiled loop (`compiled_loop`). Where effects are kept by another form than exact
covariances, projects inform each other by factors, or the policy is the user's own, it goes step by step in NumPy
(`replay_posterior`): the same decisions.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from poolwise.compute import LOCAL, Executor, mapped, opened
from poolwise.errors import InputError
from poolwise.objective import saving
from poolwise.policy.parsing import parse
from poolwise.policy.randomness import uniforms
from poolwise.policy.view import CUSTOM, Policy
from poolwise.posterior.hyperparameters.refit_schedule import EVERY, due
from poolwise.posterior.recursive import compiled
from poolwise.progress import Progress, silent
from poolwise.replay.arguments import driven, order_of, orders_of, seed_of, seeds_of, tabled
from poolwise.replay.compiled_loop import Frame, Jobs, LoopConstants, LoopState, nothing, stretch
from poolwise.replay.replay_posterior import LIMIT, ReplayPosterior, chances_of
from poolwise.replay.settings import Settings, checked
from poolwise.table import Table, available, average_cost, utility


class Run(NamedTuple):
    """What was decided, in the order of the decisions; (decisions,) each."""

    unit: np.ndarray
    """Row of the table."""
    arm: np.ndarray
    chances: np.ndarray
    """(decisions, arms) the policy's probabilities."""
    explored: np.ndarray
    """bool: another arm than the one believed to be best."""
    observed: np.ndarray
    """Utility that was learned: of one repetition where the table has several; `table.utility` is their mean."""


def run_many(
    table: Table,
    orders: np.ndarray,
    policy: Policy,
    seeds: Sequence[int],
    settings: Settings | None = None,
    progress: Progress = silent,
) -> list[Run]:
    """`run` for every seed and row of `orders`, (seeds, decisions)."""
    chosen = seeds_of(seeds)
    rows, runs = orders_of(orders, chosen, tabled(table)), list[Run]()
    for order, seed in zip(rows, chosen, strict=True):
        before, total = len(runs) * len(order), len(chosen) * len(order)
        report = lambda done, before=before, total=total: progress("decisions", before + done, total)
        runs.append(run(table, order, policy, seed, settings, report))
    return runs


def run_on(
    executor: Executor,
    table: Table,
    orders: np.ndarray,
    policy: Policy,
    seeds: Sequence[int],
    settings: Settings,
    progress: Progress = silent,
) -> list[Run]:
    """`run_many`, the seeds side by side where an executor has several workers. Raises InputError for a policy that
    cannot be written down and sent."""
    if executor == LOCAL:
        return run_many(table, orders, policy, seeds, settings, progress)
    if policy.spec == CUSTOM:
        raise InputError("a policy of your own runs in this process only: leave the executor out")
    one = partial(_sent, table, policy.spec, policy.params, settings)
    with opened(executor) as pool:
        return mapped(pool, one, list(zip(orders, seeds, strict=True)), progress=progress, part="seeds")


def _sent(
    table: Table, spec: str, params: Mapping[str, float], settings: Settings, task: tuple[np.ndarray, int]
) -> Run:
    order, seed = task
    return run(table, order, parse(spec, dict(params)), seed, settings)


def run(
    table: Table,
    order: np.ndarray,
    policy: Policy,
    seed: int,
    settings: Settings | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Run:
    """Decide for the units of `order` (rows of the table), one after another, from nothing.

    Every outcome is learned `settings.delay` decisions later. A failure or time-out is learned at what the table says
    it costs. The decisions are those of an `Engine` of this seed that is fed the same units (`estimate = "inline"`).
    report: called with how many decisions are made. Raises DataError and ConfigError.
    """
    order, policy, seed = order_of(order, tabled(table)), driven(policy), seed_of(seed)
    settings = checked(Settings() if settings is None else settings)
    usual = average_cost(table) if settings.objective == "total" else None
    jobs = _jobs(table, order, seed, settings)
    projects, contexts = (int(part.max()) + 1 for part in (table.project, table.context))
    whole = usual is not None
    raw = np.zeros((len(order), 0)) if table.features is None else table.features[order]
    believer = ReplayPosterior(
        table.family, table.baseline, projects, contexts, settings.horizon, total=whole, features=raw.shape[1]
    )
    arms, favourite = np.empty(len(order), int), np.empty(len(order), int)
    chances = np.empty(jobs.utility.shape)
    compile = policy.spec != CUSTOM and not whole and not raw.shape[1] and find_spec("jax") is not None
    stretches = _Stretches(believer, policy, settings, jobs) if compile else None
    start = 0
    while start < len(order):
        stop = min(_until_due(believer, settings.delay, start), len(order))
        if stretches is not None and stretches.possible:
            made = stretches.run(start, stop)
        else:
            made = _step_by_step(believer, policy, settings.delay, jobs, raw, arms, start, stop)
        for part, found in zip((arms, chances, favourite), made, strict=True):
            part[start:stop] = found
        believer.estimate_when_due()
        start = stop
        report(start)
    observed = jobs.utility[np.arange(len(order)), arms]
    if usual is not None:
        observed = saving(observed, jobs.cost) / usual
    return Run(order, arms, chances, arms != favourite, observed)


def _until_due(believer: ReplayPosterior, delay: int, start: int) -> int:
    """The decision after whose outcome scales are due again."""
    step, learned = start, believer.posterior.outcomes
    while True:
        learned += step >= delay
        step += 1
        if due(EVERY, learned, believer.estimated) and learned:
            return step


def _step_by_step(
    believer: ReplayPosterior,
    policy: Policy,
    delay: int,
    jobs: Jobs,
    raw: np.ndarray,
    arms: np.ndarray,
    start: int,
    stop: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chances, favourite = np.empty((stop - start, jobs.utility.shape[1])), np.empty(stop - start, int)
    for step in range(start, stop):
        seen = believer.view(int(jobs.project[step]), int(jobs.context[step]), jobs.allowed[step], raw[step])
        chances[step - start] = found = chances_of(policy, seen)
        favourite[step - start] = np.where(seen.allowed, seen.mean, -np.inf).argmax()
        sums = np.cumsum(found)
        arms[step] = (sums <= jobs.lottery[step] * sums[-1]).sum()
        if (reported := step - delay) >= 0:
            place = int(jobs.project[reported]), int(jobs.context[reported]), int(arms[reported])
            learned, cost = float(jobs.utility[reported, arms[reported]]), float(jobs.cost[reported])
            believer.update(*place, learned, cost, raw[reported])
    return arms[start:stop], chances, favourite


class _Stretches:
    """A believer's run in compiled stretches; what the loop counts is kept from one to the next."""

    def __init__(self, believer: ReplayPosterior, policy: Policy, settings: Settings, jobs: Jobs) -> None:
        self._believer, self._policy, self._settings = believer, policy, settings
        self._size, arms = jobs.utility.shape
        self._room = 2 ** (self._size - 1).bit_length()
        pad = [(0, self._room - self._size)]
        self._jobs = compiled.placed(
            Jobs(*(np.pad(part, pad + [(0, 0)] * (part.ndim - 1), mode="edge") for part in jobs))
        )
        self._made = nothing(self._room, arms)

    @property
    def possible(self) -> bool:
        """Whether the loop knows the form of the posterior."""
        serving = self._believer.posterior.serving()
        return serving.form is None and not serving.factored

    def run(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Arms, chances and favourites of these decisions."""
        posterior, delay = self._believer.posterior, self._settings.delay
        serving = posterior.serving()
        frame = Frame(serving.structure, self._settings.horizon, delay)
        heard = np.zeros(serving.structure.projects)
        heard[list(serving.heard)] = 1.0
        course = compiled.placed(LoopState(serving.state, heard, self._believer.usage, self._made))
        known = compiled.placed(LoopConstants(serving.constants, serving.slots))
        course = stretch(frame, self._policy, self._believer, course, known, self._jobs, (start, stop))
        state, heard, self._believer.usage, made = compiled.fetched(course)
        self._made = made
        posterior.set_state(state, set(np.flatnonzero(heard).tolist()), max(stop - delay, 0) - max(start - delay, 0))
        return made.arm[start:stop], made.chances[start:stop], made.favourite[start:stop]


def _jobs(table: Table, order: np.ndarray, seed: int, settings: Settings) -> Jobs:
    """What a run meets in this order."""
    learned, cost = _measured(table, order, seed, settings.repeats)
    if settings.objective == "ratio":
        learned, cost = np.clip(learned, -LIMIT, LIMIT), np.zeros(len(order))
    lottery = uniforms(seed, np.arange(1, len(order) + 1))
    as_index = lambda part: part[order].astype(np.int32)
    place = as_index(table.project), as_index(table.context)
    return Jobs(*place, lottery, available(table)[order], learned, np.ones(learned.shape), cost)


def _measured(table: Table, order: np.ndarray, seed: int, repeats: bool) -> tuple[np.ndarray, np.ndarray]:
    """(decisions, arms) utilities: the means, or where the table has repetitions one drawn for the arms and one for
    the baseline; 0 where an arm is absent. And what the baseline cost, (decisions,), 0 where rewards are no costs."""
    base = table.baseline
    if not repeats or table.repeats is None:
        cost = np.zeros(len(order)) if table.cost is None else table.cost[order, base]
        return np.nan_to_num(utility(table)[order]), cost
    own, other = np.random.default_rng([seed, 29]).integers(table.repeats.shape[2], size=(2, len(order)))
    single = table.repeats[order]
    steps = np.arange(len(order))
    home = single[steps, base, other]
    found = single[steps, :, own] - home[:, None]
    found[:, base] = 0.0
    return np.nan_to_num(found), np.zeros(len(order)) if table.cost is None else np.exp(-home)
