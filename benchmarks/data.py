"""Adapters: every folder of a data root -> tables of real outcomes in the tidy form of `poolwise.table`.

Nothing here is keyed to the name of a data set: what is replayed is what lies in the folders `aslib`, `provers`,
`software`, `ml`, `gpu` and `obd` of the root.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.table import Table, from_rows

DEFAULT_ROOT = Path(__file__).resolve().parents[2] / "shared" / "data"


class Source(NamedTuple):
    """A data set that can be loaded: `load()` gives its Table."""

    name: str
    load: Callable[[], Table]


def replay_sets(root: Path) -> list[Source]:
    """Every data set under `root` whose units are single jobs, in a fixed order; raises DataError if there is none."""
    root = Path(root)
    found = [*aslib_sets(root / "aslib"), *smtcomp_sets(root / "provers"), *eprover_sets(root / "provers")]
    found += [*software_sets(root / "software"), *learning_sets(root / "ml")]
    if not found:
        raise DataError(f"{root}: no data set found; give a folder that holds aslib, provers, software or ml")
    return found


def read(path: Path, *columns: str) -> pd.DataFrame:
    """A parquet or CSV file; refuses a missing file or column."""
    if not path.exists():
        raise DataError(f"{path}: no such file; the data root is incomplete")
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    missing = [column for column in columns if column not in frame]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}; found {', '.join(map(str, frame.columns[:12]))}")
    return frame


def join(rows: pd.DataFrame, keys: pd.DataFrame, on: str | list[str], source: Path) -> pd.DataFrame:
    """Rows with the columns of `keys`; refuses a row without a match and a key that stands there twice."""
    repeated = keys.duplicated(on)
    if repeated.any():
        raise DataError(
            f"{source}, row {int(repeated.to_numpy().argmax())}, column {on}: stands there twice; keep one row"
        )
    merged = rows.merge(keys, on=on, how="left", indicator=True)
    lost = (merged["_merge"] != "both").to_numpy()
    if lost.any():
        raise DataError(
            f"{source}, column {on}: nothing for {merged.loc[lost.argmax(), on]!r} ({lost.sum()} such rows)"
        )
    return merged.drop(columns="_merge")


def single(candidates: pd.Series, source: Path, what: str) -> Any:
    """The one value there is; refuses none and several."""
    values = candidates.unique()
    if len(values) != 1:
        raise DataError(f"{source}: {len(values)} values of {what} where one is needed; mark exactly one")
    return values[0]


def aslib_sets(folder: Path) -> list[Source]:
    """Every `NAME.instances.parquet`: an algorithm selection scenario, measured in PAR10 seconds or accuracy."""
    names = sorted(path.name.removesuffix(".instances.parquet") for path in folder.glob("*.instances.parquet"))
    return [Source(f"aslib/{name}", partial(aslib, folder, name)) for name in names]


def aslib(folder: Path, name: str) -> Table:
    """Unit: an instance; baseline: the single best solver as the folder's algorithms.csv marks it."""
    path = folder / f"{name}.parquet"
    runs = read(path, "instance_id", "repetition", "algorithm", "algo_family", "runstatus", "solved")
    about = read(folder / f"{name}.instances.parquet", "instance_id", "project", "context")
    algorithms = read(folder / "algorithms.csv", "scenario", "algorithm", "is_baseline_sbs")
    mine = algorithms[(algorithms["scenario"] == name) & algorithms["is_baseline_sbs"]]
    scenarios = read(folder / "scenarios.csv", "scenario", "cutoff_s")
    rows = join(runs, about[["instance_id", "project", "context"]], "instance_id", path)
    rows = rows.rename(columns={"instance_id": "unit", "algorithm": "arm", "algo_family": "family"})
    rows["status"] = np.select([rows["solved"], rows["runstatus"].isin(["ok", "timeout"])], ["ok", "timeout"], "failed")
    notes = []
    if "par10_s" in rows:
        rows["cost"], notes = above_clock(rows["par10_s"])
    else:
        rows["reward"] = rows["perf"]
    cutoff = single(scenarios.loc[scenarios["scenario"] == name, "cutoff_s"], folder / "scenarios.csv", "cutoff_s")
    return from_rows(
        rows,
        name=f"aslib/{name}",
        source=str(path),
        baseline=single(mine["algorithm"], folder / "algorithms.csv", f"the baseline of {name}"),
        measure="PAR10 s" if "cost" in rows else "accuracy",
        cutoff=None if np.isnan(cutoff) else float(cutoff),
        notes=notes,
    )


def above_clock(seconds: pd.Series) -> tuple[pd.Series, list[str]]:
    """Times reported as 0.00 s are below the clock's resolution: read as the smallest time the table reports."""
    zero = seconds == 0
    if not zero.any():
        return seconds, []
    least = float(seconds[seconds > 0].min())
    return seconds.mask(zero, least), [
        f"{int(zero.sum())} times of 0 s read as {least:.3g} s, the smallest one reported"
    ]


def smtcomp_sets(folder: Path) -> list[Source]:
    """Every season (`year`) of every `smtcomp_sq*.parquet`."""
    sources = []
    for path in sorted(folder.glob("smtcomp_sq*.parquet")):
        years = pd.unique(read(path, "year")["year"])
        sources += [Source(f"provers/{path.stem}-{year}", partial(smtcomp, path, int(year))) for year in sorted(years)]
    return sources


def smtcomp(path: Path, year: int) -> Table:
    """Unit: a benchmark; project: its logic; context: its family. Solvers differ between logics."""
    rows = read(path, "year", "bench", "logic", "family", "solver", "solver_family", "solved_ok", "wall_s", "par2_s")
    logics = read(path.parent / "smtcomp_logics.csv", "year", "logic", "default")
    rows = rows[rows["year"] == year].reset_index(drop=True)
    cutoff = float(rows["par2_s"].max() / 2)
    late = ~rows["solved_ok"] & (rows["wall_s"] >= 0.999 * cutoff)
    tidy = pd.DataFrame(
        {
            "unit": rows["bench"],
            "project": rows["logic"],
            "context": rows["family"],
            "family": rows["solver_family"],
            "arm": rows["solver"],
            "cost": rows["par2_s"],
            "status": np.select([rows["solved_ok"], late], ["ok", "timeout"], "failed"),
        }
    )
    default = single(logics.loc[logics["year"] == year, "default"], path.parent / "smtcomp_logics.csv", "default")
    name = f"provers/{path.stem}-{year}"
    return from_rows(tidy, name=name, source=str(path), baseline=default, measure="PAR2 s", cutoff=cutoff)


def eprover_sets(folder: Path) -> list[Source]:
    """Every `eprover_*.parquet` with its table of arms (`STEM_arms.csv`, or that of the stem without its last part)."""
    return [Source(f"provers/{path.stem}", partial(eprover, path)) for path in sorted(folder.glob("eprover_*.parquet"))]


def eprover(path: Path) -> Table:
    """Unit: a Mizar problem; reward 1 if it is proved in time, else 0; project: the series of its article."""
    wide = read(path, "article")
    own = path.with_name(f"{path.stem}_arms.csv")
    arms_path = own if own.exists() else path.with_name(f"{path.stem.rpartition('_')[0]}_arms.csv")
    about = read(arms_path, "arm", "method", "base_strategy", "watchlist_k", "is_default")
    columns = [column for column in wide if column[1:].isdigit() and wide[column].dtype == bool]
    if [int(column[1:]) for column in columns] != about["arm"].tolist():
        raise DataError(
            f"{path}: {len(columns)} outcome columns for {len(about)} arms of {arms_path.name}; they must match"
        )
    series = wide.get("article_series", wide["article"].str.replace(r"_?\d+$", "", regex=True))
    long = wide[columns].to_numpy()
    units, count = wide.iloc[:, 0].astype(str) + " " + wide["article"], len(columns)
    labels = [arm_name(row) for row in about[["method", "base_strategy", "watchlist_k"]].itertuples(index=False)]
    tidy = pd.DataFrame(
        {
            "unit": np.repeat(units.to_numpy(), count),
            "project": np.repeat(series.to_numpy(), count),
            "context": np.repeat(wide["article"].to_numpy(), count),
            "family": np.tile(about["method"].to_numpy(), len(wide)),
            "arm": np.tile(labels, len(wide)),
            "reward": long.ravel().astype(float),
            "status": np.where(long.ravel(), "ok", "timeout"),
        }
    )
    baseline = labels[int(np.flatnonzero(about["is_default"])[0])]
    single(about.loc[about["is_default"], "arm"], arms_path, "is_default")
    details = about[["base_strategy", "watchlist_k"]].to_dict("records")
    params = dict(zip(labels, details, strict=True))
    return from_rows(
        tidy, name=f"provers/{path.stem}", source=str(path), baseline=baseline, measure="solved", params=params
    )


def arm_name(row: tuple[Any, ...]) -> str:
    """`method strategy k=16`."""
    return f"{row[0]} {row[1]} k={row[2]}"


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
    rows = join(rows, inputs[["input_id", "project", "context"]], "input_id", path)
    rows = join(rows, configs[["config_id", "family"]], "config_id", path)
    value = rows[measure.split("*")].astype(float).prod(axis=1, skipna=False)
    rows["cost"] = value if lower_is_better else 1.0 / value.where(value != 0)
    rows = rows.rename(columns={"input_id": "unit", "config_id": "arm"})
    return from_rows(
        rows,
        name=f"software/{system}-{measure}",
        source=str(path),
        baseline=str(single(configs.loc[configs["is_default"], "config_id"], path, "is_default")),
        measure=measure if lower_is_better else f"1 / {measure}",
        params=parameters(configs),
    )


def parameters(configs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """config_id -> parameters."""
    return {str(key): json.loads(text) for key, text in zip(configs["config_id"], configs["params_json"], strict=True)}


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
    kept = kept.rename(columns={"dataset": "unit", "config_id": "arm", "bal_accuracy": "reward"})
    return from_rows(
        kept,
        name=f"ml/{name}",
        source=str(path),
        baseline=str(single(configs.loc[configs["is_default"], "config_id"], path, "is_default")),
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
