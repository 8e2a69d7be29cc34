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

LIBRARIES_MB = 1024
"""Address space for Python and the solver's library, on top of what Z3 itself may allocate."""

Request = Mapping[str, Any]
Answer = dict[str, Any]


def solve(request: Request) -> Answer:
    """Decide a goal with a recipe: verdict, Z3's resource count and seconds spent, parsing excluded."""
    context = z3.Context()
    assertions = z3.parse_smt2_string(request["goal"], ctx=context)
    before = resource_count(z3.SimpleSolver(ctx=context))
    start, start_cpu = time.perf_counter(), time.process_time()
    solver = build(context, request["recipe"])
    solver.set("rlimit", request["count_limit"])
    solver.set("timeout", request["timeout_ms"])
    solver.add(assertions)
    verdict, reason = _check(solver)
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    used = resource_count(solver) - before
    return {"verdict": verdict, "resources": used, "wall": wall, "cpu": cpu, "reason": reason}


def _check(solver: z3.Solver) -> tuple[str, str]:
    try:
        verdict = str(solver.check())
    except z3.Z3Exception as error:
        return "unknown", _words(error)
    return verdict, solver.reason_unknown() if verdict == "unknown" else ""


def validate(request: Request) -> Answer:
    """Build a recipe without using it and compare its parameters with those that the solver describes."""
    solver = build(z3.Context(), request["recipe"])
    described = solver.param_descrs()
    known = {described.get_name(place) for place in range(described.size())}
    unknown = sorted(set(request["recipe"]["params"]) - known)
    return {"error": f"unknown parameter {unknown[0]}" if unknown else None}


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


def _words(error: z3.Z3Exception) -> str:
    return str(error).strip().removeprefix("b'").rstrip("'").replace("\\n", " ").strip()


OPERATIONS: dict[str, Callable[[Request], Answer]] = {"solve": solve, "validate": validate}


def answer(request: Request) -> Answer:
    """What was asked for; an input that Z3 refuses is an answer of its own."""
    try:
        return OPERATIONS[request["operation"]](request)
    except z3.Z3Exception as error:
        return {"error": _words(error)}


def serve(memory_mb: int) -> None:
    """Answer requests until the parent closes the pipe. Z3's own output is kept out of the answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    z3.set_param("memory_max_size", memory_mb)
    hard = (memory_mb + LIBRARIES_MB) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    answers.write("ready\n")
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
