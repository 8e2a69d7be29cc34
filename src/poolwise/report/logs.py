"""A store's decisions as a log for off-policy evaluation: what was left out, and whether it can be trusted."""

from functools import cache

import numpy as np
import pandas as pd

from poolwise import policy as policies
from poolwise.engine.explain import view_of
from poolwise.errors import DataError
from poolwise.report.trials import trials
from poolwise.store.base import Store


def logged(store: Store) -> tuple[pd.DataFrame, list[str]]:
    """A row per decision with an outcome, as `ope.from_frame` reads it, and notes with counts.

    Every propensity whose view was logged is computed again. Raises DataError where there is no outcome at all, or
    where a propensity is not what its policy gives for its view.
    """
    frame, counts = trials(store), store.counts()
    if frame.empty:
        raise DataError("the store holds no decision with an outcome; report outcomes before evaluating")
    checked = recomputed(store)
    notes = [f"{checked} of {counts['decisions']} propensities computed again from their views: all agree"]
    for kind, what in (("open", "decisions without an outcome left out"), ("conflicting", "outcomes that conflict")):
        if counts[kind]:
            notes.append(f"{counts[kind]} {what}")
    return frame, notes


def recomputed(store: Store) -> int:
    """Number of decisions with a logged view; refuses propensities that their policy does not give."""
    made, names = store.decisions(), store.names("arm")

    @cache
    def chances(key: int) -> dict[str, float]:
        view = store.view(key)
        policy = policies.parse(*store.policy(view.policy))
        values = np.asarray(policy.probabilities(policy.params, view_of(view)), dtype=float)
        return dict(zip(view.arms, values.tolist(), strict=True))

    kept = np.flatnonzero(made.view > 0)
    rows = zip(*(column[kept].tolist() for column in (made.id, made.view, made.arm, made.probability)), strict=True)
    wrong = [id for id, view, arm, stated in rows if abs(chances(view).get(names[arm], 0.0) - stated) > 1e-9]
    if wrong:
        raise DataError(
            f"decision {wrong[0]}: its probability is not what its policy gives for its view ({len(wrong)} of"
            f" {len(kept)} decisions); such propensities cannot be used, evaluate a log that was not altered"
        )
    return len(kept)
