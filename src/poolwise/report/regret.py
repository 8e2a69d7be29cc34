"""What not knowing the best way cost, as it is believed now."""

import numpy as np
import pandas as pd

DRAWS = 400
CELL = ["project", "context"]


def regret(table: pd.DataFrame, beliefs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """By what factor jobs cost more than with the arm that is believed best in their cell now: geometric mean over all
    jobs, and over the last third of them.

        exp mean_i (theta[cell_i, best] - theta[cell_i, a_i]),    theta ~ Normal(mean, sd^2) of the beliefs

    What an arm that is hardly known may gain beyond the best one is no part of it: that is the doubt of a context.
    Columns: of, jobs, over_best, low, high (median and 90 % interval over draws). Decisions for arms that are no longer
    offered are left out.
    """
    parts = {"all jobs": table, "the last third": table.tail(max(len(table) // 3, 1))}
    known = beliefs.groupby(CELL, sort=False)
    rng = np.random.default_rng(seed)
    total, jobs = {name: np.zeros(DRAWS) for name in parts}, dict.fromkeys(parts, 0)
    for cell in table[CELL].drop_duplicates().itertuples(index=False):
        belief = known.get_group(tuple(cell)).set_index("arm")
        theta = belief["mean"].to_numpy() + belief["sd"].to_numpy() * rng.standard_normal((DRAWS, len(belief)))
        lost = theta[:, [int(belief["mean"].to_numpy().argmax())]] - theta
        for name, part in parts.items():
            here = (part["project"] == cell[0]) & (part["context"] == cell[1])
            chosen = part.loc[here, "arm"].value_counts()
            count = chosen.reindex(belief.index, fill_value=0).to_numpy()
            total[name] += lost @ count
            jobs[name] += int(count.sum())
    rows = [(name, jobs[name], *_interval(total[name] / max(jobs[name], 1))) for name in parts]
    return pd.DataFrame(rows, columns=["of", "jobs", "over_best", "low", "high"])


def _interval(draws: np.ndarray) -> tuple[float, ...]:
    return tuple(np.exp(np.quantile(draws, [0.5, 0.05, 0.95])).tolist())
