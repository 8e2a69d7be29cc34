"""A client whose service is there, is away, and comes back."""

import json

import pytest

from poolwise.errors import ConflictingOutcome, InputError, StoreError, UnknownDecision

httpx = pytest.importorskip(
    "httpx", reason="the client is tested where its extra is installed: pip install '.[client]'"
)
from poolwise.client.client import UNLOGGED, Client  # noqa: E402
from poolwise.client.connection import Away, Patience  # noqa: E402
from poolwise.client.spool import Spool  # noqa: E402


class Service:
    """Answers as ours does; `away` names what happens instead."""

    def __init__(self):
        self.away, self.made, self.learned, self.keys, self.asked = None, {}, {}, {}, []

    def __call__(self, request):
        self.asked.append(request.url.path)
        if self.away == "gone":
            raise httpx.ConnectError("refused")
        if self.away == "busy":
            return httpx.Response(503, json={"detail": "more requests wait than can be taken"})
        path, body = request.url.path.rpartition("/")[2], json.loads(request.content or b"null")
        answer = getattr(self, path.replace(":batch", "_many"))(body, request)
        if self.away == "answer lost":
            self.away = None
            raise httpx.ReadError("broken")
        return answer

    def space(self, body, request):
        return httpx.Response(200, json={"baseline": "default", "arms": []})

    def decide(self, body, request):
        key = request.headers["idempotency-key"]
        if key not in self.keys:
            id = self.keys[key] = len(self.made) + 1
            self.made[id] = {"id": id, "project": body["project"], "context": body["context"], "family": "fast",
                             "params": {}, "arm": "fast(level=1)", "probability": 0.5, "reason": "explored",
                             "time": 0.0, "job": body["job"], "view": 1}  # fmt: skip
        return httpx.Response(200, json=self.made[self.keys[key]])

    def observe(self, body, request):
        if body["id"] not in self.made:
            return httpx.Response(404, json={"detail": "decision is not in this store"})
        if self.learned.setdefault(body["id"], body) != body:
            return httpx.Response(409, json={"detail": "it has another outcome"})
        return httpx.Response(200, json={"id": body["id"], "new": True})

    def observe_many(self, body, request):
        for one in body["outcomes"]:
            self.learned.setdefault(one["id"], one)
        return httpx.Response(200, json={"outcomes": [{"id": o["id"], "verdict": "new"} for o in body["outcomes"]]})


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def client(service, tmp_path, monkeypatch):
    monkeypatch.setattr("poolwise.client.connection.FIRST_PAUSE", 0.0)
    patience = Patience(seconds=0.5, attempts=3)
    found = Client("https://host", "pw_key", workspace="prover", spool=str(tmp_path / "waiting.jsonl"),
                   patience=patience, transport=httpx.MockTransport(service))  # fmt: skip
    found._connection._pause = 0.0
    yield found
    service.away = None
    found.close()


def test_an_answer_that_was_lost_is_asked_for_again_and_is_the_same(service, client):
    client.decide("p", "c")
    service.away = "answer lost"
    decision = client.decide("p", "c")
    assert len(service.made) == 2
    service.away = "answer lost"
    assert client.observe(decision.id, utility=0.1)
    assert service.learned == {decision.id: {"id": decision.id, "utility": 0.1, "status": "ok"}}


@pytest.mark.parametrize("away", ["gone", "busy"])
def test_decisions_go_on_and_outcomes_wait(service, client, away):
    known = client.decide("p", "c")
    service.away = away
    alone = client.decide("p", "c")
    assert (alone.arm, alone.reason) == (known.arm, UNLOGGED)
    assert alone.id < 0
    assert client.decide("p", "another").arm == "default"
    assert client.decide("p", "c", available=["default"]).arm == "default"
    assert client.observe(known.id, utility=0.3)
    assert (client.waiting, service.learned) == (1, {})
    with pytest.raises(UnknownDecision):
        client.observe(alone.id, utility=0.3)
    service.away = None
    assert client.decide("p", "c").id > 0
    assert (client.waiting, service.learned[known.id]["utility"]) == (0, 0.3)


def test_a_service_that_was_never_reached_is_said_to_be_away(service, client):
    service.away = "gone"
    with pytest.raises(Away, match="never reached"):
        client.decide("p", "c")
    with pytest.raises(Away):
        client.beliefs()


def test_one_that_is_away_is_left_alone_for_a_while(service, client):
    client.decide("p", "c")
    service.away, client._connection._pause = "gone", 30.0
    client.decide("p", "c")
    before = len(service.asked)
    for _ in range(20):
        client.decide("p", "c")
    assert len(service.asked) == before


def test_what_is_wrong_is_told_as_the_engine_tells_it(service, client):
    decision = client.decide("p", "c")
    client.observe(decision.id, utility=0.1)
    with pytest.raises(ConflictingOutcome, match="another outcome"):
        client.observe(decision.id, utility=0.2)
    with pytest.raises(UnknownDecision):
        client.observe(99, utility=0.2)
    for wrong in ({"url": "host:8000"}, {"workspace": ""}):
        with pytest.raises(InputError):
            Client(**{"url": "https://host", "key": "k", "workspace": "w", **wrong})
    assert issubclass(Away, StoreError)


def test_outcomes_that_wait_survive_the_process_and_a_half_written_line(tmp_path):
    path = tmp_path / "spool" / "waiting.jsonl"
    for number in range(3):
        Spool(path).add({"id": number, "utility": 0.1})
    with path.open("ab") as file:
        file.write(b'{"id": 3, "uti')
    sent = []
    with pytest.raises(Away):
        Spool(path).send(lambda reports: (_ for _ in ()).throw(Away("gone")))
    Spool(path).add({"id": 4, "utility": 0.1})
    assert len(Spool(path)) == 4
    assert Spool(path).send(sent.extend) == 4
    assert [one["id"] for one in sent] == [0, 1, 2, 4]
    assert len(Spool(path)) == 0


def test_features_go_with_the_job(client, service):
    import numpy as np

    bodies = []
    service.decide_many = lambda body, request: bodies.append(body) or httpx.Response(200, json={"decisions": []})
    answered = service.decide
    service.decide = lambda body, request: bodies.append(body) or answered(body, request)
    client.decide("p", "c", features={"size": np.int64(3), "logic": "sat", "depth": float("nan")})
    client.decide_many("p", ["c", "d"], features={"size": np.array([1.5, np.nan]), "logic": "sat"})
    assert bodies[0]["features"] == {"size": 3, "logic": "sat", "depth": None}
    assert [job["features"] for job in bodies[1]["jobs"]] == [
        {"size": 1.5, "logic": "sat"},
        {"size": None, "logic": "sat"},
    ]
