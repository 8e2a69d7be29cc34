"""Tables about projects, for people."""

import numpy as np
import pandas as pd


def clear(personal: pd.DataFrame, top: int) -> pd.DataFrame:
    """Of `Across.deviations`, per project the `top` largest whose 90 % interval excludes no difference: as factors on
    the speed-up. Columns: project, context, arm, trials, factor, low, high."""
    certain = personal[(personal["low"] > 0) | (personal["high"] < 0)]
    first = certain.groupby("project", sort=False).head(top).sort_values("project", kind="stable")
    factors = {
        name: np.exp(first[column]) for name, column in (("factor", "difference"), ("low", "low"), ("high", "high"))
    }
    columns = first[["project", "context", "arm", "n"]].rename(columns={"n": "trials"})
    return columns.assign(**factors).reset_index(drop=True)


def recommended(table: pd.DataFrame) -> pd.DataFrame:
    """Of `Across.similar`: context, arm, there, here (speed-ups), favourite, trials."""
    speeds = {"there": np.exp(table["mean"].astype(float)), "here": np.exp(table["own"].astype(float))}
    columns = table[["context", "arm", "favourite", "n"]].rename(columns={"n": "trials"}).assign(**speeds)
    return columns[["context", "arm", "there", "here", "favourite", "trials"]]
