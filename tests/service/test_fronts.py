"""Front ends: what they decide is what the writer would have decided, stored once, before it is answered."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from poolwise import Engine
from poolwise.engine import Settings
from poolwise.engine.leases import SHARE, Drawn
from poolwise.engine.safeguards.settings import Safety
from poolwise.policy.randomness import uniform
from tests.service.conftest import SPACE, httpx
from tests.service.test_serve import CONFIG, running, until_ready

fronts = pytest.importorskip("poolwise.service.fronts.app")
from poolwise.service.fronts.lent import Desk  # noqa: E402
from poolwise.service.fronts.upstream import Upstream  # noqa: E402

AT = "/v1/workspaces/prover"
KNOWN = 64 * SHARE
JOB = {"project": "p", "context": "c"}


class Net:
    """Front ends of a service in this process, asked as by clients; each has a writer's transport that can break."""

    def __init__(self, service):
        self.service, self.key = service, service.key("operator")
        self.away = False
        self.engine.decide_many("p", ["c"] * KNOWN)  # well enough to be lent

    def front(self, staleness=60.0):
        inner = httpx.ASGITransport(self.service.app)

        class Line(httpx.AsyncBaseTransport):
            async def handle_async_request(line, request):
                if self.away:
                    raise httpx.ConnectError("away")
                self.sent.append((request.url.path, request.content))
                return await inner.handle_async_request(request)

        self.sent = []
        return fronts.application(Upstream("http://writer", self.key, Line()), staleness)

    def ask(self, front, *asked, key=None, headers=None):
        """Answers to requests that are sent at once: (verb, path, body)."""
        sent = {"Authorization": f"Bearer {key or self.key}".encode(), **(headers or {})}

        async def all_of_them():
            transport = httpx.ASGITransport(front)
            async with httpx.AsyncClient(transport=transport, base_url="http://front", headers=sent) as client:
                return await asyncio.gather(*(client.request(v, AT + p, json=body) for v, p, body in asked))

        self.service.app.state.access.forget()
        return self.service.run(all_of_them())

    def decide(self, front, count, **more):
        return [one.json() for one in self.ask(front, *[("POST", "/decide", JOB)] * count, **more)]

    @property
    def engine(self):
        return self.service.app.state.workspaces["prover"].engine

    def exchanged(self, part):
        """Rows of a part in every exchange so far."""
        bodies = [json.loads(body) for path, body in self.sent if path.endswith("/exchange")]
        return [row for body in bodies for row in body.get(part, [])]


@pytest.fixture
def net(service):
    return Net(service)


def test_what_is_known_of_a_job_goes_to_the_writer(net):
    front = net.front()
    net.decide(front, 3)
    known = ("POST", "/decide", JOB | {"features": {"size": 3}})
    (refused,) = net.ask(front, known)
    assert (refused.status_code, "none are declared" in refused.json()["detail"]) == (422, True)
    assert net.sent[-1][0].endswith("/decide")


def test_what_front_ends_decide_is_stored_once_as_the_writer_would_have_decided_it(net):
    front = net.front()
    net.decide(front, 2)
    made = net.decide(front, 30)
    assert len(net.exchanged("drawn")) == 30
    known = net.engine.store.decisions()
    assert {one["id"] for one in made} < set(known.id.tolist())
    assert len(known.id) == len(set(known.id.tolist())) == KNOWN + 32
    for one in made:
        stored, told = net.engine.store.decision(one["id"]), net.engine.explain(one["id"], replay=True)
        shown = {name: one[name] for name in ("arm", "probability", "reason", "time", "view", "project", "context")}
        assert shown == {name: getattr(stored, name) for name in shown}
        assert one["params"] == SPACE.arm(one["arm"]).params
        assert told["replay"]["same"]


def test_ids_of_front_ends_and_writer_never_meet(net):
    one, other = net.front(), net.front()
    ids = []
    for _ in range(5):
        ids += [made["id"] for front in (one, other) for made in net.decide(front, 40)]
        ids.append(net.engine.decide("p", "c").id)
    assert len(set(ids)) == len(ids) == net.engine.status()["decisions"] - KNOWN


def test_outcomes_reach_the_belief(net):
    front = net.front()
    net.decide(front, 2)
    made = net.decide(front, 8)
    rows = [("POST", "/observe", {"id": one["id"], "utility": 0.3}) for one in made]
    assert [one.json()["new"] for one in net.ask(front, *rows)] == [True] * 8
    assert [one.json()["new"] for one in net.ask(front, *rows)] == [False] * 8
    assert net.engine.beliefs("p", "c")["n"].sum() == 8
    wrong = [("POST", "/observe", {"id": i, "utility": u}) for i, u in ((made[0]["id"], 0.9), (10**9, 0.1), (-3, 0.1))]
    assert [one.status_code for one in net.ask(front, *wrong)] == [409, 404, 404]


def test_nothing_is_drawn_from_a_lease_after_its_time_or_its_ids():
    now = [0.0]
    desk = Desk(1.0, lambda: now[0])
    loan = {"first": 5, "size": 3, "project": "p", "context": "c", "seed": 1, "view": 1, "arms": ["a", "b"],
            "families": ["a", "b"], "params": [{}, {}], "probabilities": [0.25, 0.75], "cumulative": [0.25, 1.0],
            "reasons": ["x", "y"]}  # fmt: skip
    cell = ("p", "c")
    assert not desk.wanted(cell)
    now[0] = 1.25
    assert not desk.wanted(cell)
    now[0] = 2.0
    assert desk.wanted(cell)
    desk.keep([loan], asked=2.0)
    assert [desk.draw(cell)["id"] for _ in range(3)] == [5, 6, 7]
    assert desk.draw(cell) is None
    desk.keep([loan], asked=2.0)
    now[0] = 2.9
    made = desk.draw(cell)
    assert made["arm"] == ("a" if uniform(1, 5) < 0.25 else "b")
    now[0] = 3.0
    assert desk.draw(cell) is None


def test_what_a_lease_does_not_choose_is_refused():
    engine = Engine.open("memory://", SPACE, seed=3)
    engine.decide_many("p", ["c"] * (5 * SHARE - 1))
    (lease,) = engine.leases.grant([("p", "c")], 4)
    cell, first = lease.cell, lease.first
    k = cell.pick(uniform(3, first))
    right = Drawn(first, first, cell.arms[k].id, cell.probabilities[k])
    wrong = [
        right._replace(probability=right.probability * 1.01),
        right._replace(arm=cell.arms[k - 1].id),
        right._replace(id=first + 4),
        right._replace(id=first - 1),
    ]
    assert engine.leases.append(wrong)[0] == ["wrong"] * 4
    assert engine.leases.append([right._replace(lease=first + 1)])[0] == ["over"]
    assert engine.status()["decisions"] == 5 * SHARE - 1
    assert [engine.leases.append([right, right])[0] for _ in range(2)] == [["stored"] * 2] * 2
    assert engine.status()["decisions"] == 5 * SHARE
    assert engine.decide("p", "c").id == first + 4


@pytest.mark.parametrize("end", ["order", "forget", "time"])
def test_a_lease_ends_with_what_makes_it_wrong(end, monkeypatch):
    engine = Engine.open("memory://", SPACE, seed=3)
    engine.decide_many(["p", "q"] * KNOWN, "c")
    (lease,) = engine.leases.grant([("p", "c")], 4)
    if end == "order":
        engine.control("stop")
    elif end == "forget":
        engine.forget("p")
    else:
        monkeypatch.setattr("poolwise.engine.leases.LONGEST", -1.0)
    made = drawn_from(lease)
    assert engine.leases.append([made])[0] == ["over"]
    assert (engine.leases.grant([("q", "c")], 4) == []) == (end == "order")


def test_what_is_hardly_known_is_not_lent():
    engine = Engine.open("memory://", SPACE, seed=3)
    engine.decide_many("p", ["a"] * (SHARE - 1) + ["b"] * 3 * SHARE)
    leases = engine.leases.grant([("p", "a"), ("p", "b"), ("p", "new"), ("\0", "b")], 64)
    assert [(one.context, one.size) for one in leases] == [("b", 3)]
    assert (engine.store.names("project"), engine.store.names("context")) == (["p"], ["a", "b"])


def drawn_from(lease):
    k = lease.cell.pick(uniform(lease.seed, lease.first))
    return Drawn(lease.first, lease.first, lease.cell.arms[k].id, lease.cell.probabilities[k])


def test_an_order_holds_at_once(net):
    front = net.front()
    net.decide(front, 2)
    net.engine.control("stop")
    assert {one["arm"] for one in net.decide(front, 40)} == {"default"}
    assert net.engine.status()["decisions"] == KNOWN + 42


def test_with_safety_the_writer_decides_everything():
    engine = Engine.open("memory://", SPACE, seed=1, settings=Settings(safety=Safety()))
    engine.decide_many("p", ["c"] * 2 * SHARE)
    assert engine.leases.grant([("p", "c")], 8) == []


def test_what_only_the_writer_can_decide_is_handed_on(net):
    front = net.front()
    net.decide(front, 2)
    jobs = [JOB | {"available": ["default"]}, JOB | {"job": "again"}]
    answers = [one.json() for one in net.ask(front, *[("POST", "/decide", job) for job in jobs])]
    assert (answers[0]["arm"], answers[1]["job"]) == ("default", "again")
    assert [path for path, _ in net.sent].count(f"{AT}/decide") == 2
    bad = [{"project": "p"}, {"project": "\0", "context": "c"}, {"project": "p", "context": "c", "available": []}]
    assert [one.status_code for one in net.ask(front, *[("POST", "/decide", job) for job in bad])] == [422] * 3
    assert net.ask(front, ("GET", "/beliefs?project=p", None))[0].status_code == 200
    assert len(net.ask(front, ("POST", "/decide:batch", {"jobs": [JOB] * 3}))[0].json()["decisions"]) == 3


def test_keys_open_what_they_open_at_the_writer(net):
    front, service = net.front(), net.service
    ask = lambda key, verb, path, body: net.ask(front, (verb, path, body), key=key)[0].status_code
    own, theirs = service.key("decide", "prover", "p"), JOB | {"project": "q"}
    assert ask(own, "POST", "/decide", JOB) == 200
    made = net.decide(front, 1, key=own)[0]
    other = net.ask(front, ("POST", "/decide", theirs))[0].json()
    assert ask(own, "POST", "/decide", theirs) == 403
    assert ask(own, "POST", "/observe", {"id": made["id"], "utility": 0.1}) == 200
    assert ask(own, "POST", "/observe", {"id": other["id"], "utility": 0.1}) == 403
    assert ask(service.key("observe", "prover"), "POST", "/decide", JOB) == 403
    assert ask(service.key("admin", "farm"), "POST", "/decide", JOB) == 404
    assert ask("pw_0_0", "POST", "/decide", JOB) == ask("\u00e9", "POST", "/decide", JOB) == 401


def test_the_writer_is_asked_once_whose_key_it_is(net):
    front = net.front()
    net.decide(front, 20)
    net.decide(front, 20)
    assert [path for path, _ in net.sent].count("/v1/whoami") == 1


def test_one_caller_is_not_sent_the_cookies_of_another(net):
    seen = []

    async def writer(scope, receive, send):
        seen.append(dict(scope["headers"]))
        head = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"page"})

    front = fronts.application(Upstream("http://writer", net.key, httpx.ASGITransport(writer)))
    pages = [net.ask(front, ("GET", "/page?x=%2F", None), headers={"Cookie": name})[0] for name in ("c=3", "c=4")]
    assert [one.headers.get_list("set-cookie") for one in pages] == [["a=1", "b=2"]] * 2
    assert [(one[b"cookie"], one[b"host"]) for one in seen] == [(b"c=3", b"front"), (b"c=4", b"front")]


def test_a_repeated_request_is_decided_once(net):
    front = net.front()
    first, again = (net.decide(front, 1, headers={"Idempotency-Key": "a"})[0] for _ in range(2))
    assert first == again
    assert net.engine.status()["decisions"] == KNOWN + 1


def test_when_the_writer_is_away_that_is_said(net):
    front = net.front()
    net.decide(front, 2)
    net.away = True
    for one in net.ask(front, ("POST", "/decide", JOB), ("POST", "/observe", {"id": 1, "utility": 0.1}),
                       ("GET", "/overview", None)):  # fmt: skip
        assert (one.status_code, one.headers["content-type"]) == (503, "application/problem+json")
        assert one.headers["retry-after"] == "1"
    net.away = False
    assert net.decide(front, 1)[0]["id"] > 0


def test_a_front_end_without_the_right_key_says_so(net):
    net.key = net.service.key("decide")
    told = net.ask(net.front(), ("POST", "/decide", JOB))[0]
    assert told.status_code == 503
    assert "operator" in told.json()["detail"]


@contextmanager
def in_front(folder, said, end):
    """The address of a front end that runs as a process; then it is sent a signal."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        "from poolwise.cli import main; main()",
        "serve",
        "--json",
        "--front-of",
        said["url"],
    ]
    with subprocess.Popen(
        [*command, "--front-of", said["url"], "--port", str(port)], cwd=folder, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "POOLWISE_KEY": said["key"]},
    ) as process:  # fmt: skip
        try:
            url = json.loads(process.stdout.readline())["url"]
            until_ready(url)
            yield url
        finally:
            process.send_signal(end)
            assert process.wait(60) in (0, -end)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_front_end_that_ends_loses_nothing_that_it_acknowledged(tmp_path, end):
    (tmp_path / "prover.toml").write_text(CONFIG)
    with running(tmp_path, signal.SIGTERM) as said:
        head = {"Authorization": f"Bearer {said['key']}"}
        with in_front(tmp_path, said, end) as url, httpx.Client(headers=head, base_url=url + AT) as client:
            ids = [client.post("/decide", json=JOB).json()["id"] for _ in range(20)]
            for id in ids[:15]:
                assert client.post("/observe", json={"id": id, "utility": 0.1}).json() == {"id": id, "new": True}
        status = httpx.get(f"{said['url']}{AT}/overview", headers=head).json()
        known = [httpx.get(f"{said['url']}{AT}/decisions/{id}", headers=head).status_code for id in ids]
    assert (status["decisions"], status["outcomes"]) == (20, 15)
    assert known == [200] * 20
