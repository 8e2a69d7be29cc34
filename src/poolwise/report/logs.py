"""A store's decisions as a log for off-policy evaluation: what was left out, and whether it can be trusted."""

from functools import cache

import numpy as np
import pandas as pd

from poolwise import policy as policies
from poolwise.engine.insight import explain
from poolwise.engine.insight.explain import CUSTOM
from poolwise.engine.insight.trials import trials
from poolwise.errors import DataError
from poolwise.schema import CHANCES
from poolwise.store.base import DecisionColumns, Store


def logged(store: Store) -> tuple[pd.DataFrame, list[str]]:
    """A row per decision with an outcome, as `ope.from_frame` reads it, and notes with counts.

    Where every decision has its view, and no policy was the user's own, columns `p:ARM` hold the probabilities that its
    policy gives for it under the orders and limits that were in force. Raises DataError where there is no outcome at
    all, or where a propensity is not what its policy gives.
    """
    frame, counts = trials(store), store.counts()
    if frame.empty:
        raise DataError("the store holds no decision with an outcome; report outcomes before evaluating")
    made = store.decisions()
    chances = recomputed(store, made)
    frame = frame.merge(chances, on="decision", how="left") if len(chances) == len(made.id) else frame
    notes = [f"{len(chances)} of {counts['decisions']} propensities computed again from their views: all agree"]
    for kind, what in (("open", "decisions without an outcome left out"), ("conflicting", "outcomes that conflict")):
        if counts[kind]:
            notes.append(f"{counts[kind]} {what}")
    return frame, notes


def recomputed(store: Store, made: DecisionColumns) -> pd.DataFrame:
    """decision and `p:ARM` for every decision with a logged view; refuses propensities that their policy denies."""
    names = store.names("arm")

    @cache
    def chances(key: int) -> dict[str, float]:
        view = store.view(key)
        spec, params = store.policy(view.policy)
        if spec == CUSTOM:
            return {}
        _, answered = explain.chances(policies.parse(spec, params), view)
        return {f"{CHANCES}{arm}": value for arm, value in zip(view.arms, answered.tolist(), strict=True)}

    kept = np.flatnonzero(made.view > 0)
    kept = kept[[bool(chances(key)) for key in made.view[kept].tolist()]]
    rows = [chances(key) for key in made.view[kept].tolist()]
    stated = zip(rows, made.arm[kept].tolist(), made.probability[kept].tolist(), strict=True)
    wrong = np.array([abs(row.get(f"{CHANCES}{names[arm]}", 0.0) - share) > 1e-9 for row, arm, share in stated], bool)
    if wrong.any():
        raise DataError(
            f"decision {made.id[kept][wrong.argmax()]}: its probability is not what its policy gives for its view"
            f" ({wrong.sum()} of {len(kept)} decisions); such propensities cannot be used"
        )
    return pd.DataFrame(rows).fillna(0.0).assign(decision=made.id[kept])
