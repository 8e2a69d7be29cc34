"""Tables of numbers made tables of words: speed-ups with two digits, shares in per cent, pairs in one column."""

from typing import Any

import numpy as np
import pandas as pd

SHARES = (
    *("slower", "explored", "exploring", "importance", "confidence", "doubt", "saved", "success", "safe", "coverage"),
    *("changed", "moved"),
    *("gave", "took"),
)
COSTS = ("cost", "baseline_cost")
"""Of any unit: three digits of whatever size."""
PAIRS = {
    "speed_up": "speed-up",
    "wall_speed_up": "by wall time",
    "slower": "below 0.95",
    "explored": "not the favourite",
}
"""Columns `NAME_first` and `NAME_last`, and the heading under which they stand together."""
INTERVALS = {"": ("low", "high"), "before ": ("before_low", "before_high"), "now ": ("now_low", "now_high")}
NAMES = {
    "over_best": "cost over the best way's",
    "saved": "total cost saved",
    "speed_up": "speed-up",
    "slower": "below 0.95",
    "explored": "not the favourite",
}


def formatted(table: pd.DataFrame) -> pd.DataFrame:
    """The table in words; `A_first`, `A_last` and the two ends of an interval each become one column."""
    made: dict[str, Any] = {}
    for column in table.columns:
        name, _, which = str(column).rpartition("_")
        if name in PAIRS and which == "first":
            pair = (words(column, table[column]), words(column, table[f"{name}_last"]))
            made[f"{PAIRS[name]}, first to last"] = [f"{a} to {b}" for a, b in zip(*pair, strict=True)]
        elif name not in PAIRS or which != "last":
            made |= _single(table, str(column))
    return pd.DataFrame(made, index=table.index)


def words(column: str, values: pd.Series) -> list[str]:
    """Every value as it is read."""
    if not pd.api.types.is_float_dtype(values):
        return [str(value) for value in values]
    if column in COSTS:
        return ["-" if np.isnan(value) else f"{value:.3g}" for value in values]
    scale, end = (100, " %") if column.startswith(SHARES) else (1, "")
    digits = 1 if end else 2
    return ["-" if np.isnan(value) else f"{scale * value:.{digits}f}{end}" for value in values]


def _single(table: pd.DataFrame, column: str) -> dict[str, list[str]]:
    for prefix, (low, high) in INTERVALS.items():
        if column == low:
            ends = (words(low, table[low]), words(high, table[high]))
            pairs = zip(*ends, strict=True)
            return {f"{prefix}90 % interval": ["-" if a == b == "-" else f"{a} to {b}" for a, b in pairs]}
        if column == high:
            return {}
    return {NAMES.get(column, column.replace("_", " ")): words(column, table[column])}
