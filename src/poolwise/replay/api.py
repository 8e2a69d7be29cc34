"""`replay`: a policy over a table, all seeds, as one log and one summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from poolwise import policy as policies
from poolwise.compute import LOCAL, Executor
from poolwise.objective import Objective
from poolwise.policy.view import Policy
from poolwise.progress import Progress, silent
from poolwise.replay.arguments import order_of, seeds_of, tabled
from poolwise.replay.arrival import orders
from poolwise.replay.hindsight import PER_CELL, references
from poolwise.replay.loop import Run, run_many, run_on
from poolwise.replay.metrics import Interval, summary
from poolwise.replay.settings import Settings
from poolwise.replay.source import read
from poolwise.schema import CHANCES, STATUSES
from poolwise.table import Table, total, utility


class Replay(NamedTuple):
    """What a replay gives."""

    table: Table
    log: pd.DataFrame
    """A row per seed and decision; see `replay`."""
    summary: dict[str, Interval]


def replay(
    table: Table | str | Path,
    policy: Policy | str | None = None,
    *,
    order: str = "shuffled",
    seeds: int | Sequence[int] = 5,
    delay: int = 0,
    horizon: float | None = None,
    repeats: bool = True,
    objective: Objective = "ratio",
    progress: Progress = silent,
    executor: Executor = LOCAL,
) -> Replay:
    """Drive a policy over every unit of a table, from nothing, once per seed.

    table: as `table.from_rows` makes it, or the path of a tidy Parquet or CSV file. policy: one, its spec
    (`policy.parse`), or None for the engine's default. order: `shuffled`, `time` (as in the source) or `project` after
    project. delay: outcomes are learned so many decisions later. horizon, repeats, objective: see `Settings`; where
    the total is optimised, utilities, and regret, are shares of what the baseline costs on average. progress: told how
    far it is. executor: where the seeds run (`poolwise.compute`), with the same results; a policy of your own needs
    `LOCAL`.

    The log's columns: seed, step, decision (number in the log), row and unit (in the table), project, context, family,
    arm, probability, explored, status, utility (what was learned), earned (mean over the table's repetitions, to which
    regret refers), best (of the best fixed arm of the project and context), and `p:ARM`, the probability of every arm.
    Raises DataError and ConfigError.

    >>> rows = [(u, "p", "c", "f", arm, cost) for u in range(40) for arm, cost in (("old", 2.0), ("new", 1.0))]
    >>> import pandas as pd; from poolwise.table import from_rows
    >>> frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    >>> found = replay(from_rows(frame, name="toy", source="toy", baseline="old"), seeds=2)
    >>> found.log["earned"].tail(10).mean().round(3)
    np.float64(0.693)
    """
    table = table if isinstance(table, Table) else read(table)
    if not isinstance(policy, Policy):
        policy = policies.default() if policy is None else policies.parse(policy)
    chosen = seeds_of(seeds)
    settings = Settings(delay=delay, horizon=horizon, repeats=repeats, objective=objective).checked()
    valued = total(table) if settings.objective == "total" else table
    rows = orders(table, order, chosen)
    runs = run_on(executor, table, rows, policy, chosen, settings, progress)
    log = pd.concat([frame(valued, run, seed) for run, seed in zip(runs, chosen, strict=True)], ignore_index=True)
    log.insert(2, "decision", np.arange(len(log)))
    return Replay(valued, log, summary(valued, log))


def run_poolwise(table: Table, order: np.ndarray, seed: int) -> np.ndarray:
    """(units,) arms that the default policy chooses in one order, learning from means over repetitions."""
    return run_poolwise_many(table, order_of(order, tabled(table))[None], [seed])[0]


def run_poolwise_many(
    table: Table, orders: np.ndarray, seeds: Sequence[int], objective: Objective = "ratio"
) -> np.ndarray:
    """(seeds, units): `run_poolwise` for all orders and seeds side by side, the same as one by one."""
    runs = run_many(table, orders, policies.default(), seeds, Settings(repeats=False, objective=objective))
    return np.stack([run.arm for run in runs])


def frame(table: Table, run: Run, seed: int) -> pd.DataFrame:
    """One run as rows of the log."""
    unit, arm = run.unit, run.arm
    gain = utility(table)
    name = {key: np.array(getattr(table, key), dtype=object) for key in ("projects", "contexts", "families", "arms")}
    columns = {f"{CHANCES}{arm}": chances for arm, chances in zip(table.arms, run.chances.T, strict=True)}
    return pd.DataFrame(
        {
            "seed": seed,
            "step": np.arange(len(unit)),
            "row": unit,
            "unit": np.array(table.units, dtype=object)[unit],
            "project": name["projects"][table.project[unit]],
            "context": name["contexts"][table.context[unit]],
            "family": name["families"][table.family[arm]],
            "arm": name["arms"][arm],
            "probability": run.chances[np.arange(len(arm)), arm],
            "explored": run.explored,
            "status": np.array(STATUSES, dtype=object)[table.status[unit, arm]],
            "utility": run.observed,
            "earned": gain[unit, arm],
            "best": gain[unit, references(table)[PER_CELL][unit]],
            **columns,
        }
    )
