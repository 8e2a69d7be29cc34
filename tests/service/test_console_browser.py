"""The console in a real browser: narrow and wide, light and dark, by keyboard; it takes the picture of the docs."""

import contextlib
import math
import random
import shutil
import time
from io import BytesIO

import pytest

from poolwise.config import load
from poolwise.errors import ConflictingOutcome
from poolwise.service.workspaces import engine_of
from tests.service.conftest import httpx
from tests.service.test_serve import running

playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright: pip install it")
image = pytest.importorskip(
    "PIL.Image", reason="the picture is made small by Pillow, which comes with the extra report"
)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs a Chromium: apt install chromium"),
]
CONFIG = """
[run]
store = "sqlite:///prover.db"
[space]
baseline = "default"
[space.families.default]
[space.families.simplify]
[space.families.nlsat]
parameters.factor = { type = "choice", values = [1, 2, 4] }
[space.families.sampling]
parameters.ratio = { type = "choice", values = [0.1, 0.5] }
[safety]
[exploration]
context_budget = 0.5
"""
PROJECTS = ("mathlib", "hypervisor", "tls-stack", "flight-control", "smart-contracts", "compiler-passes")
CONTEXTS = ("nonlinear_arithmetic", "bitvectors", "quantifiers", "arrays", "strings")
DAYS, JOBS = 3.0, 2_400
PAGES = (
    "", "/contexts", "/context?project=mathlib&context=bitvectors", "/decisions", "/decision/{last}", "/projects",
    "/refits", "/orders", "/orders/confirm?order=stop&project=mathlib", "/keys", "/audit",
)  # fmt: skip
LOOKS = [(width, scheme) for width in (400, 980, 1280) for scheme in ("light", "dark")]


def fill(folder, monkeypatch):
    """A store of three days; the id of its last decision."""
    (folder / "prover.toml").write_text(CONFIG)
    draw, end, clock = random.Random(1), time.time(), [0.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    monkeypatch.chdir(folder)
    effect = {name: draw.gauss(0.05, 0.2) for name in CONTEXTS}
    with engine_of(load(str(folder / "prover.toml"))) as engine:
        best = {arm.id: draw.gauss(0.1, 0.25) for arm in engine.space.arms} | {"default": 0.0}
        for job in range(JOBS):
            clock[0] = end - DAYS * 86_400 * (1 - job / JOBS) ** 0.8
            context = draw.choice(CONTEXTS)
            made = engine.decide(draw.choice(PROJECTS), context)
            clock[0] += 5.0
            gain = (best[made.arm] + effect[context] * math.copysign(1, best[made.arm])) * (made.arm != "default")
            if job < JOBS - 12:
                cost = math.exp(-gain + draw.gauss(0, 0.12))
                engine.observe(made.id, cost=cost, baseline_cost=1.0, status="ok" if draw.random() > 0.01 else "failed")
        engine.control("freeze", project="flight-control")
        with contextlib.suppress(ConflictingOutcome):
            engine.observe(1, utility=-1.0)
    monkeypatch.undo()
    return made.id


@pytest.fixture
def place(tmp_path, monkeypatch):
    last = fill(tmp_path, monkeypatch)
    with running(tmp_path, 15) as said:
        yield said["url"] + "/console", said["key"], last


@pytest.fixture
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


def signed_in(browser, url, key, width=1280, scheme="light"):
    page = browser.new_context(viewport={"width": width, "height": 1070}, color_scheme=scheme).new_page()
    page.wrong = []
    page.on("console", lambda one: page.wrong.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: page.wrong.append(str(one)))
    page.goto(url)
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("text=Gain over time", timeout=30_000)
    return page


CONTRAST = """() => {
  const luminance = text => { const [r, g, b] = text.match(/[0-9.]+/g).slice(0, 3).map(v => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = node => getComputedStyle(node).backgroundColor;
  const behind = node => { while (node.parentElement && /, 0\\)$/.test(ground(node))) node = node.parentElement;
    return ground(/, 0\\)$/.test(ground(node)) ? document.body : node); };
  const low = [];
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some(one => one.nodeType === 3 && one.textContent.trim())) continue;
    const [a, b] = [luminance(getComputedStyle(node).color), luminance(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(node.textContent.trim().slice(0, 40));
  }
  return low;
}"""
"""Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG AA)."""


def test_every_page_fits_and_can_be_read_in_every_look(browser, place):
    url, key, last = place
    for width, scheme in LOOKS:
        page = signed_in(browser, url, key, width, scheme)
        for path in PAGES:
            page.goto(f"{url}/w/prover{path.format(last=last)}")
            page.wait_for_selector("h1:not(:has-text('being read'))", timeout=30_000)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (path, width, wide)
            assert page.evaluate(CONTRAST) == [], (path, width, scheme)
        assert page.wrong == []
        page.context.close()


@pytest.mark.parametrize("name", ["x" * 1_000, "<img src=x onerror=console.error(1)>", "\u05d0" * 30 + " a"])
def test_no_name_breaks_a_page(browser, place, name):
    url, key, _ = place
    sent = {"headers": {"Authorization": f"Bearer {key}"}, "json": {"project": name, "context": name}}
    made = httpx.post(url.replace("/console", "/v1/workspaces/prover/decide"), **sent).json()
    where = httpx.QueryParams(project=name, context=name)
    for width in (400, 1280):
        page = signed_in(browser, url, key, width)
        for path in (
            "",
            f"/contexts?{where}",
            f"/context?{where}",
            "/decisions",
            f"/decision/{made['id']}",
            "/projects",
        ):
            page.goto(f"{url}/w/prover{path}")
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (path, width, wide)
        assert page.wrong == []
        page.context.close()


def test_the_keyboard_reaches_what_matters(browser, place):
    url, key, _ = place
    page = signed_in(browser, url, key)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.goto(f"{url}/w/prover/orders")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(document.activeElement.textContent || document.activeElement.name).trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if reached[-1] == "Go on":
            break
    assert {"Sign out", "Overview", "unfreeze", "Go on"} <= set(reached)
    page.locator("select[name=order]").select_option("stop")
    page.locator("input[name=context]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Give this order?")
    page.get_by_role("button", name="Give the order").press("Enter")
    page.wait_for_selector("text=done")
    page.get_by_role("button", name="Undo order 2").first.press("Enter")
    page.wait_for_selector("text=resume")
    assert page.wrong == []


def test_the_picture_of_the_docs(browser, place, request):
    url, key, _ = place
    page = signed_in(browser, url, key)
    file = request.config.rootpath / "docs" / "console.png"
    picture = image.open(BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(128).save(file, optimize=True)
    assert file.stat().st_size < 150_000
