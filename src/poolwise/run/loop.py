"""The run loop: decide, measure, observe. Where it stands is read off the store, so it can stop anywhere.

A decision without an outcome is measured again under that same decision; nothing that was acknowledged is lost.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain, islice, pairwise
from typing import NamedTuple

import numpy as np

from poolwise.engine import Engine
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import ConfigError
from poolwise.run.alone import alone
from poolwise.run.jobs import stream
from poolwise.run.measuring import Task, measured, recalled, record
from poolwise.run.opening import advised
from poolwise.run.remembered import remember
from poolwise.run.settings import features_of
from poolwise.run.setup import Plan, own_store
from poolwise.schema import Decision
from poolwise.store import open_store
from poolwise.store.addresses import without_password
from poolwise.workloads import Job, Measurement


class Progress(NamedTuple):
    """One finished decision."""

    done: int
    """Decisions of this run that have an outcome, this one included."""
    decision: Decision
    measurement: Measurement


Engines = Mapping[str, Engine]
"""By project; with sharing it is the same engine for all."""


def open_engines(plan: Plan, *, sharing: bool = True) -> Engines:
    """The engine of every project, all the same, or each on a store of its own. Raises ConfigError where a store
    holds a run of another kind."""
    if sharing:
        return dict.fromkeys(plan.arrivals, _open(plan, plan.store))
    engines: dict[str, Engine] = {}
    with ExitStack() as opened:
        for project, url in own_store(plan.store, plan.arrivals).items():
            engines[project] = _open(plan, url)
            opened.callback(engines[project].close)
        opened.pop_all()
    return engines


def distinct(engines: Engines) -> list[Engine]:
    """Every engine once."""
    return list({id(engine): engine for engine in engines.values()}.values())


def run(plan: Plan, engines: Engines, workers: int = 1) -> Iterator[Progress]:
    """Continue until `plan.decisions` decisions have an outcome; what was done before is not repeated.

    workers: jobs that are measured side by side. Closing the iterator, or an interrupt, leaves at most so many
    decisions open; the next run measures them. Raises ConfigError where another run goes on with a store.
    """
    with alone(distinct(engines)):
        yield from _continued(plan, engines, workers)


def _continued(plan: Plan, engines: Engines, workers: int) -> Iterator[Progress]:
    made = sum(engine.status()["decisions"] for engine in distinct(engines))
    done = sum(engine.status()["outcomes"] for engine in distinct(engines))
    for engine in distinct(engines):
        recalled(plan.workload, engine)
    jobs = _ahead(islice(stream(plan.workload, plan.seed, plan.arrivals), made, plan.decisions), plan.workload.prepare)
    open_before = [task for engine in distinct(engines) for task in _unanswered(engine)]
    for task, found in measured(plan.workload, chain(open_before, _decided(engines, jobs)), workers):
        done += 1
        _answer(task, found)
        yield Progress(done, task.decision, found)


def _decided(engines: Engines, jobs: Iterable[Job]) -> Iterator[Task]:
    for job in jobs:
        engine = engines[job.project]
        if engine.settings.enough is not None and all(one.status()["enough"] for one in distinct(engines)):
            return
        known = None if job.features is None else engine.features.read(job.features)
        yield Task(engine, engine.decide(job.project, job.context, job=job.name, features=known), job)


def _answer(task: Task, found: Measurement) -> None:
    """Report. Wall times come first: should the process die in between, the job is measured again."""
    task.engine.store.append_record("measurement", record(task, found))
    task.engine.observe(task.decision.id, cost=found.cost, baseline_cost=found.baseline_cost, status=found.status)


def _unanswered(engine: Engine) -> Iterator[Task]:
    for identity in engine.store.open_decisions(np.inf):
        decision = engine.store.decision(int(identity))
        arms = engine.serving.name_index
        arm = arms.known_arms[arms.arm[decision.arm]]
        job = Job(decision.project, decision.context, decision.job or "")
        yield Task(engine, decision._replace(params=arm.params), job)


def _ahead(jobs: Iterator[Job], prepare: Callable[[Job], None]) -> Iterator[Job]:
    """The same jobs, each prepared while the one before it is worked on."""
    for current, following in pairwise(chain(jobs, [None])):
        if following is not None:
            prepare(following)
        if current is not None:
            yield current


def _open(plan: Plan, url: str) -> Engine:
    store = open_store(url, seed=plan.seed, lock_wait=plan.settings.store_wait, durability=plan.settings.durability)
    try:
        earlier = damaged_records.usable(store, "run")
        if earlier and earlier[0] != plan.identity:
            changed = next(key for key in plan.identity if earlier[0].get(key) != plan.identity[key])
            found, wanted = earlier[0].get(changed), plan.identity[changed]
            raise ConfigError(
                f"{without_password(url)} holds a run with {changed} = {found!r}, not {wanted!r}: "
                "name another store in [run], or move that one away"
            )
        if not earlier:
            store.append_record("run", dict(plan.identity))
        remember(store, plan.config)
        engine = Engine(store, plan.workload.space, plan.policy, plan.settings, features_of(plan.config))
        return advised(engine, plan.policy, plan.config)
    except Exception:
        store.close()
        raise
