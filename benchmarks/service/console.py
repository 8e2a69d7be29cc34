"""How fast the console's pages are on a store of many events: server time, size, and what looking beside costs.

    python -m benchmarks.service.console --json benchmarks/results/console.json

Pages are asked for in this process, through the whole application. The overview is asked for in two states: with a look
that is fresh, and with one that is due at every visit, while decisions are made.
"""

import asyncio
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise import ArmSpace, Choice, Engine, Family
from poolwise.engine.settings import Settings
from poolwise.service.app import application
from poolwise.store.accounts import Accounts

SPACE = ArmSpace(
    [Family("default"), Family("sampling"), Family("nlsat", {"seed": Choice([0, 1]), "level": Choice([1, 2, 3])})],
    baseline="default",
)
CONTEXTS, BATCH = 10, 10_000
PAGES = ("", "/contexts", "/context?project=p7&context=c3", "/decisions", "/decision/{last}", "/projects", "/refits",
         "/orders", "/keys", "/audit")  # fmt: skip


def filled(url: str, pairs: int, projects: int, seed: int) -> int:
    """A store of so many decisions, each with an outcome; the id of its last decision."""
    random = np.random.default_rng(seed)
    effect = {arm.id: 0.2 * random.standard_normal() for arm in SPACE.arms} | {SPACE.baseline: 0.0}
    with Engine.open(url, SPACE, seed=seed, settings=Settings(backend="numpy")) as engine:
        for start in range(0, pairs, BATCH):
            size = min(BATCH, pairs - start)
            jobs = ([f"p{k}" for k in random.integers(projects, size=size)],
                    [f"c{k}" for k in random.integers(CONTEXTS, size=size)])  # fmt: skip
            made = engine.decide_many(*jobs)
            arms = engine.store.names("arm")
            gain = np.array([effect[arms[k]] for k in made.arm.tolist()]) + 0.2 * random.standard_normal(size)
            engine.observe_many(made.id, cost=np.exp(-gain), baseline_cost=np.ones(size))
        return int(made.id[-1])


async def asked(url: str, last: int, visits: int) -> dict[str, Any]:
    """Server seconds of each page's visits, its bytes, and how long the first look at everything took."""
    accounts = Accounts("memory://")
    key = accounts.add("benchmark", "admin")[1]
    app = application({"farm": lambda: Engine.open(url, SPACE)}, accounts)
    found: dict[str, Any] = {}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://console", timeout=600) as client:
            await client.get("/console/sign-in")
            form = {"key": key, "csrf": client.cookies["poolwise_form"]}
            assert (await client.post("/console/sign-in", data=form)).status_code == 303
            began = time.perf_counter()
            while "being read" in (await client.get("/console/w/farm")).text:
                await asyncio.sleep(0.2)
            found["first look"] = time.perf_counter() - began
            await _page(client, "/projects")
            for page in PAGES:
                path = page.format(last=last)
                visited = [await _page(client, path) for _ in range(visits)]
                found[page or "/"] = _told(visited)
            found |= await _busy(app, client, visits)
    return found


async def _busy(app: FastAPI, client: httpx.AsyncClient, visits: int) -> dict[str, Any]:
    """Visits of the overview of which each begins a look, and seconds of the decisions that another thread makes
    meanwhile, and before that for as long alone."""
    engine = app.state.workspaces["farm"].engine
    observed, found = app.state.console.observed("farm", engine), {}
    for name in ("decide alone", "decide meanwhile"):
        visited, over, waits = [], threading.Event(), []
        thread = threading.Thread(target=_deciding, args=(engine, over, waits))
        thread.start()
        for _ in range(visits):
            if name == "decide alone":
                await asyncio.sleep(0.12)
            else:
                observed.look.outdated()
                visited.append(await _page(client, ""))
        over.set()
        thread.join()
        found[name] = {"p50": float(np.median(waits)), "p99": float(np.quantile(waits, 0.99)), "most": max(waits)}
    return {**found, "overview, a look due": _told(visited)}


def _deciding(engine: Engine, over: threading.Event, waits: list[float]) -> None:
    while not over.is_set():
        began = time.perf_counter()
        engine.decide("p1", "c1")
        waits.append(time.perf_counter() - began)
        time.sleep(0.002)


def _told(visited: list[tuple[float, int]]) -> dict[str, Any]:
    seconds = [one[0] for one in visited]
    return {"p50": float(np.median(seconds)), "most": max(seconds), "bytes": visited[-1][1]}


async def _page(client: httpx.AsyncClient, path: str) -> tuple[float, int]:
    began = time.perf_counter()
    answer = await client.get(f"/console/w/farm{path}")
    assert answer.status_code == 200, (path, answer.status_code)
    return time.perf_counter() - began, len(answer.content)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=500_000, help="decisions, each with an outcome")
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--visits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", help="a store that this benchmark has made before; made anew where it is not there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(given.store or f"{folder}/farm.db")
        last = given.pairs if place.exists() else filled(f"sqlite:///{place}", given.pairs, given.projects, given.seed)
        found = asyncio.run(asked(f"sqlite:///{place}", last, given.visits))
    pages = [found[page or "/"] for page in PAGES]
    due, waits, alone = (found[name] for name in ("overview, a look due", "decide meanwhile", "decide alone"))
    figures = [
        Figure("overview: server time, median", 1e3 * pages[0]["p50"], "ms", 150.0),
        Figure("overview, a look due at every visit: server time, most", 1e3 * due["most"], "ms", 150.0),
        Figure("overview: size", pages[0]["bytes"] / 1e3, "kB", 300.0),
        Figure("slowest page: server time, median", 1e3 * max(one["p50"] for one in pages), "ms", 150.0),
        Figure("largest page", max(one["bytes"] for one in pages) / 1e3, "kB", 300.0),
        Figure("until all is read once after the start, beside", found["first look"], "s"),
        *(Figure(f"decide alone, {name}", 1e3 * alone[name], "ms") for name in ("p50", "p99", "most")),
        *(Figure(f"decide while looks are taken, {name}", 1e3 * waits[name], "ms") for name in ("p50", "p99", "most")),
    ]
    print(table(figures))
    size = {"events": 2 * given.pairs, "projects": given.projects, "contexts": CONTEXTS, "arms": len(SPACE.arms)}
    load = {"load average": os.getloadavg()[0], "nice": os.nice(0)}
    save(given.json, {"seeds": [given.seed], "size": size, "busy machine": load, "figures": rows(figures)})


if __name__ == "__main__":
    main()
