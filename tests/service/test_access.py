"""Who may do what: every endpoint, by every role, in every workspace."""

import re
import time

import pytest

from poolwise.service.access import Access, Rate
from poolwise.service.problems import Refused
from poolwise.store.accounts import ROLES, Accounts

JOB = {"project": "p", "context": "c"}
ENDPOINTS = [
    ("POST", "decide", JOB, "decide"),
    ("POST", "decide:batch", {"jobs": [JOB]}, "decide"),
    ("POST", "observe", {"id": 1, "utility": 0.1}, "observe"),
    ("POST", "observe:batch", {"outcomes": [{"id": 1, "utility": 0.1}]}, "observe"),
    ("POST", "exchange", {"jobs": [JOB]}, "operator"),
    ("GET", "beliefs", None, "decide"),
    ("GET", "best", None, "decide"),
    ("GET", "projects", None, "decide"),
    ("GET", "space", None, "decide"),
    ("GET", "decisions/1", None, "decide"),
    ("GET", "decisions/1/explanation", None, "decide"),
    ("GET", "overview", None, "decide"),
    ("GET", "refits", None, "decide"),
    ("POST", "refits", {}, "operator"),
    ("GET", "orders", None, "decide"),
    ("POST", "orders", {"order": "stop"}, "operator"),
    ("GET", "keys", None, "admin"),
    ("POST", "keys", {"name": "n", "role": "decide"}, "admin"),
    ("DELETE", "keys/none", None, "admin"),
    ("GET", "audit", None, "admin"),
    ("DELETE", "projects/none", None, "admin"),
    ("GET", "exports/prior", None, "admin"),
]
"""Verb, path, body, and the least role."""


def test_every_endpoint_is_in_the_table(service):
    prefix = "/v1/workspaces/{workspace}/"
    described = service.app.openapi()["paths"]
    found = {
        (verb.upper(), re.sub("{.*?}", "*", path.removeprefix(prefix)))
        for path, verbs in described.items()
        for verb in verbs
        if path.startswith(prefix)
    }
    assert found == {(verb, re.sub("/(1|none)", "/*", path)) for verb, path, *_ in ENDPOINTS}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_those_before_it_may_and_no_more(service, role):
    assert service.ask("POST", "/v1/workspaces/prover/decide", service.key(), json=JOB).status_code == 200
    key = service.key(role, "prover")
    for verb, path, body, least in ENDPOINTS:
        may = ROLES.index(role) >= ROLES.index(least)
        status = service.ask(verb, f"/v1/workspaces/prover/{path}", key, json=body).status_code
        assert (status != 403) == may, (verb, path, status)
        assert status != 401 and status < 500, (verb, path, status)  # noqa: PT018


def test_what_is_not_yours_is_not_there_whether_it_is_or_not(service):
    key = service.key("admin", "prover")
    for verb, path, body, _ in ENDPOINTS:
        other, none = (
            service.ask(verb, f"/v1/workspaces/{name}/{path}", key, json=body) for name in ("farm", "nowhere")
        )
        assert (other.status_code, other.content) == (none.status_code, none.content)
        assert other.status_code == 404


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer pw_", "Basic x", "Bearer pw_0_0", "Bearer \x00_\u0661"])
def test_without_a_key_nothing_is_answered(service, header):
    sent = {} if header is None else {"Authorization": header.encode("utf-8")}
    for verb, path, body, _ in ENDPOINTS:
        answer = service.ask(verb, f"/v1/workspaces/prover/{path}", headers=sent, json=body)
        assert answer.status_code == 401, (verb, path)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_for_one_project_sees_no_other(service):
    every, own = service.key(), service.key("operator", "prover", "mine")
    ask = lambda key, verb, path, body=None: service.ask(verb, f"/v1/workspaces/prover/{path}", key, json=body)
    other = ask(every, "POST", "decide", {"project": "theirs", "context": "c"}).json()["id"]
    mine = ask(own, "POST", "decide", {"project": "mine", "context": "c"}).json()["id"]
    assert ask(own, "POST", "observe", {"id": mine, "utility": 0.1}).status_code == 200
    assert ask(own, "GET", "beliefs?project=mine").status_code == 200
    assert ask(own, "GET", f"decisions/{mine}").status_code == 200
    refused = [
        ("POST", "decide", {"project": "theirs", "context": "c"}),
        (
            "POST",
            "decide:batch",
            {"jobs": [{"project": "mine", "context": "c"}, {"project": "theirs", "context": "c"}]},
        ),
        ("POST", "observe", {"id": other, "utility": 0.1}),
        ("POST", "observe:batch", {"outcomes": [{"id": mine, "utility": 0.1}, {"id": other, "utility": 0.1}]}),
        ("POST", "exchange", {"jobs": [{"project": "mine", "context": "c"}]}),
        ("GET", "beliefs", None),
        ("GET", "best?project=theirs", None),
        ("GET", "projects", None),
        ("GET", "overview", None),
        ("GET", "orders", None),
        ("GET", f"decisions/{other}", None),
        ("GET", f"decisions/{other}/explanation", None),
        ("POST", "orders", {"order": "stop"}),
        ("POST", "refits", {}),
        ("GET", "refits", None),
    ]
    assert {(path, ask(own, verb, path, body).status_code) for verb, path, body in refused} == {
        (path, 403) for _, path, _ in refused
    }


def test_a_key_for_one_project_is_told_no_names(service):
    every, own = service.key(), service.key("operator", "prover", "mine")
    service.ask("POST", "/v1/workspaces/prover/decide", every, json={"project": "theirs", "context": "secret"})
    service.ask("POST", "/v1/workspaces/prover/decide", own, json={"project": "mine", "context": "c"})
    for verb, path, body in (
        ("GET", "beliefs?project=mine&context=none", None),
        ("GET", "best?project=mine&context=none", None),
        ("POST", "orders", {"order": "stop", "project": "mine", "context": "none"}),
    ):
        told = service.ask(verb, f"/v1/workspaces/prover/{path}", own, json=body)
        assert (told.status_code, "secret" in told.text) == (422, False)
        assert "secret" in service.ask(verb, f"/v1/workspaces/prover/{path}", every, json=body).text


def test_keys_end():
    accounts = Accounts("memory://")
    access = Access(accounts)
    lasting, text = accounts.add("a", "decide")
    _, over = accounts.add("b", "decide", expires=time.time() - 1)
    assert access.of(f"Bearer {text}").id == lasting.id
    for wrong in (over, text[:-1], text + "x", text.replace("pw_", "pw-")):
        with pytest.raises(Refused) as refused:
            access.of(f"Bearer {wrong}")
        assert refused.value.status == 401
    accounts.revoke(lasting.id)
    access.forget()
    with pytest.raises(Refused):
        access.of(f"Bearer {text}")


def test_a_key_that_asks_too_often_is_told_when_to_come_back():
    accounts = Accounts("memory://")
    header = f"Bearer {accounts.add('a', 'decide')[1]}"
    access = Access(accounts, Rate(per_second=1e-3, burst=3))
    for _ in range(3):
        access.of(header)
    with pytest.raises(Refused) as refused:
        access.of(header)
    assert refused.value.status == 429
    assert int(refused.value.headers["Retry-After"]) > 0
