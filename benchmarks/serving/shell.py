"""What a shell waits for: help, and a decision with its outcome on a store of ten thousand; how much TOML that takes.

    python -m benchmarks.serving.shell --json benchmarks/results/shell.json

Whole processes, by the clock and by the processor, on a warm disk: the store has a checkpoint, 20 projects of 50
contexts and 8 arms; each decision folds the outcome before it. Lines: what a file needs for the first decision on
one's own tool.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.engine import Settings

SEED, ARMS, OUTCOMES = 3, 8, 10_000
CONFIG = """[space]
baseline = "arm-0"
""" + "".join(f"[space.families.arm-{i}]\n" for i in range(ARMS))
TOOL = """run.workload = "command"
workload.command = "gzip -{level} -c {job}"
workload.jobs = "files/*"
space.baseline = "gzip(level=6)"
space.families.gzip.parameters.level = { type = "choice", values = [1, 6, 9] }
"""


def filled(folder: Path) -> None:
    """A store that has learned so much, closed with its checkpoint, and its configuration."""
    space, random = ArmSpace([Family(f"arm-{i}") for i in range(ARMS)], "arm-0"), np.random.default_rng(SEED)
    url, settings = f"sqlite:///{folder / 'poolwise.db'}", Settings(estimate="inline")
    with Engine.open(url, space, seed=SEED, settings=settings) as engine:
        for _ in range(4):
            cells = random.integers(0, 1_000, OUTCOMES // 4)
            names = [f"p{i // 50}" for i in cells], [f"c{i % 50}" for i in cells]
            made = engine.decide_many(*names)
            engine.observe_many(made.id, utility=0.3 * np.sin(made.arm) + random.normal(0, 0.25, len(cells)))
    (folder / "poolwise.toml").write_text(CONFIG)


def ran(folder: Path, *words: str) -> tuple[float, float, str]:
    """Seconds by the clock and by the processor, and what it printed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    code = "import sys; from poolwise.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=folder, env=env, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def pair(folder: Path) -> np.ndarray:
    """(2, 2) seconds: of decide and observe, by the clock and by the processor."""
    *decide, out = ran(folder, "decide", "--project", "p0", "--context", "c0")
    *observe, _ = ran(folder, "observe", out.split()[0], "--cost", "1.0", "--baseline-cost", "1.2")
    return np.array([decide, observe])


def first_decision(folder: Path) -> int:
    """Lines of TOML with which a tool of one's own is run."""
    (folder / "files").mkdir()
    for i in range(6):
        (folder / "files" / f"{i}.txt").write_text("what is packed\n" * 1_000 * (i + 1))
    (folder / "tool.toml").write_text(TOOL)
    ran(folder, "run", "tool.toml", "--decisions", "3", "--store", "sqlite:///tool.db")
    return TOOL.count("\n")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder)
        pair(folder)
        helps = np.array([ran(folder, "--help")[:2] for _ in range(options.count + 1)])[1:]
        pairs = np.array([pair(folder) for _ in range(options.count)])
        lines = first_decision(folder)
    both, middle = pairs.sum(axis=1), np.median
    result = [
        Figure("poolwise --help, median", float(middle(helps[:, 0])), "s", 0.2),
        Figure("decide and observe, the pair, median", float(middle(both[:, 0])), "s", 1.0),
        Figure("decide and observe, the pair, processor time, median", float(middle(both[:, 1])), "s"),
        Figure("decide alone, median", float(middle(pairs[:, 0, 0])), "s"),
        Figure("observe alone, median", float(middle(pairs[:, 1, 0])), "s"),
        Figure("lines of TOML to the first decision on a tool of one's own", lines, "", 10),
    ]
    print(table(result))
    times = {"help": percentiles(helps[:, 0]), "pair": percentiles(both[:, 0])}
    save(options.json, {"seed": SEED, "figures": rows(result), "seconds": times})


if __name__ == "__main__":
    main()
