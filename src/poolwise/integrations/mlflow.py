"""A store's refits, gains and report as an MLflow run.

    with mlflow.start_run():
        poolwise.integrations.mlflow.log(engine)

Source of the names: MLflow's tracking interface, `mlflow.log_params`, `log_metrics` (with steps), `log_table`,
`log_text`.
"""

import json
import math
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from poolwise.engine import Engine
from poolwise.engine.insight.trials import trials
from poolwise.engine.state.tables import log_speeds
from poolwise.errors import InputError
from poolwise.extras import named
from poolwise.names import shown
from poolwise.report.tables import favourites, summary
from poolwise.schema import Snapshot

try:
    import mlflow
except ModuleNotFoundError as error:
    raise named(error) from None

POINTS = 100
"""Of the curve of cost saved, evenly spaced in decisions."""
LONGEST = 500
"""Characters of a parameter's value, MLflow's own limit."""


def log(engine: Engine, *, prefix: str = "", report: bool = True) -> str:
    """Log into the active run of MLflow, or into one of its own; returns its id.

    Parameters: the settings that differ from their defaults, the policy and the baseline. Metrics: `outcomes`,
    `speed_up` (geometric mean over the baseline), `project_speed_up/NAME`, `safe` and `failed` (shares), the running
    `speed_up_so_far` by decision, and of every refit its `outcomes` and what its gate checked, by snapshot.
    Tables: `best.json`, the best arm of every project and context, and `refits.json`. report: the page `report.html`,
    where Matplotlib is installed and there are outcomes. prefix: of every name.

    Raises InputError for what is no engine.
    """
    if not isinstance(engine, Engine):
        raise InputError(f"log takes an Engine, got {type(engine).__name__} {shown(engine)}")
    table, snapshots = trials(engine.store), engine.store.snapshots()
    with nullcontext(mlflow.active_run()) if mlflow.active_run() else mlflow.start_run() as run:
        mlflow.log_params({f"{prefix}{name}": value for name, value in parameters(engine).items()})
        for number, snapshot in enumerate(snapshots):
            mlflow.log_metrics(_named(prefix, refit(snapshot)), step=number)
        for step, value in curve(table):
            mlflow.log_metric(f"{prefix}speed_up_so_far", value, step=step)
        mlflow.log_metrics(_named(prefix, gains(table)))
        if snapshots:
            mlflow.log_table(pd.DataFrame([_row(one) for one in snapshots]), f"{prefix}refits.json")
        if len(table):
            mlflow.log_table(
                favourites(log_speeds(engine.beliefs(), engine.settings.known_objective), table), f"{prefix}best.json"
            )
            if report and find_spec("matplotlib"):
                mlflow.log_text(_page(engine, table), f"{prefix}report.html")
        return str(run.info.run_id)


def parameters(engine: Engine) -> dict[str, str]:
    """Settings that differ from their defaults, the policy, and what there is to choose."""
    usual = type(engine.settings)()._asdict()
    changed = {name: value for name, value in engine.settings._asdict().items() if value != usual[name]}
    about = {"baseline": engine.space.baseline, "arms": len(engine.space.arms), "families": len(engine.space.families)}
    return {name: str(value)[:LONGEST] for name, value in {**about, **changed}.items()}


def gains(table: pd.DataFrame) -> dict[str, float]:
    """What the decisions with an outcome came to; nothing without any."""
    if table.empty:
        return {"outcomes": 0.0}
    gain = table["gain"]
    projects = np.exp(gain.groupby(table["project"]).mean())
    return {
        "outcomes": float(len(table)),
        "speed_up": float(np.exp(gain.mean())),
        "safe": float(table["safe"].mean()),
        "failed": float((table["status"] != "ok").mean()),
        "explored": float(table["explored"].mean()),
        **{f"project_speed_up/{_word(str(name))}": float(value) for name, value in projects.items()},
    }


def curve(table: pd.DataFrame) -> list[tuple[int, float]]:
    """(decisions, geometric mean of the speed-up so far)."""
    gain = table["gain"].dropna().to_numpy()
    at = np.unique(np.linspace(1, len(gain), min(POINTS, len(gain))).astype(int))
    means = np.cumsum(gain) / np.arange(1, len(gain) + 1)
    return [(int(step), float(np.exp(means[step - 1]))) for step in at]


def refit(snapshot: Snapshot) -> dict[str, float]:
    """Of one snapshot: its outcomes, whether it came to serve, and every check of the gate that is a number."""
    checks = snapshot.diagnostics.get("checks", [])
    found = {f"refit/{_word(one['name'])}": one["value"] for one in checks if _finite(one.get("value"))}
    return {"refit/outcomes": float(snapshot.outcomes), "refit/accepted": float(snapshot.status != "rejected"), **found}


def _row(snapshot: Snapshot) -> dict[str, Any]:
    checks = json.dumps(snapshot.diagnostics.get("checks", []), default=str)
    return {
        **{name: getattr(snapshot, name) for name in ("id", "method", "status", "reason", "outcomes")},
        "checks": checks,
    }


def _page(engine: Engine, table: pd.DataFrame) -> str:
    from poolwise.report.page import page
    from poolwise.report.projects.section import projects_section

    beliefs = log_speeds(engine.beliefs(), engine.settings.known_objective)
    return page(table, beliefs, summary(table, beliefs, [engine]), "", projects_section(table, engine))


def _named(prefix: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}{name}": value for name, value in values.items()}


def _word(name: str) -> str:
    """Without the characters that MLflow refuses in names."""
    kept = "".join(one if one.isascii() and (one.isalnum() or one in "_-. ") else "_" for one in name)
    return kept[:200].strip() or "_"


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
