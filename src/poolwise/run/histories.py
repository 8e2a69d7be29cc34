"""What to learn to explore from, besides simulated systems: the projects of a store, and tables."""

from collections.abc import Callable, Sequence
from pathlib import Path

from poolwise.engine.insight.trials import trials
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import DataError
from poolwise.meta import augmentation, histories
from poolwise.meta.histories import AS_SERVED, History, Played
from poolwise.replay.source import read
from poolwise.store import Store

ENDINGS = (".parquet", ".csv")

Told = Callable[[str], None]


def of_store(
    store: Store, seed: int, told: Told = lambda text: None, most: int | None = None, how: Played = AS_SERVED
) -> list[History]:
    """Every project of the store with enough outcomes, completed by what is believed of all its arms at the end. told:
    of the projects that are left out, and why. most: decisions of each that are taken, its first ones."""
    frame, spaces = trials(store), damaged_records.usable(store, "space")
    if frame.empty or not spaces:
        return []
    fine = (frame["status"] == "ok") & frame["gain"].notna()
    frame = frame.assign(utility=frame["gain"].where(fine, frame["utility"]))
    frame = frame if most is None else frame[frame["turn"] < most]
    return histories.of_log(frame, spaces[-1]["baseline"], seed, told, how)


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
