"""Where bad input goes in: a room draws one call after another, and says what is stored."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from poolwise import ArmSpace, Choice, Family, Real, Settings

Call = tuple[Callable[[], Any], str]
"""What is called, and how it is told."""
SPACE = ArmSpace(
    [Family("default"), Family("fast"), Family("slow", {"level": Choice([1, 2]), "share": Real(0.1, 1.0, levels=2)})],
    "default",
)
INLINE = Settings(estimate="inline", backend="numpy")
"""What is believed changes within calls alone."""


class Room(NamedTuple):
    """Somewhere to call."""

    draw: Callable[[Random], Call]
    state: Callable[[], Any] = lambda: None
    """Everything that a refused call must leave alone."""


def told(name: str, *given: Any) -> str:
    try:
        return f"{name}{given!r}"[:300]
    except Exception:
        return f"{name}(what has no repr)"
