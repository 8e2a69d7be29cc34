"""What is believed of every arm in one context of one project, and where it comes from."""

from __future__ import annotations

import numpy as np

from poolwise.engine.insight.cells import view_of_cell
from poolwise.engine.state.serving import Serving
from poolwise.engine.state.tables import NORMAL_95
from poolwise.errors import InputError
from poolwise.lazy import pandas as pd
from poolwise.names import checked, shown
from poolwise.policy.constraints import quarantine


def borrowing(now: Serving, project: str, context: str) -> pd.DataFrame:
    """A row for every arm that is offered: family, arm, mean, sd, low, high (90 % interval), n, in log units; own: the
    share of the belief's precision that its own outcomes here give, see `explain`; project, elsewhere: means of what
    the arm is like in the rest of the project, and in this context of other projects, project_sd and elsewhere_sd
    their standard deviations; probability: with which the next decision draws it; state: of quarantine, or empty.

    Raises InputError for a project or context that is not known."""
    p, c = (_number(now, kind, name) for kind, name in (("project", project), ("context", context)))
    view = view_of_cell(now.belief, now.name_index, now.usage, p, c, now.name_index.allowed(None))
    gate = now.policy_gate
    mean, scale = np.asarray(view.mean), np.asarray(view.scale)
    codes = np.zeros(len(mean), dtype=np.int64)
    if gate.safeguards is not None:
        codes = gate.safeguards.codes(p, c)[now.name_index.columns]
    return pd.DataFrame(
        {
            "family": [arm.family for arm in now.name_index.arms],
            "arm": list(now.name_index.ids),
            "mean": mean,
            "sd": scale,
            "low": mean - NORMAL_95 * scale,
            "high": mean + NORMAL_95 * scale,
            "n": np.asarray(view.count),
            "own": np.minimum(1.0, np.asarray(view.count) * (scale / np.asarray(view.noise)) ** 2),
            "project": np.asarray(view.wider_mean)[0],
            "project_sd": np.asarray(view.wider_scale)[0],
            "elsewhere": np.asarray(view.wider_mean)[1],
            "elsewhere_sd": np.asarray(view.wider_scale)[1],
            "probability": gate.choice((project, context), (p, c), view).probabilities,
            "state": [quarantine.REASONS[code] if code else "" for code in codes.tolist()],
        }
    )


def _number(now: Serving, kind: str, name: str) -> int:
    names = now.name_index.names(kind)
    if checked(kind, name) not in names:
        raise InputError(f"no {kind} {shown(name)} in this store: look at the list of those that are known")
    return names.index(name)
