"""Logs from files: a Parquet table of decisions, or Open Bandit Pipeline's dictionary as an .npz of plain arrays."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.names import shown
from poolwise.objective import resolved
from poolwise.ope.logged import at_position
from poolwise.schema import CHANCES
from poolwise.table import numbers, raise_at_row, read_rows
from poolwise.targets import is_file

LABELS = 64
"""Rows of `context` are kinds of jobs where at most so many differ; otherwise they are one kind."""


def read_log(path: Path, resolution: float | None = None) -> pd.DataFrame:
    """A row per decision; without a column utility it is log(baseline_cost / cost), a cost of 0 read at the clock's
    resolution (`objective.resolved`). Raises DataError where the file cannot be read, for a cost that is none, or where
    a decision stands there twice."""
    frame = priced(read_table(path), path, resolution)
    if "decision" in frame and (again := frame["decision"].astype(object).map(str).duplicated().to_numpy()).any():
        row = int(again.argmax())
        raise DataError(
            f"{path}, row {row}, column decision: {shown(frame['decision'].iloc[row])} stands there twice"
            f" ({int(again.sum())} such rows); keep one row per decision"
        )
    return frame


def priced(frame: pd.DataFrame, path: Path, resolution: float | None) -> pd.DataFrame:
    """With the utilities that two columns of costs say."""
    columns = ("cost", "baseline_cost")
    if "utility" in frame or not set(columns) <= set(frame.columns):
        return frame
    found = np.stack([numbers(frame[name]) for name in columns])
    for name, column in zip(columns, found, strict=True):
        bad = ~(np.isfinite(column) & (column >= 0))
        raise_at_row(bad, frame, str(path), name, "is no cost; give finite numbers, 0 or more")
    cost, home = resolved(found, resolution)
    if not ((cost > 0) & (home > 0)).all():
        raise DataError(f"{path}: all costs are 0, so none can be compared; state the clock's resolution")
    return frame.assign(cost=cost, baseline_cost=home, utility=np.log(home) - np.log(cost))


def behaviour(frame: pd.DataFrame) -> pd.DataFrame | None:
    """The logging policy's probabilities, a column per arm, from the columns `p:ARM` of a log; None without any."""
    named = {column: column.removeprefix(CHANCES) for column in map(str, frame.columns) if column.startswith(CHANCES)}
    return frame[list(named)].rename(columns=named) if named else None


def read_table(path: Path) -> pd.DataFrame:
    """Parquet or CSV with at least one row."""
    frame = read_rows(path)
    if frame.empty:
        raise DataError(f"{path}: no rows, so there is nothing to evaluate")
    return frame


def read_obp(path: Path) -> dict[str, Any]:
    """The `bandit_feedback` dictionary that `np.savez(path, **feedback)` wrote; entries that are None left out."""
    if not is_file(path):
        raise DataError(f"{path}: there is no such file")
    try:
        with np.load(path, allow_pickle=False) as found:
            feedback = {name: found[name] for name in found.files}
    except (ValueError, OSError, KeyError, EOFError, BadZipFile, MemoryError) as error:
        raise DataError(
            f"{path} cannot be read: {error}; save plain arrays with np.savez, leaving out entries that are None"
        ) from error
    for key in ("action", "reward", "pscore"):
        if key not in feedback:
            raise DataError(f"{path}: no array {key!r}; give action, reward and pscore, one value per decision")
    rows = len(np.atleast_1d(feedback["action"]))
    for key in ("action", "reward", "pscore", "position", "context", "action_dist", "pi_b"):
        if key in feedback and (np.ndim(feedback[key]) == 0 or len(feedback[key]) != rows or not rows):
            raise DataError(f"{path}: array {key!r} has shape {np.shape(feedback[key])}; give a row for each decision")
    return feedback


def frame_of(feedback: dict[str, Any]) -> pd.DataFrame:
    """The dictionary as a table of decisions, so that a policy can be followed on it; arms are numbers."""
    rows = len(feedback["action"])
    context = np.asarray(feedback.get("context", np.zeros(rows))).reshape(rows, -1)
    kinds = np.unique(context, axis=0, return_inverse=True)[1].ravel()
    place = np.zeros(rows, int) if "position" not in feedback else np.asarray(feedback["position"]).ravel()
    return pd.DataFrame(
        {
            "project": place,
            "context": kinds if kinds.max() < LABELS else 0,
            "arm": feedback["action"],
            "family": feedback["action"],
            "probability": feedback["pscore"],
            "utility": feedback["reward"],
        }
    )


def chances_of(feedback: dict[str, Any], name: str) -> pd.DataFrame | None:
    """A column per arm: `action_dist` (the policy to evaluate) or `pi_b` (the one that logged), where it is there."""
    if name not in feedback:
        return None
    return pd.DataFrame(at_position(feedback[name], feedback.get("position")))
