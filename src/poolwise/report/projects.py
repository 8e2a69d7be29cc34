"""Tables about projects, for people."""

import numpy as np
import pandas as pd


def clear(personal: pd.DataFrame, top: int) -> pd.DataFrame:
    """Of `Engine.deviations`, per project the `top` largest whose 90 % interval excludes no difference: as factors on
    the speed-up. Columns: project, context, arm, trials, factor, low, high."""
    certain = personal[(personal["low"] > 0) | (personal["high"] < 0)]
    first = certain.groupby("project", sort=False).head(top).sort_values("project", kind="stable")
    factors = {
        name: np.exp(first[column]) for name, column in (("factor", "difference"), ("low", "low"), ("high", "high"))
    }
    columns = first[["project", "context", "arm", "n"]].rename(columns={"n": "trials"})
    return columns.assign(**factors).reset_index(drop=True)
