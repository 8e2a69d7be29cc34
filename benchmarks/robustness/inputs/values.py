"""Values that somebody will give: hostile, accidental, and right ones in between."""

import datetime
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd


class Unspeakable:
    """Whose repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


# fmt: off
_WORDS = [
    "", " ", "NA", "null", "None", "nan", "true", "01", "1e5", "-", "--help", "*", "'; DROP TABLE decision;--",
    "default", "fast", "slow", "p", "c", "../x", "C:\\x", "sqlite:///x.db", "memory://", "%s", "{0}", "{name!r}",
]
_MARKUP = [
    "[/x]", "[red]hot", ":smile:", "$\\foo{$", "$x^2$", "<script>", "&amp;", "\\N{DASH}", "(", "a(b=1)", "a;b, c",
]
_CHARACTERS = [
    "\x00", "a\x00b", "\x1b[31mred", "a\nb", "a\rb", "\t", "\u2028", "\u202egnp", "\u200b", "\ufeffa", "\ud800",
    "\xe9", "e\u0301", "\U0001f600", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\u540d\u524d", "\xdf", "\u0130",
]
_LENGTHS = ["a" * 1000, "a" * 10_001, "\xe9" * 999]
_TEXTS = [*_WORDS, *_MARKUP, *_CHARACTERS, *_LENGTHS]
_WHOLE = [2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 10**25, 10**400]
_NUMBERS = [
    0.0, -0.0, 1.0, 0.5, -1.5, 1e-320, 1e308, -1e308, math.nan, math.inf, -math.inf, 1e5, 1e6, 1e7, np.float32(0.5),
    np.float64("nan"), np.float16(np.inf), Decimal("1.5"), Decimal("sNaN"), Fraction(1, 3), 1 + 2j,
]
_STRANGE: list[Callable[[], Any]] = [
    lambda: None, lambda: True, lambda: False, lambda: np.bool_(1), lambda: b"p", lambda: bytearray(b"p"),
    lambda: Path("p"), object, list, lambda: ["a"], lambda: [1], lambda: [None], lambda: [["a"]], tuple, dict,
    lambda: {"a": 1}, lambda: {1: 2}, set, lambda: {"default"}, lambda: np.array(3), lambda: np.array([1, 2]),
    lambda: np.array(["a", "b"]), lambda: len, lambda: int, lambda: np.zeros((2, 2)), lambda: np.array([]),
    lambda: np.zeros((0, 3)), lambda: np.array(["a", None], dtype=object), lambda: np.str_("fast"),
    lambda: np.datetime64("2026-01-01"), lambda: np.ma.masked, lambda: pd.Series(["a"]), pd.DataFrame, lambda: pd.NA,
    lambda: pd.NaT, lambda: pd.Index([1, 2]), lambda: datetime.datetime(2026, 1, 1), lambda: range(3),
    lambda: iter("ab"), lambda: Ellipsis, lambda: slice(None), lambda: Random, lambda: [[1], [1, 2]],
    lambda: [np.ma.masked], Unspeakable, Unspeakable,
]
# fmt: on


def text(random: Random) -> str:
    """Strings that have broken something somewhere."""
    if random.random() < 0.02:
        return "".join(chr(random.randrange(1, 0x3000)) for _ in range(random.randrange(1, 12)))
    return random.choice(_TEXTS)


def whole(random: Random) -> Any:
    """Whole numbers, small, huge and of other kinds."""
    big, arrays = random.choice(_WHOLE), [np.int8(3), np.uint64(2**64 - 1), np.int32(-1)]
    return random.choice([0, 1, 2, 3, 7, -1, -7, big, -big, np.int64(random.randrange(50)), *arrays])


def number(random: Random) -> Any:
    """Numbers, finite or not, of many kinds."""
    usual = [random.gauss(0, 1), math.exp(random.gauss(0, 3)), whole(random)]
    return random.choice([*_NUMBERS, *usual])


def strange(random: Random) -> Any:
    """What is neither text nor number."""
    return random.choice(_STRANGE)()


def anything(random: Random) -> Any:
    """One of all kinds."""
    return random.choice([text, whole, number, strange, strange])(random)


def many(random: Random, each: Callable[[Random], Any], sizes: tuple[int, ...] = (0, 1, 2, 3, 5)) -> Any:
    """A list, tuple, column or array of such values."""
    found = [each(random) for _ in range(random.choice(sizes))]
    kind = random.randrange(5)
    if kind == 0:
        return tuple(found)
    if kind == 1:
        return pd.Series(found, dtype=object)
    if kind == 2:
        column = np.empty(len(found), dtype=object)
        for place, one in enumerate(found):
            column[place] = one
        return column
    return found


def or_strange(random: Random, usual: Callable[[Random], Any], often: float = 0.6) -> Any:
    """What is meant, often; otherwise anything."""
    return usual(random) if random.random() < often else anything(random)
