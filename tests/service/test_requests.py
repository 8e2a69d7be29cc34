"""What is answered: the engine's own words, or a problem that says what is wrong."""

import json

import pytest

from poolwise.service.guard import MOST

AT = "/v1/workspaces/prover/"
JOB = {"project": "p", "context": "c"}


@pytest.fixture
def ask(service):
    key = service.key()
    return lambda verb, path, body=None, **more: service.ask(verb, AT + path, key, json=body, **more)


def test_a_decision_is_learned_once(ask):
    made = ask("POST", "decide", JOB).json()
    assert {**JOB, "params": made["params"], "job": None}.items() <= made.items()
    assert made["id"] > 0
    report = {"id": made["id"], "cost": 0.8, "baseline_cost": 1.2}
    assert [ask("POST", "observe", report).json()["new"] for _ in range(2)] == [True, False]
    other = ask("POST", "observe", report | {"cost": 3.0})
    assert other.status_code == 409
    assert "report each decision once" in other.json()["detail"]
    assert ask("GET", f"decisions/{made['id']}").json()["outcome"]["cost"] == 0.8
    assert ask("GET", f"decisions/{made['id']}/explanation").status_code == 200


def test_a_batch_is_as_its_rows(ask):
    jobs = [{"project": f"p{i % 3}", "context": f"c{i % 2}"} for i in range(12)]
    jobs[5] |= {"available": ["default"]}
    jobs[6] |= {"job": "recurs"}
    made = ask("POST", "decide:batch", {"jobs": jobs}).json()["decisions"]
    assert [(one["project"], one["context"]) for one in made] == [(one["project"], one["context"]) for one in jobs]
    assert made[5]["arm"] == "default"
    assert made[6]["job"] == "recurs"
    known = {one["id"]: ask("GET", f"decisions/{one['id']}").json() for one in made}
    assert all(known[one["id"]][name] == one[name] for one in made for name in ("arm", "probability", "view", "reason"))
    rows = [{"id": made[0]["id"], "utility": 0.1}, {"id": 10**9, "utility": 0.1}, {"id": made[1]["id"], "cost": -1.0}]
    found = ask("POST", "observe:batch", {"outcomes": [*rows, rows[0], rows[0] | {"utility": 0.2}]}).json()["outcomes"]
    assert [one["verdict"] for one in found] == ["new", "unknown", "invalid", "repeated", "conflicting"]


def test_features_are_told_apart_stored_and_refused(features_service):
    key = features_service.key()
    ask = lambda path, body: features_service.ask("POST", "/v1/workspaces/sized/" + path, key, json=body)
    made = ask("decide", JOB | {"features": {"size": 12, "kind": "sparse"}}).json()
    jobs = [JOB | {"features": {"size": 3.5}}, JOB, JOB | {"features": {"kind": None, "size": 7}}]
    several = ask("decide:batch", {"jobs": jobs}).json()["decisions"]
    assert several[0]["view"] != several[1]["view"]
    known = [features_service.ask("GET", f"/v1/workspaces/sized/decisions/{one['id']}", key).json()["features"]
             for one in (made, *several)]  # fmt: skip
    assert known == [{"size": 12.0, "kind": "sparse"}, {"size": 3.5}, {}, {"size": 7.0}]
    for wrong in ({"siz": 1}, {"size": "12"}, {"kind": "none"}, {"size": [1]}, [1]):
        assert ask("decide", JOB | {"features": wrong}).status_code == 422
        assert ask("decide:batch", {"jobs": [JOB, JOB | {"features": wrong}]}).status_code == 422
    for number, status in ((b"1e400", 422), (b"Infinity", 422), (b"-Infinity", 422)):
        body = b'{"project": "p", "context": "c", "features": {"size": ' + number + b"}}"
        path, typed = "/v1/workspaces/sized/decide", {"Content-Type": "application/json"}
        assert features_service.ask("POST", path, key, typed, content=body).status_code == status
    assert ask("decide", JOB | {"features": {}}).status_code == 200


def test_the_same_idempotency_key_has_the_same_answer(ask):
    first, again = (ask("POST", "decide", JOB, headers={"Idempotency-Key": "a"}) for _ in range(2))
    assert first.json() == again.json()
    assert ask("POST", "decide", JOB, headers={"Idempotency-Key": "b"}).json()["id"] != first.json()["id"]
    other = ask("POST", "decide", JOB | {"context": "d"}, headers={"Idempotency-Key": "a"})
    assert other.status_code == 422
    assert "another body" in other.json()["detail"]


BAD = [
    ("decide", b"", 422),
    ("decide", b"{", 400),
    ("decide", b"[]", 422),
    ("decide", b'{"project": "p"}', 422),
    ("decide", b'{"project": "", "context": "c"}', 422),
    ("decide", b'{"project": "\\u0000", "context": "c"}', 422),
    ("decide", b'{"project": "p", "context": "c", "more": 1}', 422),
    ("decide", b'{"project": 1, "context": "c"}', 422),
    ("decide", b'{"project": "p", "context": "c", "available": ["no such"]}', 422),
    ("decide", b'{"project": "p", "context": "c", "available": []}', 422),
    ("observe", b'{"id": 1, "utility": NaN}', 422),
    ("observe", b'{"id": 1, "utility": 1e400}', 422),
    ("observe", b'{"id": 1, "status": "won"}', 422),
    ("observe", b'{"id": 99999999999999999999999, "utility": 1}', 404),
    ("observe", b'{"id": -4, "utility": 1}', 404),
    ("decide", b'{"project": "\xff", "context": "c"}', 400),
    ("decide", b"[" * 100_000, 400),
    ("orders", b'{"order": "fly"}', 422),
    ("refits", b'{"method": "guess"}', 422),
]


@pytest.mark.parametrize(("path", "body", "status"), BAD, ids=range(len(BAD)))
def test_bad_input_is_told_in_one_line(service, path, body, status):
    answer = service.ask("POST", AT + path, service.key(), {"Content-Type": "application/json"}, content=body)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["detail"]
    assert "\n" not in problem["detail"]


def test_a_body_that_is_too_large_is_not_read(service):
    for headers in ({}, {"Content-Length": str(MOST + 1)}):
        answer = service.ask("POST", AT + "decide", service.key(), headers, content=b" " * (MOST + 1))
        assert answer.status_code == 413


def test_a_forgotten_project_is_gone_and_the_log_does_not_name_it(service, ask):
    ask("POST", "decide", {"project": "secret", "context": "c"})
    assert ask("DELETE", "projects/secret").json()["decisions"] == 1
    assert ask("DELETE", "projects/secret").status_code == 422
    log = ask("GET", "audit").json()
    assert log[0]["action"] == "project deletion"
    assert "secret" not in json.dumps(log)


def test_orders_and_keys_are_noted(ask):
    assert ask("POST", "orders", {"order": "ban", "arm": "fast"}).status_code == 200
    made = ask("POST", "keys", {"name": "farm", "role": "decide", "project": "p", "expires_in": 60.0}).json()
    assert made["key"].startswith(f"pw_{made['id']}_")
    assert made["workspace"] == "prover"
    assert ask("DELETE", f"keys/{made['id']}").status_code == 204
    assert [one["action"] for one in ask("GET", "audit").json()][:3] == ["key revoked", "key created", "order"]
    assert made["key"] not in json.dumps(ask("GET", "keys").json())


def test_an_id_that_no_store_can_hold_is_not_there(service, ask):
    own = service.key("operator", "prover", "p")
    for id in (10**30, -(10**30), 2**63, 0):
        assert ask("GET", f"decisions/{id}").status_code == ask("GET", f"decisions/{id}/explanation").status_code == 404
        assert service.ask("POST", AT + "observe", own, json={"id": id, "utility": 0.1}).status_code == 404


def test_health_and_metrics(service, ask):
    made = ask("POST", "decide", JOB).json()
    ask("POST", "observe", {"id": made["id"], "cost": 2.0, "baseline_cost": 1.0})
    assert service.ask("GET", "/live").json() == {"status": "live"}
    assert service.ask("GET", "/ready").json() == {"status": "ready", "faults": 0}
    text = service.ask("GET", "/metrics", service.key("operator")).text
    assert 'poolwise_decisions_total{workspace="prover"} 1.0' in text
    assert 'poolwise_unsafe_outcomes_total{workspace="prover"} 1.0' in text
    assert 'poolwise_outcome_delay_seconds_count{workspace="prover"} 1.0' in text
    assert 'poolwise_request_seconds_count{route="/v1/workspaces/{workspace}/decide",status="200"} 1.0' in text
    assert service.ask("GET", "/metrics", service.key("admin", "prover")).status_code == 403
