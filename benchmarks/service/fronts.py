"""Front ends before one writer: requests a second against one process, and what staleness costs in regret.

    python -m benchmarks.service.fronts --json benchmarks/results/fronts.json

Load: 64 connections, spread over the front ends, each decides and reports in turn, in 8 projects x 20 contexts as in
`benchmarks.service.load`, and in 1 x 5. Runs without and with front ends take turns before one server. Load generator,
front ends and writer share the machine's cores: seconds of CPU for 1,000 decisions and their outcomes, by process, say
what more cores would bring.

Regret is that of the simulated prover at a stated rate of decisions, where a context's probabilities are held as a
front end holds them, for 50 ms, against an engine that never holds any: the same ids, the same luck of jobs.
"""

import argparse
import asyncio
import math
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.service.client import Answered, Request, loaded
from benchmarks.service.load import AT, COMMAND, PORT, served
from benchmarks.simulation.prover import SHIPPED, engine_of
from benchmarks.simulation.world import Problem, luck, outcome, read
from poolwise.engine.leases import size
from poolwise.service.fronts.lent import Desk
from poolwise.service.writer import BLOCK

FRONTS, CONNECTIONS, WARM, STALENESS = 3, 64, 6.0, 0.05
RATES = (1.0, 10.0, 100.0)
"""Decisions a second of the simulated prover."""
FIRST = 1_000
"""Seed of the first life. On those from 0 to 159 it was chosen what part of a cell's decisions is lent."""
CELLS = {"160 cells": (8, 20), "5 cells": (1, 5)}
"""Projects and contexts of a load."""
TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def fronts(number: int, key: str) -> Iterator[dict[int, int]]:
    """Processes by port: front ends of the server that runs."""
    command = [*COMMAND[: COMMAND.index("serve") + 1], "--json", "--front-of", f"http://127.0.0.1:{PORT}"]
    found = {}
    with ExitStack() as stack:
        for port in range(PORT + 1, PORT + 1 + number):
            process = stack.enter_context(
                subprocess.Popen(
                    [*command, "--port", str(port)],
                    env={**os.environ, "POOLWISE_KEY": key}, stdout=subprocess.PIPE, text=True,
                )
            )  # fmt: skip
            stack.callback(process.send_signal, signal.SIGTERM)
            assert process.stdout is not None
            process.stdout.readline()
            found[port] = process.pid
        time.sleep(1.0)  # until they listen
        yield found


def cpu(process: int) -> float:
    """Seconds so far, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def script(number: int, projects: int, contexts: int) -> Any:
    """One connection: decide, report, decide .."""
    chance = random.Random(number)
    job = lambda: {"project": f"p{number % projects}", "context": f"c{chance.randrange(contexts)}"}
    answer = yield Request(f"{AT}/decide", job())
    while True:
        worth = 0.1 * (answer["family"] == "fast") + chance.gauss(0, 0.2)
        yield Request(f"{AT}/observe", {"id": answer["id"], "utility": worth})
        answer = yield Request(f"{AT}/decide", job())


def asked(ports: list[int], key: str, cells: tuple[int, int], seconds: float) -> list[Answered]:
    """Every request of all connections, spread over the ports."""

    async def every() -> list[Answered]:
        starts = np.linspace(0, CONNECTIONS, len(ports) + 1).astype(int).tolist()
        parts = (
            loaded("127.0.0.1", port, key, lambda n, first=first: script(first + n, *cells), last - first, seconds)
            for port, (first, last) in zip(ports, pairwise(starts), strict=True)
        )
        return [one for part in await asyncio.gather(*parts) for one in part]

    return asyncio.run(every())


def measured(server: int, key: str, at: dict[int, int], cells: tuple[int, int], seconds: float) -> dict[str, Any]:
    """One run: at the front ends, or at the server itself where there are none."""
    ports = list(at) or [PORT]
    processes = {"writer": server, **{f"front end {port}": process for port, process in at.items()}}
    before, own, began = {name: cpu(pid) for name, pid in processes.items()}, time.process_time(), time.perf_counter()
    answers = asked(ports, key, cells, seconds)
    wall, thousands = time.perf_counter() - began, len(answers) / 2_000
    spent = {name: cpu(pid) - before[name] for name, pid in processes.items()}
    ends = [value for name, value in spent.items() if name != "writer"]
    return {
        "requests a second": len(answers) / wall,
        "p50 ms": 1e3 * float(np.median([one.seconds for one in answers])),
        "p99 ms": 1e3 * float(np.quantile([one.seconds for one in answers], 0.99)),
        "not 200": sum(one.status != 200 for one in answers),
        "CPU s per 1,000 decisions": {
            "writer": spent["writer"] / thousands,
            "front ends, all": sum(ends) / thousands,
            "load generator": (time.process_time() - own) / thousands,
        },
    }


def of_writer(every: list[dict[str, Any]]) -> float:
    """Seconds of CPU: the other processes could each have a core of their own."""
    return float(np.median([one["CPU s per 1,000 decisions"]["writer"] for one in every]))


def rates(cells: tuple[int, int], rounds: int, seconds: float) -> dict[str, list[dict[str, Any]]]:
    """Of runs that take turns."""
    found: dict[str, list[dict[str, Any]]] = {"one process": [], "front ends": []}
    with served("sqlite:///{folder}/prover.db") as (key, server), fronts(FRONTS, key) as at:
        for ports in ([PORT], list(at)):
            asked(ports, key, cells, WARM)
        for _ in range(rounds):
            found["one process"].append(measured(server, key, {}, cells, seconds))
            found["front ends"].append(measured(server, key, at, cells, seconds))
    return found


def regret(problem: Problem, seed: int, rate: float) -> float:
    """Of one life: jobs come at random, so many a second. While a front end's lease would hold, the engine is given
    back what it had made ready."""
    chance, engine = luck(problem, range(seed, seed + 1)), engine_of(problem, seed, {})
    at = np.cumsum(np.random.default_rng([seed, 1]).exponential(1 / rate, problem.rounds)).tolist()
    now, best, lost, ready = [0.0], problem.value.max(axis=1), 0.0, {}
    desk = Desk(STALENESS, lambda: now[0])
    for t, context in enumerate(chance.context[0].tolist()):
        now[0], cell, serving = at[t], ("project", problem.contexts[context]), engine.serving
        wanted, held = desk.wanted(cell), desk.draw(cell) is not None
        if held:
            serving.cells[cell] = ready[cell]._replace(version=serving.belief.version, refresh=math.inf)
        else:
            serving.cells.pop(cell, None)
        decision = engine.decide(*cell)
        if wanted and not held:
            ready[cell] = engine.serving.cells[cell]
            desk.keep([_loan(cell, size(engine.serving, ready[cell].project, ready[cell].context, BLOCK))], now[0])
        arm = problem.arms.index(decision.family)
        speed, fine = (part[0] for part in outcome(problem, chance, t, context, arm))
        engine.observe(decision.id, cost=1 / float(speed), baseline_cost=1.0, status="ok" if fine else "failed")
        lost += best[context] - problem.value[context, arm]
    engine.close()
    return float(lost)


def _loan(cell: tuple[str, str], ids: int) -> dict[str, Any]:
    """One whose draws nobody looks at."""
    one = {name: [None] for name in ("families", "params", "arms", "probabilities", "reasons")}
    names = {"project": cell[0], "context": cell[1]}
    return {"first": 1, "size": ids, "seed": 0, "view": 0, "cumulative": [1.0], **names, **one}


def staleness(seeds: range) -> dict[str, dict[str, float]]:
    """Regret of the simulated prover, by rate, against that at a rate at which nothing is ever held."""
    problem, found = read(SHIPPED), {}
    fresh = np.array([regret(problem, seed, 1e-6) for seed in seeds])
    for rate in RATES:
        more = np.array([regret(problem, seed, rate) for seed in seeds]) - fresh
        scale = fresh.mean()
        found[f"{rate:g}"] = {
            "more": float(more.mean() / scale),
            "standard error": float(more.std() / scale / len(seeds) ** 0.5),
            "lives that differ": float((more != 0).mean()),
        }
        print(rate, found[f"{rate:g}"], flush=True)
    return {"never held": {"regret": float(fresh.mean())}, **found}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a run")
    parser.add_argument("--seeds", type=int, default=160)
    options: argparse.Namespace = parser.parse_args()
    body: dict[str, Any] = {
        "case": {
            "seed": FIRST,
            "seeds": options.seeds,
            "fronts": FRONTS,
            "connections": CONNECTIONS,
            "cores": os.cpu_count(),
        }
    }
    figures = []
    for name, cells in CELLS.items() if options.rounds else ():
        runs = body.setdefault("runs", {})[name] = rates(cells, options.rounds, options.seconds)
        per_second = {kind: np.array([one["requests a second"] for one in every]) for kind, every in runs.items()}
        gain = float(np.median(per_second["front ends"] / per_second["one process"]))
        figures.append(Figure(f"{name}: {FRONTS} front ends against one process", gain, "times", 2.0, True))
        figures += [Figure(f"{name}: {kind}", float(np.median(all)), "requests/s") for kind, all in per_second.items()]
        figures += [
            Figure(f"{name}: {kind}, writer, 1,000 decisions", of_writer(all), "CPU s") for kind, all in runs.items()
        ]
    if options.seeds:
        found = body["staleness"] = staleness(range(FIRST, FIRST + options.seeds))
        figures += [
            Figure(f"regret from staleness at {rate:g} decisions/s", found[f"{rate:g}"]["more"], "", 0.01)
            for rate in RATES
        ]
    print(body)
    print(table(figures))
    save(options.json, body | {"figures": rows(figures)})


if __name__ == "__main__":
    main()
