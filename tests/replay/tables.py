"""Small tables whose best arms are known."""

import numpy as np
import pandas as pd

from poolwise.table import Table, from_rows

COLUMNS = ["unit", "project", "context", "family", "arm", "cost"]


def rows(units: int = 120, seed: int = 0, noise: float = 0.1) -> pd.DataFrame:
    """4 arms in 2 families, 2 projects, 3 contexts: `good` costs half of `base`, in context c1 `odd` a quarter."""
    rng = np.random.default_rng(seed)
    made = []
    for unit in range(units):
        for arm, family in (("base", "f"), ("good", "f"), ("odd", "g"), ("bad", "g")):
            factor = {"base": 1.0, "good": 0.5, "odd": 0.25 if unit % 3 == 1 else 0.9, "bad": 2.0}[arm]
            cost = 3.0 * factor * np.exp(noise * rng.normal())
            made.append((f"u{unit}", f"p{unit % 2}", f"c{unit % 3}", family, arm, cost))
    return pd.DataFrame(made, columns=COLUMNS)


def table(units: int = 120, **options: float) -> Table:
    return from_rows(rows(units, **options), name="made", source="made", baseline="base")


def repeated(units: int = 30, repetitions: int = 4) -> Table:
    """The same with several measurements of everything."""
    parts = [rows(units, seed=number).assign(repetition=number) for number in range(repetitions)]
    return from_rows(pd.concat(parts), name="made", source="made", baseline="base")
