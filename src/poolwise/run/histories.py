"""What to learn to explore from, besides simulated systems: the projects of a store, and tables."""

from collections.abc import Callable, Sequence
from pathlib import Path

from poolwise.engine.insight.trials import trials
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import DataError
from poolwise.meta import augmentation, histories, logs
from poolwise.meta.histories import AS_SERVED, History, Played
from poolwise.meta.logs import Log
from poolwise.replay.source import read
from poolwise.store import Store

ENDINGS = (".parquet", ".csv")

Told = Callable[[str], None]


def of_store(store: Store, told: Told = lambda text: None, how: Played = AS_SERVED) -> list[History]:
    """The projects of the store with enough outcomes, together, without their names. told: of those that are left out,
    and why."""
    log = log_of(store, told)
    if log is None or not log.names:
        return []
    numbered = tuple(f"project {k}" for k in range(1, len(log.names) + 1))
    return [logs.together(log._replace(names=numbered), how)]


def log_of(store: Store, told: Told = lambda text: None, most: int | None = None) -> Log | None:
    """Of the projects with enough outcomes; None where nothing came out yet. most: decisions of each that are taken,
    its first ones."""
    frame, spaces = trials(store), damaged_records.usable(store, "space")
    if frame.empty or not spaces:
        return None
    fine, home = (frame["status"] == "ok") & frame["gain"].notna(), spaces[-1]["baseline"]
    frame = frame.assign(utility=frame["gain"].where(fine, frame["utility"]))
    frame = frame if most is None else frame[frame["turn"] < most]
    return logs.of_projects(logs.read(frame, home), logs.lasting(frame, home, told))


def of_tables(paths: Sequence[Path], seed: int) -> list[History]:
    """Every table of these files and folders as it is, and once with an ordinary baseline and other jobs, arms and
    contexts. Raises DataError for a folder without tables and for what is no table."""
    found = []
    for path in paths:
        files = sorted(one for one in path.iterdir() if one.suffix in ENDINGS) if path.is_dir() else [path]
        if not files:
            raise DataError(f"{path} holds no table: name a folder of {' or '.join(ENDINGS)} files, or a file")
        for table in map(read, files):
            varied = augmentation.varied(table, seed)
            found += [histories.of_table(table), histories.of_table(varied, group=table.name)]
    return found
