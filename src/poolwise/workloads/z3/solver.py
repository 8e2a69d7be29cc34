"""The parent's side of a killable solver: one worker process, limits on time and memory, one answer for every request.

A worker that hangs, crashes or eats its memory is ended and replaced; its request gets an answer that says so.
"""

import json
import selectors
import subprocess
import sys
import time
from typing import Any, NamedTuple

from poolwise.errors import WorkloadError
from poolwise.extras import require
from poolwise.workloads.z3.arms import Recipe

START_SECONDS = 120.0
"""On a busy machine a new process may take long; one that dies is reported at once."""
GRACE_SECONDS = 0.25
"""How long after its own time limit a worker may still answer."""


class Answer(NamedTuple):
    """What one solve came to."""

    verdict: str
    """`sat`, `unsat`, `unknown`, `killed` (limit ignored) or `crashed`."""
    resources: int
    """Z3's resource count; 0 where the worker is gone."""
    wall: float
    """Seconds within Z3, or until the worker was given up."""
    cpu: float
    """Processor seconds within Z3; 0 where the worker is gone."""
    reason: str


class Solver:
    """One worker at a time, replaced when it is lost; `lost` counts how often that happened."""

    def __init__(self, memory_mb: int = 1024, command: list[str] | None = None) -> None:
        if command is None:
            require("z3")
        self._command = command or [sys.executable, "-m", "poolwise.workloads.z3.worker", str(memory_mb)]
        self._process: subprocess.Popen[bytes] | None = None
        self.lost = 0

    def solve(self, goal: str, recipe: Recipe, *, count_limit: int, seconds: float) -> Answer:
        """Decide a goal within a resource count (0: no limit) and within wall time, after which the worker is ended."""
        request = {"operation": "solve", "goal": goal, "recipe": recipe._asdict(), "count_limit": count_limit}
        answer = self._ask(request | {"timeout_ms": max(1, int(1000 * seconds))}, seconds + GRACE_SECONDS)
        if "error" in answer:
            return Answer("unknown", 0, 0.0, 0.0, answer["error"])
        return Answer(**answer)

    def validate(self, recipe: Recipe) -> str | None:
        """Z3's complaint about a recipe with an unknown tactic or parameter, or None."""
        answer = self._ask({"operation": "validate", "recipe": recipe._asdict()}, START_SECONDS)
        return answer["error"] if "error" in answer else answer["reason"]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> "Solver":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        process = self._running()
        start = time.perf_counter()
        try:
            _pipe(process.stdin).write(json.dumps(request).encode() + b"\n")
            _pipe(process.stdin).flush()
            line = _read(process, seconds)
        except BrokenPipeError:
            line = b""
        if line:
            return json.loads(line)
        wall, code = time.perf_counter() - start, process.poll()
        self.close()
        self.lost += 1
        if line is None:
            return _lost("killed", wall, f"no answer within {seconds:.2f} s, worker ended")
        return _lost("crashed", wall, f"worker died with exit code {code}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
            if _read(self._process, START_SECONDS) != b"ready\n":
                self.close()
                raise WorkloadError(f"the Z3 worker does not start: run `{' '.join(self._command)}` to see why")
        return self._process


def _read(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """One line; empty where the worker has died, None where it does not answer in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(_pipe(process.stdout), selectors.EVENT_READ)
        return _pipe(process.stdout).readline() if selector.select(seconds) else None


def _pipe(pipe: Any) -> Any:
    if pipe is None:
        raise WorkloadError("the Z3 worker was started without pipes: start it through Solver")
    return pipe


def _lost(verdict: str, wall: float, reason: str) -> dict[str, Any]:
    return {"verdict": verdict, "resources": 0, "wall": wall, "cpu": 0.0, "reason": reason}
