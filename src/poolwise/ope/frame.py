"""A table of decisions, one row each, as the engine's events or a Parquet file give it -> Log."""

from typing import Any

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.ope.logged import Log, log
from poolwise.ope.outcome import cross_fitted

COLUMNS = ("project", "context", "arm", "probability", "utility")


def from_frame(
    frame: pd.DataFrame,
    evaluation: Any = "uniform",
    *,
    model: bool = True,
    folds: int = 3,
    seed: int = 0,
    behaviour: pd.DataFrame | None = None,
) -> tuple[Log, tuple[str, ...]]:
    """The log and the names of its arms.

    `frame`: columns project, context, arm, probability (of the arm that was chosen) and utility; optionally `executed`,
    the arm that really ran. `evaluation`: `uniform` over the arms of the log; the name of an arm, chosen always; or a
    table with a column per arm and a row per decision (`ope.target` makes one from a policy). `behaviour`: such a table
    of the logging policy, where it is known. `model`: predict utilities by the hierarchical belief, cross-fitted.
    Raises DataError with row and column.
    """
    _check_columns(frame)
    tables = [table for table in (evaluation, behaviour) if isinstance(table, pd.DataFrame)]
    names = sorted({*frame["arm"], *(name for table in tables for name in table.columns)}, key=str)
    arm = pd.Index(names).get_indexer(frame["arm"])
    project, context = (pd.factorize(frame[key])[0] for key in ("project", "context"))
    made = log(
        frame["utility"].to_numpy(),
        arm,
        frame["probability"].to_numpy(),
        wanted(evaluation, names, len(frame)),
        behaviour=None if behaviour is None else wanted(behaviour, names, len(frame)),
        executed=pd.Index(names).get_indexer(frame["executed"]) if "executed" in frame else None,
    )
    if model:
        made = made._replace(q_hat=cross_fitted(project, context, arm, made.reward, len(names), folds, seed))
    return made, tuple(map(str, names))


def _check_columns(frame: pd.DataFrame) -> None:
    """Refuse a column that is missing, or null somewhere."""
    for column in COLUMNS:
        if column not in frame:
            raise DataError(f"the log has no column {column!r}; give {', '.join(COLUMNS)}, one row per decision")
        holes = frame[column].isna().to_numpy()
        if holes.any():
            raise DataError(
                f"row {holes.argmax()}, column {column}: is null ({holes.sum()} of {len(frame)} rows); fill it or "
                "leave the decision out"
            )


def wanted(evaluation: Any, names: list[Any], rows: int) -> np.ndarray:
    """(rows, arms) probabilities of the policy to evaluate."""
    if isinstance(evaluation, pd.DataFrame):
        return evaluation.reindex(columns=names, fill_value=0.0).to_numpy(float)
    if isinstance(evaluation, str) and evaluation == "uniform":
        return np.full((rows, len(names)), 1 / len(names))
    if evaluation in names:
        return np.tile(np.eye(len(names))[names.index(evaluation)], (rows, 1))
    raise DataError(f"no arm {evaluation!r} in the log; name one of {', '.join(map(str, names[:8]))}, or uniform")
