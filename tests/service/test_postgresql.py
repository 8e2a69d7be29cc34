"""The service on a server's workspace: one writer, and what it acknowledged is there."""

import asyncio
from contextlib import closing

from poolwise import Engine
from poolwise.service.bodies import Job, Report
from poolwise.service.writer import Writer
from poolwise.store import open_store
from tests.service.conftest import SPACE


def test_calls_at_once_are_stored_in_groups(workspace):
    groups = []

    async def ask(writer):
        jobs = [Job(project=f"p{k % 4}", context="c") for k in range(60)]
        made = [one for (one,) in await asyncio.gather(*(writer.decide([job]) for job in jobs))]
        reports = [Report(id=one.id, utility=0.1 * k) for k, one in enumerate(made)]
        told = await asyncio.gather(*(writer.observe([one]) for one in [*reports, *reports[:5]]))
        return made, [one.verdict for (one,) in told]

    with Engine.open(workspace, SPACE, seed=3) as engine:
        writer = Writer(engine, lambda decisions, outcomes: groups.append((decisions, outcomes)))
        with closing(writer):
            made, verdicts = asyncio.run(ask(writer))
    assert (verdicts.count("new"), verdicts.count("repeated")) == (60, 5)
    assert len(groups) < 60
    with closing(open_store(workspace, look=True)) as store:
        assert set(store.decisions().id.tolist()) == {one.id for one in made}
        assert (store.answered(), store.counts()["repeated"]) == (60, 5)
