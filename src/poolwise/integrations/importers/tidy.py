"""Rows as tools write them -> a table that replays: failures get a cost, incomplete units are left out and counted.

Every arm of a unit was measured, so a row also counts as a decision that a uniform policy made: `probability` is one
over the arms of the unit, and `utility` is the gain over the baseline. `evaluate` and `refit --from` read these.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.table import from_rows

REPETITIONS = 32
"""Most that are kept of one arm on one unit, evenly spaced in time."""
KEYS = ["unit", "arm"]


class Imported(NamedTuple):
    """What an importer made."""

    frame: pd.DataFrame
    """Columns of a tidy table, and `utility` and `probability`."""
    notes: list[str]
    """What was left out or repaired, with counts."""
    baseline: str | None = None
    """None where the rows are a log of decisions."""


def tidy(
    rows: Sequence[dict[str, Any]],
    source: str,
    baseline: str | None,
    unit: str,
    notes: Sequence[str] = (),
    unsolved: float | None = None,
) -> Imported:
    """rows: unit, project, context, family, arm, status, cost (None where unknown) and perhaps repetition; or reward
    in place of the cost. unit: of the cost. unsolved: cost of what did not end well; None: that of the slowest.

    Raises DataError where nothing is left, and for what `table.from_rows` refuses.
    """
    if not rows:
        raise DataError(f"{source}: nothing was measured, so there is nothing to import")
    frame, said = pd.DataFrame(rows), list(notes)
    if "cost" in frame:
        frame = _priced(frame, said, unsolved, source).assign(cost_unit=unit)
    frame = _complete(_aligned(frame, said), said, source)
    home = _baseline(frame, baseline, source)
    frame = frame.assign(is_baseline=frame["arm"] == home)
    from_rows(frame, name=source, source=source, baseline=home)
    return Imported(_logged(frame, home), said, home)


def _priced(frame: pd.DataFrame, said: list[str], unsolved: float | None, source: str) -> pd.DataFrame:
    """With a cost above 0 in every row."""
    cost, bad = frame["cost"].astype(float), frame["status"] != "ok"
    solved = cost[~bad & (cost > 0)]
    if solved.empty:
        raise DataError(f"{source}: no run ended well in more than 0 of its unit, so no cost can be compared")
    zero = ~bad & (cost == 0)
    if zero.any():
        least = float(solved.min()) / 2
        cost = cost.mask(zero, least)
        said.append(f"{int(zero.sum())} costs of 0 read as {least:.3g}, half of the smallest above 0")
    if bad.any():
        slowest = cost.where(~bad).groupby(frame["project"]).transform("max").fillna(float(solved.max()))
        cost = cost.mask(bad, slowest if unsolved is None else unsolved)
        worth = "as much as the slowest of their project" if unsolved is None else f"{unsolved:g}"
        said.append(f"{int(bad.sum())} runs that did not end well cost {worth}")
    return frame.assign(cost=cost)


def _aligned(frame: pd.DataFrame, said: list[str]) -> pd.DataFrame:
    """As many repetitions of every arm on every unit, evenly spaced; an arm that always failed repeats its failure."""
    if "repetition" not in frame:
        return frame
    groups = frame.groupby(KEYS, sort=False)["arm"]
    count, place = groups.transform("size").to_numpy(), groups.cumcount().to_numpy()
    lost = (frame["status"] != "ok").groupby([frame[key] for key in KEYS], sort=False).transform("all").to_numpy()
    kept = min(int(count[~lost].min()), REPETITIONS)
    rank = (place * kept) // count  # the first row of each of `kept` stretches stays
    first = np.where(lost, place == 0, (place == 0) | (rank != ((place - 1) * kept) // count))
    if (first | lost).sum() < len(frame):
        said.append(f"{kept} repetitions of every arm kept, {int((~first & ~lost).sum())} left out")
    copies = np.where(lost[first], kept, 1)
    made = frame[first].loc[lambda rows: rows.index.repeat(copies)].reset_index(drop=True)
    made["repetition"] = made.groupby(KEYS, sort=False).cumcount()
    return made if kept > 1 else made.drop(columns="repetition")


def _complete(frame: pd.DataFrame, said: list[str], source: str) -> pd.DataFrame:
    """Without units that lack an arm which others of their project have."""
    arms = frame.groupby("project", sort=False)["arm"].transform("nunique")
    mine = frame.groupby("unit", sort=False)["arm"].transform("nunique")
    whole = (mine == arms).to_numpy()
    if not whole.any():
        row = frame.iloc[0]
        raise DataError(
            f"{source}: every unit lacks some arm, {row['unit']!r} has {int(mine.iloc[0])} of {int(arms.iloc[0])}; "
            "measure all arms on at least one unit"
        )
    if not whole.all():
        lost = frame.loc[~whole, "unit"].nunique()
        said.append(f"{lost} units left out that lack an arm which others of their project have")
    return frame[whole].reset_index(drop=True)


def _baseline(frame: pd.DataFrame, named: str | None, source: str) -> str:
    """The arm that is named, or the first that every unit has."""
    units = frame.groupby("arm", sort=False)["unit"].nunique()
    common = [str(arm) for arm in units[units == frame["unit"].nunique()].index]
    if named is not None and named not in common:
        lacks = "is no arm here" if named not in units else "was not measured on every unit"
        raise DataError(f"{source}: the baseline {named!r} {lacks}; name one of {', '.join(common[:8]) or 'none'}")
    if not common:
        raise DataError(f"{source}: no arm was measured on every unit, so there is no baseline; import fewer files")
    return common[0] if named is None else named


def _logged(frame: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """With the gain over the baseline's mean, and the chance of a uniform policy."""
    worth = frame["reward" if "reward" in frame else "cost"].to_numpy(float)
    means = pd.Series(worth)[(frame["arm"] == baseline).to_numpy()].groupby(frame["unit"]).mean()
    home = frame["unit"].map(means.to_dict()).to_numpy(float)
    utility = worth - home if "reward" in frame else np.log(home / worth)
    arms = frame.groupby("unit", sort=False)["arm"].transform("nunique")
    return frame.assign(utility=utility, probability=1.0 / arms)
