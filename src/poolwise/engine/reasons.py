"""Why an arm was chosen: a record, and the one text in which a store keeps it.

The text is `choice; layer, layer`, in a shadow `shadow: ARM, choice; layer, layer`. Choices and layers are our own
words, without brackets; the id of an arm with parameters ends in a bracket, and that of one without holds neither
blank nor comma (`space.family`). So whatever values parameters have, the text is read back as the record it was.
"""

from functools import lru_cache
from typing import NamedTuple

EXPLORED, FAVOURITE, SETTLED, HOME = "explored", "favourite", "settled favourite", "baseline"
"""What the chosen arm was at the time, where the choice was free."""
_SHADOW = "shadow: "


class Reason(NamedTuple):
    """What a decision was."""

    choice: str
    acted: str = ""
    """Layers outside the policy, with commas between."""
    shadow: str | None = None
    """The arm that was drawn, where the baseline is answered whatever is drawn."""


def written(reason: Reason) -> str:
    """As it is stored.

    >>> written(Reason("explored", "eligibility", "cc(flags=-O2; -g)"))
    'shadow: cc(flags=-O2; -g), explored; eligibility'
    """
    text = f"{reason.choice}; {reason.acted}" if reason.acted else reason.choice
    return text if reason.shadow is None else f"{_SHADOW}{reason.shadow}, {text}"


@lru_cache(4096)
def read(text: str) -> Reason:
    """The inverse of `written`.

    >>> read("shadow: cc(flags=-O2; -g), explored; eligibility")
    Reason(choice='explored', acted='eligibility', shadow='cc(flags=-O2; -g)')
    """
    shadow, rest = None, text
    if text.startswith(_SHADOW):
        before, bracket, tail = text.removeprefix(_SHADOW).rpartition(")")
        last, _, rest = tail.partition(", ")
        shadow = before + bracket + last
    choice, _, acted = rest.partition("; ")
    return Reason(choice, acted, shadow)
