"""What a run came to, as small tables: pure functions of its trials, its store and the beliefs at its end, whose means
are logarithms of speed-ups (`engine.state.tables.log_speeds`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise.engine import Engine
from poolwise.objective import Objective, speed_up
from poolwise.report.exploration import contexts, phases, regret, totals
from poolwise.store.base import Store

BORROWED = [
    *("project", "context", "arm"),
    *("before", "before_low", "before_high"),
    *("now", "now_low", "now_high", "trials"),
]
NORMAL_95 = 1.6448536269514722


def rows(table: pd.DataFrame) -> list[Any]:
    """The rows as named tuples; `Index` is the label."""
    return list(table.itertuples())


def thirds(table: pd.DataFrame) -> pd.DataFrame:
    """Per project, and for all: decisions, then for the first and the last third of them the geometric mean of the
    speed-up by cost and by wall time, the share below 0.95 of the baseline's speed and the share of exploration."""
    parts = [("all projects", table)] + [(str(name), part) for name, part in table.groupby("project", sort=False)]
    made = []
    for name, part in parts:
        cut = max(len(part) // 3, 1)
        row: dict[str, Any] = {"project": name, "decisions": len(part)}
        made.append(row | _figures(part.head(cut), "first") | _figures(part.tail(cut), "last"))
    return pd.DataFrame(made)


def _figures(part: pd.DataFrame, which: str) -> dict[str, float]:
    return {
        f"speed_up_{which}": float(np.exp(part["gain"].mean())),
        f"wall_speed_up_{which}": float(np.exp(part["wall"].mean())),
        f"slower_{which}": float(1 - part["safe"].mean()),
        f"explored_{which}": float(part["explored"].mean()),
    }


def favourites(beliefs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The arm believed best in each context of each project that had jobs there: speed-up over the baseline with its
    90 % interval, the arm's own trials and the jobs. Contexts by name, projects in the order of their arrival."""
    jobs = table.groupby(["context", "project"], sort=False).size().rename("jobs").reset_index()
    best = beliefs.loc[beliefs.groupby(["project", "context"])["mean"].idxmax()]
    arrival = {project: place for place, project in enumerate(table["project"].unique())}
    joined = jobs.merge(best, on=["project", "context"])
    joined = joined.assign(arrival=joined["project"].map(arrival)).sort_values(["context", "arrival"])
    speeds = {name: np.exp(joined[column]) for name, column in (("speed_up", "mean"), ("low", "low"), ("high", "high"))}
    columns = joined[["context", "project", "arm", "n", "jobs"]].rename(columns={"n": "trials"})
    return columns.assign(**speeds).reset_index(drop=True)


def borrowed(store: Store, beliefs: pd.DataFrame, table: pd.DataFrame, objective: Objective = "ratio") -> pd.DataFrame:
    """What the newest project was given: in each of its contexts, the arm it believes in now, what was believed of it
    before the project had seen a single job there, and what it came to.

    Columns: project, context, arm, before, before_low, before_high, now, now_low, now_high, trials; speed-ups with
    their 90 % intervals. Contexts whose first decision was not logged with its view are left out.
    """
    newest = table.drop_duplicates("project")["project"].iloc[-1]
    mine = favourites(beliefs, table).query("project == @newest")
    first = table[table["project"] == newest].drop_duplicates("context").set_index("context")["decision"]
    found = []
    for row in rows(mine):
        decision = store.decision(int(first[row.context]))
        if not decision.view:
            continue
        logged = store.view(decision.view)
        k = logged.arms.index(row.arm)
        mean, scale = float(logged.arrays["mean"][k]), float(logged.arrays["scale"][k])
        ends = np.array([mean, mean - NORMAL_95 * scale, mean + NORMAL_95 * scale])
        before, low, high = speed_up(ends, objective).tolist()
        found.append((newest, row.context, row.arm, before, low, high, row.speed_up, row.low, row.high, row.trials))
    return pd.DataFrame(found, columns=BORROWED)


def summary(table: pd.DataFrame, beliefs: pd.DataFrame, engines: Sequence[Engine]) -> dict[str, pd.DataFrame]:
    """The tables that a run ends with, by name; `borrowed` is empty unless several projects share one engine."""
    if table.empty:
        return dict.fromkeys(("totals", "thirds", "regret", "favourites", "contexts", "phases", "borrowed"), table)
    shared = len(engines) == 1 and table["project"].nunique() > 1
    return {
        "totals": totals(table),
        "thirds": thirds(table),
        "regret": regret(table, beliefs),
        "favourites": favourites(beliefs, table),
        "contexts": contexts(table, (row for engine in engines for row in engine.overview()["contexts"])),
        "phases": phases(engine.store for engine in engines),
        "borrowed": borrowed(engines[0].store, beliefs, table, engines[0].settings.known_objective)
        if shared
        else table.head(0),
    }


def best(beliefs: pd.DataFrame, top: int) -> pd.DataFrame:
    """The best `top` arms of every project and context, with their speed-up, its 90 % interval and their trials."""
    order = beliefs.sort_values(["project", "context", "mean"], ascending=[True, True, False], kind="stable")
    first = order.groupby(["project", "context"], sort=False).head(top)
    speeds = {name: np.exp(first[column]) for name, column in (("speed_up", "mean"), ("low", "low"), ("high", "high"))}
    columns = first[["project", "context", "arm", "n"]].rename(columns={"n": "trials"})
    return columns.assign(**speeds).reset_index(drop=True)


def by_context(beliefs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The favourite of every context over all projects: means weighted by each project's jobs there.

    Columns: context, arm, speed_up, trials, jobs; the context with most jobs first.
    """
    jobs = table.groupby(["project", "context"]).size().rename("jobs").reset_index()
    weighed = beliefs.merge(jobs, on=["project", "context"])
    weighed["mean"] *= weighed["jobs"]
    sums = weighed.groupby(["context", "arm"])[["mean", "n", "jobs"]].sum().reset_index()
    sums["speed_up"] = np.exp(sums["mean"] / sums["jobs"])
    first = sums.loc[sums.groupby("context")["speed_up"].idxmax()].sort_values("jobs", ascending=False)
    named = first.rename(columns={"n": "trials"})
    return named[["context", "arm", "speed_up", "trials", "jobs"]].reset_index(drop=True)


def shrunk(table: pd.DataFrame, beliefs: pd.DataFrame, each: int = 8, few: int = 2) -> pd.DataFrame:
    """Speed-up of an arm by its own trials alone (`raw`) and by all that is known (`pooled`), for two groups of cells.

    group: `few` trials or fewer, those that moved most; and those with most trials. At most `each` of both.
    Columns: group, project, context, arm, trials, raw, pooled.
    """
    cell = ["project", "context", "arm"]
    own = table.groupby(cell)["utility"].agg(raw="mean", trials="size").reset_index()
    cells = own.merge(beliefs[[*cell, "mean"]], on=cell)
    moved = (cells["raw"] - cells["mean"]).abs()
    rare = cells[cells["trials"] <= few].loc[lambda part: moved[part.index].sort_values(ascending=False).index[:each]]
    often = cells[cells["trials"] > few].sort_values("trials", ascending=False, kind="stable").head(each)
    groups = [rare.assign(group="few trials"), often.assign(group="many trials")]
    chosen = pd.concat([group for group in groups if len(group)] or groups[:1], ignore_index=True)
    chosen["raw"], chosen["pooled"] = np.exp(chosen["raw"]), np.exp(chosen["mean"])
    return chosen[["group", *cell, "trials", "raw", "pooled"]]
