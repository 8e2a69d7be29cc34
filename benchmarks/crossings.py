"""The modules that a call crosses: a decision, an outcome, and a decision that folds an outcome first.

    python -m benchmarks.crossings --json benchmarks/results/crossings.json

Traced by `sys.setprofile` on an engine in a SQLite file: every module of `poolwise` in which a function is entered, in
this thread, after a hundred decisions and outcomes, so that nothing is imported or compiled on the way.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.harness.result import arguments, save
from poolwise import ArmSpace, Engine, Family, Settings

WARM = 100


def modules(call: Callable[[], Any]) -> list[str]:
    """Modules of poolwise in the order in which the call enters them."""
    entered: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith("poolwise."):
            entered[name.removeprefix("poolwise.")] = None

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return list(entered)


def traced(folder: Path) -> dict[str, list[str]]:
    """What each call crosses."""
    space = ArmSpace([Family(f"arm-{k}") for k in range(8)], "arm-0")
    with Engine.open(
        f"sqlite:///{folder / 'events.db'}", space, seed=1, settings=Settings(estimate="inline")
    ) as engine:
        for number in range(WARM):
            decision = engine.decide("project", f"context-{number % 4}")
            engine.observe(decision.id, utility=0.1 * (number % 3))
        engine.decide("project", "context-1")
        found = {"decide, nothing new": modules(lambda: engine.decide("project", "context-1"))}
        id = engine.decide("project", "context-1").id
        found["observe"] = modules(lambda: engine.observe(id, utility=0.2))
        found["decide after an outcome"] = modules(lambda: engine.decide("project", "context-1"))
    return found


def main() -> None:
    options = arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = traced(Path(folder))
    for call, names in found.items():
        print(f"{call}: {len(names)} modules: {', '.join(names)}")
    save(options.json, {"counts": {call: len(names) for call, names in found.items()}, "modules": found})


if __name__ == "__main__":
    main()
