"""A prior pack as a table."""

import numpy as np
import pandas as pd

from poolwise.meta.packs import Pack
from poolwise.report.tables import NORMAL_95


def expected(pack: Pack, top: int = 3) -> pd.DataFrame:
    """The best `top` arms of every context: speed-up that a project may expect, the 90 % interval of what all projects
    share, and how many projects it rests on. Columns: context, arm, speed_up, low, high, projects (if it is told)."""
    found = []
    for c, context in enumerate(pack.contexts):
        known = np.flatnonzero(pack.precision[c] > 0)
        for a in known[np.argsort(-pack.mean[c, known], kind="stable")][:top].tolist():
            sd = NORMAL_95 / np.sqrt(pack.precision[c, a])
            speeds = np.exp(pack.mean[c, a] + np.array([0.0, -sd, sd])).tolist()
            found.append((context, pack.arms[a], *speeds, int(pack.projects[c, a])))
    table = pd.DataFrame(found, columns=["context", "arm", "speed_up", "low", "high", "projects"])
    return table if pack.projects.any() else table.drop(columns="projects")
