"""The console's pages: who sees what, what is escaped, what a form needs, and what an order leaves behind."""

import html
import re
from html.parser import HTMLParser

import pytest

from poolwise.errors import StoreGone
from poolwise.service.console.session import COOKIE, Sessions
from poolwise.store.accounts import ROLES
from tests.service.conftest import httpx

AT = "/console/w/prover"
HOSTILE = "<script>alert(1)</script>'\"&{{7*7}}"
LONG = "x" * 1_000
RIGHT_TO_LEFT = "\u05d0\u05d1 <b-hostile>"
PAGES = [
    ("", "decide", True),
    ("/contexts", "decide", False),
    ("/context?project=p&context=c", "decide", False),
    ("/decisions", "decide", False),
    ("/decision/1", "decide", False),
    ("/projects", "decide", True),
    ("/refits", "decide", True),
    ("/orders", "decide", False),
    ("/orders/confirm?order=stop&project=p", "operator", False),
    ("/keys", "admin", True),
    ("/audit", "admin", True),
]
"""Path, least role, and whether a key for one project is refused."""


class Browser:
    """Keeps cookies; forms carry the token of the session."""

    def __init__(self, service, key=None):
        self.service = service
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://service")
        if key:
            assert self.sign_in(key).status_code == 303

    def get(self, path):
        self.service.app.state.access.forget()
        return self.service.run(self.client.get(path))

    def post(self, path, **fields):
        return self.service.run(self.client.post(path, data=fields))

    def sign_in(self, key, **more):
        token = re.search('name="csrf" value="([^"]+)"', self.get("/console/sign-in").text)[1]
        return self.post("/console/sign-in", key=key, csrf=token, **more)

    @property
    def token(self):
        return self.service.app.state.console.sessions.of(self.client.cookies[COOKIE]).token

    def send(self, path, **fields):
        return self.post(path, csrf=self.token, **fields)


class Checked(HTMLParser):
    """What a page is made of; every id once, every field labelled, every tag closed."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "line", "polyline", "polygon", "rect"})

    def __init__(self, text):
        super().__init__()
        self.ids, self.tags, self.open, self.wild = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        if tag in ("input", "select") and found.get("type") != "hidden":
            assert "label" in self.open, found
        if any(name.startswith("on") or name == "style" for name in found) or tag in ("script", "style", "b-hostile"):
            self.wild.append((tag, found))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open)


def checked(answer):
    """The page's text, after looking at what holds for every page."""
    assert answer.headers["content-type"].startswith("text/html")
    found = Checked(answer.text)
    assert len(set(found.ids)) == len(found.ids)
    assert found.wild == []
    assert found.tags.count("h1") == found.tags.count("main") == 1
    assert '<html lang="en">' in answer.text
    assert len(answer.content) < 300_000
    return answer.text


def decide(service, *jobs):
    """Decisions and outcomes through the engine itself."""
    engine = service.app.state.workspaces["prover"].engine
    for project, context in jobs:
        engine.observe(engine.decide(project, context).id, cost=0.8, baseline_cost=1.0)
    return engine


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Pages wait until what they show is there, however slow the machine."""
    monkeypatch.setattr("poolwise.service.console.kept.PATIENCE", 60.0)


@pytest.fixture
def admin(service):
    decide(service, *[("p", "c"), ("p", "d"), ("q", "c")] * 4)
    return Browser(service, service.key())


@pytest.mark.parametrize("role", ROLES[1:])
def test_every_page_answers_every_role_as_it_should(service, admin, role):
    for project in (None, "p"):
        browser = Browser(service, service.key(role, "prover", project))
        for path, least, every in PAGES:
            may = ROLES.index(role) >= ROLES.index(least) and not (every and project)
            answer = browser.get(AT + path)
            assert answer.status_code == (200 if may else 403), (path, project)
            checked(answer)


def test_safe_headers_are_on_every_answer(service, admin):
    for path in [
        "/console/sign-in",
        "/console/none",
        "/console/static/style.css",
        AT,
        AT + "/decision/99",
        AT + "/none",
    ]:
        answer = admin.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert admin.get("/console/static/../app.py").status_code == 404


def test_without_a_session_every_page_leads_to_the_form_and_back(service, admin):
    browser = Browser(service)
    for path, *_ in PAGES:
        answer = browser.get(AT + path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/sign-in?to=")
    assert browser.sign_in(service.key(), to=f"{AT}/orders").headers["location"] == f"{AT}/orders"
    for elsewhere in ("https://example.org", "//example.org", "/console/w/\\example.org"):
        assert Browser(service).sign_in(service.key(), to=elsewhere).headers["location"] == "/console"


def test_other_workspaces_are_not_there_whether_they_are_or_not(service):
    browser = Browser(service, service.key("admin", "prover"))
    for path, *_ in PAGES:
        other, none = (browser.get(f"/console/w/{name}{path}") for name in ("farm", "nowhere"))
        assert other.status_code == none.status_code == 404
        assert other.content == none.content
    assert browser.get("/console").headers["location"] == AT
    assert "farm" in checked(Browser(service, service.key()).get("/console"))


def test_a_wrong_key_opens_nothing(service):
    for key in ("", "pw_0_0", service.key() + "x", "\u05d0"):
        answer = Browser(service).sign_in(key)
        assert answer.status_code == 401
        assert COOKIE not in answer.headers.get("set-cookie", "")
    assert Browser(service).sign_in(service.key("observe")).status_code == 403


def test_the_cookie_is_for_this_site_and_no_script_and_holds_no_key(service):
    key = service.key()
    cookie = Browser(service).sign_in(key).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert key.split("_", 2)[2] not in cookie
    secure = httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="https://service")
    assert "Secure" in service.run(secure.get("/console/sign-in")).headers["set-cookie"]


def test_a_session_ends(service, admin, monkeypatch):
    other = Browser(service, service.key())
    assert admin.send("/console/sign-out").status_code == 303
    assert admin.get(AT).status_code == 303
    assert other.get(AT).status_code == 200
    made = service.accounts.add("short", "admin")
    brief = Browser(service, made[1])
    service.accounts.revoke(made[0].id)
    assert brief.get(AT).status_code == 303
    monkeypatch.setattr("poolwise.service.console.session.IDLE", -1.0)
    assert other.get(AT).status_code == 303


def test_sessions_are_not_more_than_fit(monkeypatch):
    monkeypatch.setattr("poolwise.service.console.session.MOST", 3)
    sessions = Sessions()
    ids = [sessions.begin(str(k)) for k in range(5)]
    assert [sessions.of(id) is not None for id in ids] == [False, False, True, True, True]


POSTS = [
    ("/console/sign-in", {"key": "pw_0_0"}),
    ("/console/sign-out", {}),
    (AT + "/orders", {"order": "stop"}),
    (AT + "/orders/undo", {"number": "1"}),
    (AT + "/keys", {"name": "n", "role": "admin"}),
    (AT + "/keys/revoke", {"id": "x"}),
]


@pytest.mark.parametrize("token", [None, "", "wrong", "\u05d0"])
def test_a_form_without_its_token_does_nothing(service, admin, token):
    before = service.accounts.audit()
    for path, fields in POSTS:
        answer = admin.post(path, **fields, **({} if token is None else {"csrf": token}))
        assert answer.status_code == 403, path
        checked(answer)
    assert service.accounts.audit() == before
    assert admin.get(AT).status_code == 200


@pytest.mark.parametrize("body", [b"%ff=%ff", b"=&&&=", b"a" * 9, b"&".join([b"a=b"] * 99), b"\xff"])
def test_a_form_that_cannot_be_read_is_told(service, admin, body):
    answer = service.run(admin.client.post(AT + "/orders", content=body))
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("name", [HOSTILE, LONG, RIGHT_TO_LEFT], ids=["script", "long", "right to left"])
def test_hostile_names_are_text(service, name):
    engine = decide(service, *[(name, name)] * 3)
    engine.control("freeze", project=name, context=name)
    service.accounts.add(name, "decide", "prover", project=name)
    browser = Browser(service, service.accounts.add(name, "admin")[1])
    paths = ["", "/contexts", f"/context?{httpx.QueryParams(project=name, context=name)}", "/decisions", "/decision/1",
             "/projects", "/refits", "/orders", "/keys", "/audit", f"/contexts?{httpx.QueryParams(project=name)}",
             f"/decisions?{httpx.QueryParams(project=name)}"]  # fmt: skip
    seen = 0
    for path in paths:
        answer = browser.get(AT + path)
        assert answer.status_code == 200, path
        text = checked(answer)
        seen += html.escape(name, quote=False)[:9] in text.replace("&#34;", '"').replace("&#39;", "'")
    assert seen >= len(paths) - 1


@pytest.mark.parametrize(
    "query", ["project=\u202eabc", "project=%00", "context=%1b[31m", "before=x", "limit=0", "page=0", "limit=9999"]
)
def test_a_query_that_means_nothing_is_told_as_text(service, admin, query):
    answer = admin.get(f"{AT}/decisions?{query}")
    assert answer.status_code in (200, 422)
    assert "\u202e" not in re.sub('value="[^"]*"', "", answer.text)


def test_an_order_is_confirmed_given_undone_and_noted(service, admin):
    asked = admin.get(f"{AT}/orders/confirm?order=ban&arm=fast&project=&context=")
    assert "fast(level=1)" in checked(asked)
    assert "ban" not in checked(admin.get(AT + "/orders")).split("In force")[1].split("Give an order")[0]
    done = admin.send(AT + "/orders", order="ban", arm="fast")
    assert done.headers["location"] == f"{AT}/orders?done=1"
    assert "Undo order 1" in checked(admin.get(done.headers["location"]))
    engine = service.app.state.workspaces["prover"].engine
    assert len(engine.overview()["orders"]) == 2
    assert admin.send(AT + "/orders/undo", number="1").status_code == 303
    assert engine.overview()["orders"] == []
    noted = [one for one in service.accounts.audit("prover") if one.action == "order"]
    assert [one.detail for one in noted] == [
        {"order": "unban", "arm": "fast", "undoes": 1},
        {"order": "ban", "arm": "fast"},
    ]
    assert all(one.key for one in noted)
    assert "unban" in checked(admin.get(AT + "/audit"))


@pytest.mark.parametrize("order", ["stop", "freeze", "pin", "ban"])
def test_undoing_leaves_what_was_before(service, admin, order):
    engine = service.app.state.workspaces["prover"].engine
    engine.control("pin", "default", project="p")
    engine.control("ban", "fast(level=1)", context="c")
    before = engine.overview()["orders"]
    scope = {"context": "c"} if order == "ban" else {"project": "p"}
    arm = {"pin": {"arm": "fast(level=2)"}, "ban": {"arm": "fast"}}.get(order, {})
    assert admin.send(AT + "/orders", order=order, **arm, **scope).status_code == 303
    assert engine.overview()["orders"] != before
    assert admin.send(AT + "/orders/undo", number="3").status_code == 303
    assert engine.overview()["orders"] == before


@pytest.mark.parametrize(
    "fields",
    [{"order": "fly"}, {"order": "ban"}, {"order": "ban", "arm": "default"}, {"order": "stop", "project": "none"}],
)
def test_an_order_that_means_nothing_is_told_and_not_noted(service, admin, fields):
    before = len(service.accounts.audit())
    assert admin.get(f"{AT}/orders/confirm?{httpx.QueryParams(fields)}").status_code == 422
    assert admin.send(AT + "/orders", **fields).status_code == 422
    assert len(service.accounts.audit()) == before


def test_a_key_for_one_project_orders_there_alone(service, admin):
    own = Browser(service, service.key("operator", "prover", "p"))
    assert own.send(AT + "/orders", order="stop").status_code == 303
    assert own.send(AT + "/orders", order="stop", project="q").status_code == 403
    admin.send(AT + "/orders", order="freeze", project="q")
    engine = service.app.state.workspaces["prover"].engine
    assert engine.overview()["orders"] == ["stop: p", "freeze: q"]
    text = checked(own.get(AT + "/orders"))
    assert "freeze" not in text.split("In force")[1].split("Give an order")[0]
    assert own.send(AT + "/orders/undo", number="2").status_code == 404
    for path in ("/contexts?project=q", "/context?project=q&context=c", "/decisions?project=q", "/decision/3"):
        assert own.get(AT + path).status_code == 403, path
    assert not re.search(r"<bdi[^>]*>q</bdi>", own.get(AT + "/decisions").text + own.get(AT + "/contexts").text)
    decide = Browser(service, service.key("decide", "prover"))
    assert decide.send(AT + "/orders", order="stop").status_code == 403


def test_a_key_is_shown_once_and_ends(service, admin):
    made = admin.send(AT + "/keys", name="farm", role="decide", days="2")
    assert made.status_code == 201
    text = re.search("pw_[0-9a-f]+_[^<]+", checked(made))[0]
    assert made.headers["cache-control"] == "no-store"
    assert text not in admin.get(AT + "/keys").text
    assert service.ask("GET", "/v1/workspaces/prover/best", text).status_code == 200
    id = text.split("_")[1]
    assert "farm" in checked(admin.get(f"{AT}/keys/revoke?id={id}"))
    assert admin.send(AT + "/keys/revoke", id=id).status_code == 303
    assert service.ask("GET", "/v1/workspaces/prover/best", text).status_code == 401
    assert admin.send(AT + "/keys/revoke", id="none").status_code == 404
    for wrong in ({"name": ""}, {"days": "soon"}, {"days": "-1"}, {"role": "king"}, {"days": "nan"}):
        assert admin.send(AT + "/keys", **{"name": "n", "role": "decide", **wrong}).status_code == 422, wrong


def test_decisions_are_paged_by_their_place_and_each_is_there_once(service, admin):
    seen, path = [], f"{AT}/decisions?limit=5"
    while path:
        text = checked(admin.get(path))
        seen += [int(one) for one in re.findall(r'/decision/(\d+)"', text)]
        older = re.search('href="([^"]+)" rel="next"', text)
        path = html.unescape(older[1]) if older else None
    assert seen == list(range(12, 0, -1))
    found = re.findall(r'/decision/(\d+)"', admin.get(f"{AT}/decisions?project=q").text)
    assert found == ["12", "9", "6", "3"]


def test_a_decision_that_no_store_can_hold_is_not_there(admin):
    for id in (10**30, 2**63, 0):
        assert admin.get(f"{AT}/decision/{id}").status_code == 404


def test_pages_say_what_the_engine_says(service, admin):
    engine = service.app.state.workspaces["prover"].engine
    text = html.unescape(checked(admin.get(AT + "/decision/4")))
    assert all(sentence in text for sentence in engine.explain(4)["sentences"])
    text = checked(admin.get(AT + "/context?project=p&context=c"))
    assert "fast(level=1)" in text
    assert "by definition" in text
    assert admin.get(AT + "/context?project=p&context=none").status_code == 422
    assert admin.get(AT + "/decision/99").status_code == 404
    assert "1.25×" in checked(admin.get(AT))


def test_a_shadow_is_not_undone_without_proof(service, admin):
    assert admin.send(AT + "/orders", order="shadow", project="p").status_code == 303
    before = len(service.accounts.audit())
    refused = admin.send(AT + "/orders/undo", number="1")
    assert refused.status_code == 422
    assert "not promoted" in checked(refused)
    assert "shadow" in checked(admin.get(AT + "/orders")).split("In force")[1].split("Give an order")[0]
    assert len(service.accounts.audit()) == before


def test_a_store_that_fails_is_said_and_what_was_known_stays(service, admin, monkeypatch):
    engine = service.app.state.workspaces["prover"].engine
    look = service.app.state.console.observed("prover", engine).look
    real = engine.store.made
    monkeypatch.setattr(engine.store, "made", failing)
    answer = admin.get(AT)
    assert answer.status_code == 503
    assert "the disk is gone" in checked(answer)
    monkeypatch.setattr(engine.store, "made", real)
    look.outdated()
    assert "all well" in checked(admin.get(AT))
    monkeypatch.setattr(engine.store, "made", failing)
    look.outdated()
    text = checked(admin.get(AT))
    assert "the disk is gone" in text
    assert "1.25×" in text


def test_an_error_that_should_not_be_is_a_page_too(service, admin, monkeypatch, caplog):
    engine = service.app.state.workspaces["prover"].engine
    monkeypatch.setattr(engine.store, "snapshots", lambda *_: 1 / 0)
    answer = admin.get(AT + "/refits")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in checked(answer)
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert "division" in caplog.text


def failing():
    raise StoreGone("the disk is gone")


def test_snapshots_are_read_once(service, admin, monkeypatch):
    engine = service.app.state.workspaces["prover"].engine
    observed = service.app.state.console.observed("prover", engine)
    asked, real = [], engine.store.snapshots
    monkeypatch.setattr(engine.store, "snapshots", lambda after=0: asked.append(after) or real(after))
    first = observed.snapshots()
    engine.refit()
    again = observed.snapshots()
    assert asked[0] == 0
    assert len(first) in asked[1:]
    assert [one.id for one in again] == [one.id for one in real()]
    assert "checks of the gate" in checked(admin.get(AT + "/refits"))
