"""A table of decisions, one row each, as the engine's events or a Parquet file give it -> Log."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.inputs import truth
from poolwise.names import shown
from poolwise.objective import Objective, checked, shares
from poolwise.ope.logged import Log, log
from poolwise.ope.reward_model import cross_fitted
from poolwise.table import as_names, names, nulls, numbers, replaced

NAMES = ("project", "context", "arm")
COLUMNS = ("project", "context", "arm", "probability", "utility")


def from_frame(
    frame: pd.DataFrame,
    evaluation: Any = "uniform",
    *,
    model: bool = True,
    folds: int = 3,
    seed: int = 0,
    behaviour: pd.DataFrame | None = None,
    baseline: str | None = None,
    objective: Objective = "ratio",
) -> tuple[Log, tuple[str, ...]]:
    """The log and the names of its arms.

    `frame`: columns project, context, arm, probability (of the arm that was chosen) and utility; optionally `executed`,
    the arm that really ran. `evaluation`: `uniform` over the arms of the log; the name of an arm, chosen always; or a
    table with a column per arm and a row per decision (`ope.target_policy` makes one from a policy). `behaviour`: such
    a table of the logging policy, where it is known. `baseline`: the arm whose utility is 0 by definition, so that what
    a policy does with it needs no evidence; one that earned something else is an arm like the others. `model`: predict
    utilities by the hierarchical belief, cross-fitted. `objective`: `total` values a decision by what it saved
    (`objective.shares`), from `utility`, its log ratio, and the columns cost and baseline_cost. Raises DataError with
    row and column.
    """
    frame, model = valued(tidy(frame), objective), truth("model", model)
    evaluation, behaviour = (
        chances(table) if isinstance(table, pd.DataFrame) else table for table in (evaluation, behaviour)
    )
    tables = [table for table in (evaluation, behaviour) if isinstance(table, pd.DataFrame)]
    held = {*frame["arm"], *(name for table in tables for name in table.columns)}
    names = sorted(held)
    home = None if baseline not in held or frame.loc[frame["arm"] == baseline, "utility"].any() else baseline
    arm = pd.Index(names).get_indexer(frame["arm"])
    project, context = (pd.factorize(frame[key])[0] for key in ("project", "context"))
    made = log(
        frame["utility"].to_numpy(),
        arm,
        frame["probability"].to_numpy(),
        target_probabilities(evaluation, names, len(frame)),
        behaviour=None if behaviour is None else target_probabilities(behaviour, names, len(frame)),
        executed=pd.Index(names).get_indexer(frame["executed"]) if "executed" in frame else None,
        baseline=None if home is None else names.index(home),
    )
    if model:
        made = made._replace(q_hat=cross_fitted(project, context, arm, made.reward, len(names), folds, seed))
    return made, tuple(names)


def tidy(frame: pd.DataFrame, columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """The log with names as text and numbers as float64. Raises DataError for a column that is missing, or null
    somewhere, or holds what is no name or no number; for two columns of one name, and for no row."""
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        raise DataError("the log is no table with rows; give a pandas DataFrame with one row per decision")
    _check_columns(frame, columns)
    also = [column for column in ("family", "executed") if column in frame]
    made = as_names(frame.reset_index(drop=True), "the log", [*(c for c in columns if c in NAMES), *also])
    for column in columns:
        if column not in NAMES:
            made = replaced(made, {column: numbers(made[column])})
    return made


def valued(frame: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    """The log with utilities of what is optimised. Raises DataError where costs are to add up and none are known."""
    if checked(objective) == "ratio":
        return frame
    cost, home = (
        numbers(frame[name]) if name in frame else np.full(len(frame), np.nan) for name in ("cost", "baseline_cost")
    )
    if not (np.isfinite(cost) | np.isfinite(home)).any():
        raise DataError("the log has no cost in columns cost and baseline_cost, and only costs add up to a total")
    return frame.assign(utility=shares(frame["utility"].to_numpy(float), cost, home))


def chances(table: pd.DataFrame) -> pd.DataFrame:
    """A table of probabilities with the names of arms as text; what is no number is NaN. Raises DataError."""
    text, bad, why = names(pd.Series(list(table.columns), dtype=object))
    if bad.any():
        raise DataError(
            f"column {shown(table.columns[int(bad.argmax())])} of probabilities is named after no arm: it {why}"
        )
    if len(set(text)) < len(text):
        raise DataError("two columns of probabilities have the name of one arm; keep one of them")
    return pd.DataFrame({name: numbers(table.iloc[:, k]) for k, name in enumerate(text)})


def _check_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a column that is missing, stands there twice, or is null somewhere."""
    for column in columns:
        if column not in frame:
            raise DataError(f"the log has no column {column!r}; give {', '.join(columns)}, one row per decision")
        if not isinstance(frame[column], pd.Series):
            raise DataError(f"the log has two columns {column!r}; keep one of them")
        holes = nulls(frame[column])
        if holes.any():
            raise DataError(
                f"row {holes.argmax()}, column {column}: is null ({holes.sum()} of {len(frame)} rows); fill it or "
                "leave the decision out"
            )


def target_probabilities(evaluation: Any, names: list[Any], rows: int) -> np.ndarray:
    """(rows, arms) probabilities of the policy to evaluate."""
    if isinstance(evaluation, pd.DataFrame):
        return evaluation.reindex(columns=names, fill_value=0.0).to_numpy(float)
    if isinstance(evaluation, str) and evaluation == "uniform":
        return np.full((rows, len(names)), 1 / len(names))
    if isinstance(evaluation, str) and evaluation in names:
        return np.tile(np.eye(len(names))[names.index(evaluation)], (rows, 1))
    raise DataError(f"no arm {shown(evaluation)} in the log; name one of {', '.join(names[:8])}, or uniform")
