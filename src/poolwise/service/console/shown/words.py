"""Numbers, times and names as pages show them."""

import math
import time
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from poolwise.names import escaped, shortened

LONGEST, SHORT = 80, 20
"""Letters of a name in a list; all of them where the page is about it; of one that is not broken within a word."""


def count(value: Any) -> str:
    """
    >>> count(1234567), count(2.5)
    ('1\\u202f234\\u202f567', '2.5')
    """
    text = f"{value:,.0f}" if float(value) == round(value) else f"{value:,.1f}"
    return text.replace(",", "\u202f")


def speed(gain: float | None) -> str:
    """Of a log speed-up.

    >>> speed(0.0), speed(math.log(1.5)), speed(None)
    ('1.00×', '1.50×', 'unknown')
    """
    if gain is None or not math.isfinite(gain):
        return "unknown"
    return f"{math.exp(min(gain, 700.0)):.3g}×" if abs(gain) > 2.3 else f"{math.exp(gain):.2f}×"


def percent(share: float | None) -> str:
    """
    >>> percent(0.125), percent(0.9996), percent(0.0012), percent(0.0004), percent(None)
    ('12.5 %', '> 99.9 %', '0.1 %', '< 0.1 %', 'unknown')
    """
    if share is None or not math.isfinite(share):
        return "unknown"
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    return "< 0.1 %" if share < 0.001 else "> 99.9 %" if 0.999 < share < 1 else f"{100 * share:.1f} %"


def when(seconds: float | None) -> Markup:
    """A time in UTC, which machines can read, too."""
    if seconds is None:
        return Markup("never")
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return Markup("an impossible time")
    return Markup('<time datetime="{0}">{1}</time>').format(
        moment.isoformat(timespec="seconds"), moment.strftime("%Y-%m-%d %H:%M:%S")
    )


def ago(seconds: float, now: float | None = None) -> str:
    """
    >>> ago(100.0, 103.0), ago(0.0, 7300.0)
    ('3 s ago', '2 h ago')
    """
    passed = max(0.0, (time.time() if now is None else now) - seconds)
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if passed >= 2 * size:
            return f"{passed / size:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


def name(text: str | None, longest: int = LONGEST) -> Markup:
    """A name as text of its own direction; a long one shortened, with all of it in its title."""
    safe = escaped(text or "")
    short = shortened(safe, longest)
    if short == safe:
        return Markup('<bdi class="short">{0}</bdi>' if len(safe) <= SHORT else "<bdi>{0}</bdi>").format(safe)
    return Markup('<bdi title="{1}">{0}</bdi>').format(short, safe)


def whole(text: str | None) -> Markup:
    """A name in full."""
    return Markup("<bdi>{0}</bdi>").format(escaped(text or ""))


def lines(text: Any) -> Markup:
    """A sentence of ours that may hold names."""
    return escape(escaped(str(text)))


FILTERS = {one.__name__: one for one in (count, speed, percent, when, ago, name, whole, lines)}
