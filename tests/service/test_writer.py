"""Groups: whatever waits together is stored together, and each is told its own."""

import asyncio

import pytest

from poolwise import Engine
from poolwise.errors import InputError, StoreFull
from poolwise.service.bodies import Job, Report
from poolwise.service.writer import Busy, Writer
from tests.service.conftest import SPACE

JOBS = [Job(project=f"p{i % 4}", context=f"c{i % 3}") for i in range(40)]


@pytest.fixture
def engine():
    with Engine.open("memory://", SPACE, seed=3) as made:
        yield made


def asked(writer, *coroutines):
    async def both():
        return await asyncio.gather(*(one() for one in coroutines), return_exceptions=True)

    try:
        return asyncio.run(both())
    finally:
        writer.close()


def test_many_at_once_are_few_groups_and_all_different(engine):
    groups = []
    writer = Writer(engine, groups.append)
    found = asked(writer, *(lambda job=job: writer.decide([job]) for job in JOBS))
    made = [one[0] for one in found]
    assert [(one.project, one.context) for one in made] == [(job.project, job.context) for job in JOBS]
    assert len({one.id for one in made}) == len(JOBS) == sum(len(group.decided) for group in groups)
    assert len(groups) < len(JOBS)
    assert all(engine.store.decision(one.id).arm == one.arm for one in made)


def test_one_that_is_wrong_spoils_no_other(engine):
    writer = Writer(engine)
    jobs = [*JOBS[:3], Job(project="p", context="c", available=["no such"]), *JOBS[3:6]]
    found = asked(writer, *(lambda job=job: writer.decide([job]) for job in jobs))
    assert [type(one) for one in found].count(list) == 6
    assert isinstance(found[3], InputError)
    made = [one[0].id for one in found if isinstance(one, list)]
    writer = Writer(engine)
    reports = [Report(id=made[0], utility=0.1), Report(id=made[1], cost=-1.0), Report(id=made[2], utility=0.2)]
    verdicts = [one[0].verdict for one in asked(writer, *(lambda one=one: writer.observe([one]) for one in reports))]
    assert verdicts == ["new", "invalid", "new"]
    assert engine.store.counts()["outcomes"] == 2


def test_a_store_that_is_full_is_told_and_the_next_one_is_served(engine, monkeypatch):
    writer = Writer(engine)
    real = engine.store.append_outcomes
    faults = iter([StoreFull("the disk is full"), None, None])

    def failing(columns):
        fault = next(faults)
        if fault:
            raise fault
        return real(columns)

    monkeypatch.setattr(engine.store, "append_outcomes", failing)
    id = engine.decide("p", "c").id

    async def twice():
        try:
            await writer.observe([Report(id=id, utility=0.1)])
        except StoreFull:
            return await writer.observe([Report(id=id, utility=0.1)])

    assert asked(writer, twice)[0][0].verdict == "new"


def test_a_writer_that_closes_takes_no_more(engine):
    writer = Writer(engine)
    writer.close()
    assert isinstance(asked(writer, lambda: writer.decide(JOBS[:1]))[0], Busy)
