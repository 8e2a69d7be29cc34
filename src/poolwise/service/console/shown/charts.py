"""Pictures as SVG from numbers alone: pure, without a script, styled by classes so that they follow light and dark.

Lines stretch with the page (`vector-effect` keeps their width); labels are text of the page beside them, evenly spaced,
so that they stay readable on a narrow screen and no text is ever part of a picture.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

WIDTH, HEIGHT, ROW = 1_000, 200, 34
"""Units of a picture, which are not pixels: it takes the width that there is."""
RATIOS = (1.02, 1.05, 1.1, 1.25, 1.5, 2.0, 4.0, 10.0, 100.0, 1e4, 1e8)
"""Between two ticks of a scale of speed-ups."""


class Chart(NamedTuple):
    """A picture and the labels around it."""

    svg: Markup
    up: tuple[str, ...]
    """Labels of the vertical axis, from the top down, evenly spaced."""
    along: tuple[str, ...]
    """Labels of the horizontal axis, evenly spaced."""


class Axis(NamedTuple):
    """Evenly spaced ticks on a logarithmic scale of speed-ups."""

    low: float
    """Log of the first tick."""
    high: float
    labels: tuple[str, ...]

    def place(self, value: float) -> float:
        """From 0 to WIDTH; what lies outside is put on the edge."""
        return WIDTH * min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def ticks(low: float, high: float, most: int = 5) -> np.ndarray:
    """Round numbers, evenly spaced, that enclose both.

    >>> ticks(0.93, 1.31).tolist()
    [0.9, 1.0, 1.1, 1.2, 1.3, 1.4]
    """
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-3):
        low, high = low - 0.05, high + 0.05
    rough = (high - low) / (most - 1)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = scale * next(one for one in (1.0, 2.0, 2.5, 5.0, 10.0) if one * scale >= rough * 0.999)
    return np.round(step * np.arange(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1), 12)


def line(
    times: np.ndarray,
    value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    unit: str,
    reference: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> Chart:
    """A line over time with the band of its interval. times: (n,) seconds since 1970; value, low, high: (n,), NaN where
    there is none; reference: where a line across is drawn; least, most: what the scale holds in any case, and at most.
    """
    shown = np.concatenate([np.clip(low, least, most), np.clip(high, least, most), value])
    ends = [one for one in (*shown[np.isfinite(shown)].tolist(), reference, least) if one is not None]
    marks = ticks(min(ends), max(ends))
    across = WIDTH * (times - times[0]) / max(float(times[-1] - times[0]), 1e-9)
    down = lambda values: HEIGHT * (1 - (np.clip(values, marks[0], marks[-1]) - marks[0]) / (marks[-1] - marks[0]))
    there = np.isfinite(value)
    parts = [_horizontal(y, "grid") for y in down(marks).tolist()]
    if reference is not None:
        parts.append(_horizontal(float(down(np.array(reference))), "reference"))
    band = there & np.isfinite(low) & np.isfinite(high)
    edge = [*_points(across[band], down(high[band])), *reversed(_points(across[band], down(low[band])))]
    parts.append(f'<polygon class="band" points="{" ".join(edge)}"/>')
    parts.append(f'<polyline class="line" points="{" ".join(_points(across[there], down(value[there])))}"/>')
    labels = tuple(number(one, unit) for one in reversed(marks.tolist()))
    return Chart(_svg(HEIGHT, parts), labels, moments(float(times[0]), float(times[-1])))


def speeds(low: float, high: float, most: int = 6) -> Axis:
    """A scale that holds two log speed-ups and the baseline, with few ticks.

    >>> speeds(-0.1, 0.3).labels
    ('0.8', '1', '1.25', '1.56')
    """
    low, high = max(min(low, 0.0), -40.0), min(max(high, 0.0), 40.0)
    for ratio in RATIOS:
        step = math.log(ratio)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most and last > first:
            break
    else:
        first, last = min(first, -1), max(last, 1)
    if first == last:
        first, last = -1, 1
    labels = tuple(f"{math.exp(k * step):.3g}" for k in range(first, last + 1))
    return Axis(first * step, last * step, labels)


class Interval(NamedTuple):
    """A mean and its 90 % interval, in log units."""

    kind: str
    """`belief`, or `elsewhere`, `project`: how its line looks."""
    mean: float
    low: float
    high: float


def forest(axis: Axis, rows: Sequence[Interval]) -> Markup:
    """One arm's intervals, one below the other, on a scale that is common to all arms."""
    parts = [
        f'<line class="grid" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{ROW}"/>'
        for x in np.linspace(0, WIDTH, len(axis.labels)).tolist()
    ]
    home = axis.place(0.0)
    parts.append(f'<line class="reference" x1="{home:.1f}" y1="0" x2="{home:.1f}" y2="{ROW}"/>')
    for k, one in enumerate(rows):
        y = ROW * (k + 1) / (len(rows) + 1)
        left, middle, right = (axis.place(value) for value in (one.low, one.mean, one.high))
        parts.append(f'<line class="{one.kind}" x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>')
        # A line without length and with round ends is a dot that no stretching turns into an ellipse.
        parts.append(f'<line class="{one.kind} dot" x1="{middle:.1f}" y1="{y:.1f}" x2="{middle:.1f}" y2="{y:.1f}"/>')
    return _svg(ROW, parts)


def bar(share: float, kind: str = "part") -> Markup:
    """A share of a whole, from 0 to 1."""
    width = WIDTH * min(1.0, max(0.0, share if math.isfinite(share) else 0.0))
    parts = (
        f'<rect class="whole" width="{WIDTH}" height="10"/>',
        f'<rect class="{kind}" width="{width:.0f}" height="10"/>',
    )
    return _svg(10, parts)


def moments(start: float, end: float, count: int = 4) -> tuple[str, ...]:
    """Evenly spaced times (UTC) in as few letters as tell them apart."""
    span = end - start
    form = "%H:%M:%S" if span < 600 else "%H:%M" if span < 86_400 else "%d %b %H:%M" if span < 4e5 else "%Y-%m-%d"
    count = count if span > 0 else 1
    return tuple(datetime.fromtimestamp(one, UTC).strftime(form) for one in np.linspace(start, end, count).tolist())


def number(value: float, unit: str) -> str:
    """
    >>> number(1.25, "×"), number(0.05, "%")
    ('1.25×', '5 %')
    """
    return f"{100 * value:.4g} %" if unit == "%" else f"{value:.4g}{unit}"


def _points(x: np.ndarray, y: np.ndarray) -> list[str]:
    return [f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]


def _horizontal(y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="0" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>'


def _svg(height: float, parts: Sequence[str]) -> Markup:
    """Hidden from screen readers: what it shows stands beside it in words and numbers."""
    inside = "".join(parts)
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f"{inside}</svg>"
    )
