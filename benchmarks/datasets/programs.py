"""Adapters of configurable programs, classifiers and kernels: folders `software`, `ml` and `gpu` of a data root."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.datasets.reading import Source, join, parameters, read, single
from poolwise.errors import DataError
from poolwise.table import Table, from_rows


def software_sets(folder: Path) -> list[Source]:
    """Every (system, measure) that `systems.csv` names; a measure may be a product, `time*size`."""
    if not (folder / "systems.csv").exists():
        return []
    systems = read(folder / "systems.csv", "system", "measure", "lower_is_better")
    return [
        Source(
            f"software/{row.system}-{row.measure}",
            partial(software, folder, row.system, row.measure, row.lower_is_better),
        )
        for row in systems.itertuples(index=False)
    ]


def software(folder: Path, system: str, measure: str, lower_is_better: bool) -> Table:
    """Unit: an input file; arm: a configuration; a measure that is better when higher enters as its reciprocal."""
    path = folder / f"{system}.parquet"
    rows = read(path, "input_id", "config_id", *measure.split("*"))
    inputs = read(folder / f"{system}.inputs.parquet", "input_id", "project", "context")
    configs = read(folder / f"{system}.configs.parquet", "config_id", "family", "is_default", "params_json")
    places = inputs[["project", "context"]].replace("", "unnamed")  # of an input that is none
    rows = join(rows, inputs[["input_id"]].join(places), "input_id", path)
    rows = join(rows, configs[["config_id", "family"]], "config_id", path)
    value = rows[measure.split("*")].astype(float).prod(axis=1, skipna=False)
    measured = measure if lower_is_better else f"1 / {measure}"
    rows[measured] = value if lower_is_better else 1.0 / value.where(value != 0)
    return from_rows(
        rows,
        name=f"software/{system}-{measure}",
        source=str(path),
        baseline=str(single(configs.loc[configs["is_default"], "config_id"], path, "is_default")),
        columns={"unit": "input_id", "arm": "config_id", "cost": measured},
        measure=measured,
        params=parameters(configs),
    )


def learning_sets(folder: Path) -> list[Source]:
    """Every `NAME.configs.parquet`: classifiers and their settings over data sets."""
    names = sorted(path.name.removesuffix(".configs.parquet") for path in folder.glob("*.configs.parquet"))
    return [Source(f"ml/{name}", partial(learning, folder, name)) for name in names]


def learning(folder: Path, name: str) -> Table:
    """Unit: a data set with every configuration; reward: balanced accuracy; context: its size and number of classes."""
    path = folder / f"{name}.parquet"
    rows = read(path, "dataset", "config_id", "bal_accuracy", "complete")
    configs = read(folder / f"{name}.configs.parquet", "config_id", "family", "is_default", "params_json")
    about = read(folder / f"{name}.datasets.parquet", "dataset", "n_rows", "n_columns", "n_classes")
    kept = rows[rows["complete"]]
    left = rows["dataset"].nunique() - kept["dataset"].nunique()
    kept = join(kept, about.assign(context=size_labels(about))[["dataset", "context"]], "dataset", path)
    kept = join(kept, configs[["config_id", "family"]], "config_id", path).assign(project="all")
    return from_rows(
        kept,
        name=f"ml/{name}",
        source=str(path),
        baseline=str(single(configs.loc[configs["is_default"], "config_id"], path, "is_default")),
        columns={"unit": "dataset", "arm": "config_id", "reward": "bal_accuracy"},
        measure="balanced accuracy",
        params=parameters(configs),
        notes=[f"{left} data sets that lack some configuration left out"],
    )


def size_labels(about: pd.DataFrame) -> pd.Series:
    """Coarse kinds of data sets: few or many rows, narrow or wide (medians), two or more classes."""
    size = np.where(about["n_rows"] > about["n_rows"].median(), "many", "few")
    width = np.where(about["n_columns"] > about["n_columns"].median(), "wide", "narrow")
    classes = np.where(about["n_classes"] > 2, "multi", "binary")
    return pd.Series([" ".join(parts) for parts in zip(size, width, classes, strict=True)], index=about.index)


def kernel_sets(folder: Path) -> list[Source]:
    """Every kernel (`context`) of `gpu_kernels.parquet`: a space of configurations, one unit per GPU."""
    path = folder / "gpu_kernels.parquet"
    if not path.exists():
        return []
    kernels = pd.unique(read(path, "context")["context"])
    return [Source(f"gpu/{kernel}", partial(kernel_table, folder, kernel)) for kernel in kernels]


def kernel_table(folder: Path, kernel: str) -> Table:
    """Unit and project: a GPU; repeats: single launches. A configuration that failed costs as much as the slowest."""
    path = folder / "gpu_kernels.parquet"
    keys = ["project", "context", "config_id"]
    rows = read(path, *keys, "family", "status", "time_ms")
    rows = rows[rows["context"] == kernel].reset_index(drop=True)
    configs = read(folder / "gpu_kernels_configs.parquet", "context", "config_id", "is_default", "params_json")
    configs = configs[configs["context"] == kernel]
    slowest = rows.groupby("project")["time_ms"].transform("max")
    failed = rows["status"] != "ok"
    status = np.where(failed, "failed", "ok")
    tidy = rows.assign(unit=rows["project"], time_ms=rows["time_ms"].where(~failed, slowest), status=status)
    table = from_rows(
        tidy,
        name=f"gpu/{kernel}",
        source=str(path),
        baseline=str(single(configs.loc[configs["is_default"], "config_id"], path, "is_default")),
        columns={"arm": "config_id", "cost": "time_ms"},
        measure="ms",
        params=parameters(configs),
        notes=[f"{int(failed.sum())} failed configurations cost as much as the slowest of their GPU"],
    )
    return table._replace(repeats=launches(folder / "gpu_kernels_runs.parquet", kernel, table))


def launches(path: Path, kernel: str, table: Table) -> np.ndarray:
    """(units, arms, repetitions) -log time of single launches; a failed configuration repeats its penalty."""
    runs = read(path, "project", "context", "config_id")
    runs = runs[runs["context"] == kernel]
    times = runs.filter(regex=r"^run\d+_ms$").to_numpy(float)
    unit = pd.Index(table.units).get_indexer(runs["project"])
    arm = pd.Index(table.arms).get_indexer(runs["config_id"].astype(str))
    if not (times > 0).all():
        raise DataError(
            f"{path}, row {int((~(times > 0).all(axis=1)).argmax())}: a launch of {kernel} has no positive time"
        )
    if (np.minimum(unit, arm) < 0).any():
        raise DataError(
            f"{path}: {int((np.minimum(unit, arm) < 0).sum())} launches of unknown configurations of {kernel}"
        )
    repeats = np.repeat(table.reward[:, :, None], times.shape[1], axis=2)
    repeats[unit, arm] = -np.log(times)
    return repeats
