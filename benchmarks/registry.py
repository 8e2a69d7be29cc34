"""Which command makes a figure of README or docs, how long it takes, and which file holds it.

    python -m benchmarks.registry                   every benchmark
    python -m benchmarks.registry replay            measure it anew (`make bench NAME=replay`); `--executor ray://local`
    python -m benchmarks.registry --write           put the figures of the files into the tables of README and docs

A test compares the documents with the files, and fails when either changes alone (`tests/benchmarks/test_registry.py`).
"""

import argparse
import os
import subprocess
import sys
from typing import NamedTuple

from benchmarks.claims.documents import ROWS
from benchmarks.claims.rows import rewritten
from benchmarks.harness.machine import ROOT


class Benchmark(NamedTuple):
    """`python -m benchmarks.COMMAND`, run from the root of the repository."""

    name: str
    command: str
    result: str
    """In `benchmarks/results`, without `.json`: the file that `--json` writes."""
    time: str
    """On two cores, roughly."""
    needs: str = ""
    """Beside the extras `all`: `data` (the public tables, `--data DIR`), `bench` (the extra), a finished demo."""


def _of(name: str, command: str, time: str, needs: str = "") -> Benchmark:
    """One whose file has its name."""
    return Benchmark(name, command, name, time, needs)


BENCHMARKS = {
    one.name: one
    for one in (
        _of(
            "replay",
            "replay.tables --only aslib --seeds 10 --recorded benchmarks/results/peers.json",
            "3 min",
            "data",
        ),
        _of(
            "ablation",
            "replay.ablation --only CSP,MIP,OPENML,SAT11 --decisions 2400 --variants shared-scales,shared-narrow,"
            "shared-narrower,shared-narrow-wide,wide,small-unit,wide-small-unit,shared-wide",
            "5 min",
            "data",
        ),
        _of("peers", "replay.tables --peers --policy none", "20 min", "data, bench"),
        _of("features", "replay.features --seeds 10 --cache runs/features.json", "20 min", "data, bench"),
        _of("crossover", "replay.crossover", "2 min"),
        _of("total", "replay.total --seeds 10 --others --jobs 2", "12 min", "data, bench"),
        _of("service", "service.load", "2 min"),
        _of("console", "service.console --visits 40", "3 min"),
        _of("fronts", "service.fronts", "4 min"),
        _of("outage", "service.outage", "11 min", "PostgreSQL"),
        _of("replay_speed", "replay.speed", "1 min"),
        _of("spaces", "replay.spaces --seeds 4", "30 min", "data"),
        _of("sampler", "replay.sampler --seeds 3 --kinds nothing", "15 min", "data, the extra optuna"),
        _of("large_spaces", "replay.large_spaces --seeds 5", "10 min", "bench"),
        _of("kernels", "replay.kernels --searchers goal --seeds 5", "20 min", "data"),
        Benchmark(
            "kernels_peers",
            "replay.kernels --searchers TPE,random,Tuner --seeds 2",
            "kernels",
            "15 min",
            "data, the extras optuna and kernel-tuner",
        ),
        Benchmark(
            "kernels_gp",
            "replay.kernels --searchers GP --seeds 1 --trials 100",
            "kernels",
            "15 min",
            "data, the extra optuna, torch",
        ),
        _of("ope", "replay.ope", "5 min", "data, bench"),
        _of("judged", "replay.judged --logs 4", "10 min", "data"),
        _of("transfer", "transfer.arrivals --machines --seeds 3", "30 min", "data"),
        _of("transfer_projects", "transfer.arrivals", "60 min", "data"),
        _of("transfer_engine", "transfer.engine", "30 min", "data"),
        _of("transfer_imported", "transfer.imported", "60 min", "data"),
        _of("factors", "transfer.factors", "20 min"),
        _of("factors_alone", "transfer.factors --data ../shared/data --alone --seeds 6", "30 min", "data"),
        Benchmark(
            "factors_replay",
            "transfer.factors --data ../shared/data --seeds 3",
            "factors_replay",
            "30 min",
            "data",
        ),
        _of("packs", "transfer.packs", "10 min"),
        _of("null", "replay.null", "1 min"),
        _of("prover_simulation", "simulation.prover", "30 min"),
        _of("projects", "simulation.projects --seeds 16 --outlier", "8 min"),
        _of("projects_learned", "simulation.projects_learned", "60 min"),
        _of("card_latency", "simulation.card_latency", "10 min"),
        _of("learning", "simulation.learning --oracle", "15 min"),
        _of(
            "left_out",
            "simulation.left_out --jobs 2",
            "90 min",
            "data",
        ),
        _of("against_engine", "simulation.against_engine", "5 min"),
        _of("horizon", "simulation.horizon --part 0.5", "3 min"),
        _of("safety", "simulation.safety", "15 min"),
        _of("refit", "calibration.refit", "5 min"),
        _of("samplers", "calibration.samplers --draws 300", "15 min", "bench"),
        _of("full_bayes", "calibration.full_bayes", "15 min"),
        _of("coverage", "calibration.coverage", "40 min"),
        _of("feature_coverage", "calibration.feature_coverage", "3 min"),
        _of("sbc", "calibration.sbc", "20 min"),
        _of("aggregation", "calibration.aggregation", "5 min"),
        _of("scale_archive", "scale.archive --rows 100000000", "5 min", "the extra ray"),
        _of("scale_executors", "scale.executors", "6 min", "the extra ray"),
        _of("scale_mesh", "scale.mesh", "3 min"),
        _of("scale_hub", "scale.hub", "6 min"),
        _of("scale_service", "scale.service", "2 min"),
        _of("engine", "serving.engine", "2 min"),
        _of("pairs", "serving.pairs", "1 min"),
        _of("feature_latency", "serving.features", "1 min"),
        _of("shell", "serving.shell", "2 min"),
        _of("store", "serving.store", "3 min"),
        _of("databases", "serving.databases", "1 min"),
        _of("store_operations", "serving.store_operations", "5 min"),
        _of("processes", "serving.processes", "2 min"),
        _of("serving", "serving.load latency growth opening interrupts faults", "20 min"),
        _of("posterior", "serving.posterior", "2 min"),
        _of("policy", "serving.policy", "2 min"),
        _of("scaling", "serving.scaling", "5 min"),
        _of("surface", "serving.surface", "5 min"),
        _of("crash", "robustness.crash", "15 min"),
        _of("killed_writers", "robustness.killed_writers", "5 min"),
        _of("poisoning", "robustness.poisoning --worlds 12 --honest 20", "10 min"),
        _of("bad_input", "robustness.bad_input", "10 min"),
        _of("z3_truth", "z3.truth --raw runs/z3_truth", "10 min"),
        _of("z3_demo", "z3.demo --raw runs/z3_truth --store runs/demo.db --seeds 8", "15 min", "z3_truth, make demo"),
        _of("code_shape", "code_shape", "1 s"),
        _of("crossings", "crossings", "5 s"),
    )
}
PICTURES = {
    "benchmarks/results/replay.png": (
        "replay.tables --only aslib --seeds 10 --recorded benchmarks/results/peers.json --plot"
    ),
    "benchmarks/results/z3_demo.png": "z3.picture --raw runs/z3_truth --seeds 8 --out",
    "docs/exploration_run.png": "simulation.pictures --out docs",
    "docs/exploration_guarantee.png": "simulation.pictures --out docs",
    "docs/console.png": "make test-browser",
}
"""The pictures that the documents show: file -> command, of the benchmarks or of make."""


def run(one: Benchmark, executor: str) -> int:
    """Measure it anew into its file; its exit status. executor: where seeds and sets run, as far as it has them."""
    result = f"benchmarks/results/{one.result}.json"
    module, *options = one.command.split()
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *options, "--json", result],
        cwd=ROOT,
        env={**os.environ, "POOLWISE_EXECUTOR": executor},
    ).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=list(BENCHMARKS), metavar="NAME", help="run this one")
    parser.add_argument(
        "--executor", default=os.environ.get("POOLWISE_EXECUTOR", "local"), help="local, ray://local or ray://HOST:PORT"
    )
    parser.add_argument("--write", action="store_true", help="put the files' figures into the documents' tables")
    options = parser.parse_args()
    if options.name:
        sys.exit(run(BENCHMARKS[options.name], options.executor))
    if options.write:
        for document, rows in ROWS.items():
            path = ROOT / document
            path.write_text(rewritten(path.read_text(), rows))
        return
    for one in BENCHMARKS.values():
        print(f"{one.name:18} {one.time:>7}  {one.command}" + (f"   (needs {one.needs})" if one.needs else ""))


if __name__ == "__main__":
    main()
