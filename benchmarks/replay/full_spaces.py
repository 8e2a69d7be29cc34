"""What random search finds in the full spaces of the GPU kernels, of which the tables have 2,500 configurations each.

Every configuration of a table knows its rank in the full space, and a table has the optimum of its full space; times of
the ranks between are interpolated, and a configuration that failed counts as the slowest.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.datasets.reading import read
from benchmarks.replay.methodology import AT, best_of_random


def random_in_full(root: Path, only: str = "") -> dict[str, dict[int, float]]:
    """`space, machine` -> expected best found, as a share of the optimum, after AT different configurations."""
    folder = root / "gpu"
    times = read(folder / "gpu_kernels.parquet", "project", "context", "status", "time_ms", "pct_rank_full")
    sizes = read(folder / "gpu_spaces.csv", "project", "context", "n_ok_full", "n_configs_full")
    by_space = dict(list(times[times["status"] == "ok"].groupby(["context", "project"])))
    return {
        f"gpu/{one.context}, {one.project}": dict(
            zip(AT, found(by_space[one.context, one.project], one.n_ok_full, one.n_configs_full), strict=True)
        )
        for one in sizes.itertuples()
        if only in f"gpu/{one.context}"
    }


def found(measured: pd.DataFrame, succeeded: int, size: int) -> list[float]:
    """After AT trials. measured: `time_ms` and `pct_rank_full`, ranks over those that succeeded."""
    ordered = measured.sort_values("pct_rank_full")
    rank, time = (ordered["pct_rank_full"] * succeeded).round().to_numpy(), ordered["time_ms"].to_numpy(float)
    share = np.interp(np.arange(1, size + 1), rank, time[0] / time)
    share[succeeded:] = time[0] / time[-1]
    return (best_of_random(size, np.array(AT)) @ share).tolist()
