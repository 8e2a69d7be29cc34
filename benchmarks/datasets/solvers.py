"""Adapters of solvers and provers: folders `aslib` and `provers` of a data root."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.datasets.reading import Source, join, read, single
from poolwise.errors import DataError
from poolwise.table import Table, from_rows

NOT_COMPUTED = -512.0
"""In place of a feature that an extractor of SATzilla's family could not compute."""


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
    known = about[["instance_id", "project", "context"]].join(features(about))
    rows = join(runs, known, "instance_id", path)
    rows["status"] = np.select([rows["solved"], rows["runstatus"].isin(["ok", "timeout"])], ["ok", "timeout"], "failed")
    notes = []
    timed = "par10_s" in rows
    if timed:
        rows["par10_s"], notes = above_clock(rows["par10_s"])
    cutoff = single(scenarios.loc[scenarios["scenario"] == name, "cutoff_s"], folder / "scenarios.csv", "cutoff_s")
    return from_rows(
        rows,
        name=f"aslib/{name}",
        source=str(path),
        baseline=single(mine["algorithm"], folder / "algorithms.csv", f"the baseline of {name}"),
        columns={
            "unit": "instance_id",
            "arm": "algorithm",
            "family": "algo_family",
            **({"cost": "par10_s"} if timed else {"reward": "perf"}),
        },
        measure="PAR10 s" if timed else "accuracy",
        cutoff=None if np.isnan(cutoff) else float(cutoff),
        notes=notes,
    )


def features(about: pd.DataFrame) -> pd.DataFrame:
    """The columns `f_*` as numbers; what is not finite, and the code -512, mean that a feature was not computed."""
    found = about.filter(regex="^f_").astype(np.float64)
    return found.where(np.isfinite(found) & (found != NOT_COMPUTED))


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
    rows["status"] = np.select([rows["solved_ok"], late], ["ok", "timeout"], "failed")
    rows = rows.rename(columns={"family": "benchmarks"})
    columns = {"unit": "bench", "project": "logic", "context": "benchmarks", "family": "solver_family", "arm": "solver"}
    default = single(logics.loc[logics["year"] == year, "default"], path.parent / "smtcomp_logics.csv", "default")
    return from_rows(
        rows,
        name=f"provers/{path.stem}-{year}",
        source=str(path),
        baseline=default,
        columns={**columns, "cost": "par2_s"},
        measure="PAR2 s",
        cutoff=cutoff,
    )


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
