"""Runs inside the worker process: reads one request per line, solves it in a fresh Z3 context, answers with one line.

Started by `solver.py` as `python -m poolwise.workloads.z3.worker MEMORY_MB`. This is the one module that imports z3.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import z3

Request = Mapping[str, Any]
Answer = dict[str, Any]


def solve(request: Request) -> Answer:
    """Decide a goal with a recipe: verdict, Z3's resource count and seconds spent, parsing excluded."""
    context = z3.Context()
    assertions = z3.parse_smt2_string(request["goal"], ctx=context)
    before = resource_count(z3.SimpleSolver(ctx=context))
    start = time.perf_counter()
    solver = build(context, request["recipe"])
    solver.set("rlimit", request["count_limit"])
    solver.set("timeout", request["timeout_ms"])
    solver.add(assertions)
    verdict, reason = "unknown", ""
    try:
        verdict = str(solver.check())
        reason = solver.reason_unknown() if verdict == "unknown" else ""
    except z3.Z3Exception as error:
        reason = str(error)
    wall = time.perf_counter() - start
    return {"verdict": verdict, "count": resource_count(solver) - before, "wall": wall, "reason": reason}


def validate(request: Request) -> Answer:
    """Build a recipe without using it: Z3 names the parameter or tactic that it does not know."""
    try:
        build(z3.Context(), request["recipe"])
    except z3.Z3Exception as error:
        return {"error": str(error).strip()}
    return {"error": None}


def build(context: z3.Context, recipe: Mapping[str, Any]) -> z3.Solver:
    """The solver that a recipe describes (see `arms.Recipe`)."""
    if recipe["tactics"]:
        steps = [_tactic(context, name, params) for name, params in recipe["tactics"]]
        solver = (z3.Then(*steps, ctx=context) if len(steps) > 1 else steps[0]).solver()
    else:
        solver = z3.Solver(ctx=context) if recipe["combined"] else z3.SimpleSolver(ctx=context)
    for name, value in recipe["params"].items():
        solver.set(name, value)
    return solver


def _tactic(context: z3.Context, name: str, params: Mapping[str, Any]) -> z3.Tactic:
    tactic = z3.Tactic(name, ctx=context)
    return z3.With(tactic, **params) if params else tactic


def resource_count(solver: z3.Solver) -> int:
    """Z3's `rlimit count`: accumulates within a context, repeats exactly."""
    statistics = solver.statistics()
    return int(statistics.get_key_value("rlimit count"))


OPERATIONS: dict[str, Callable[[Request], Answer]] = {"solve": solve, "validate": validate}


def serve(memory_mb: int) -> None:
    """Answer requests until the parent closes the pipe. Z3's own output is kept out of the answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    z3.set_param("memory_max_size", memory_mb)
    hard = 2 * memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    answers.write("ready\n")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(OPERATIONS[request["operation"]](request)) + "\n")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
