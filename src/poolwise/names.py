"""Names and ids at the door: the one rule of what may be called how, and how such text is shown.

A name (of a project, context, job, family, arm, unit or pack) has 1 to 1,000 characters that UTF-8 can write, one of
them visible; no control character (NUL, escape, line break, tab) and no sign that turns the direction of writing.
Everything else is a name as it stands: `NA`, `null`, `01`, `[bold]`, `$\\foo{$`, `<b>`.

An id is a whole number; one that no store can hold is unknown, not malformed.
"""

import re
import unicodedata
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from poolwise.errors import UNSAFE as UNSAFE
from poolwise.errors import InputError
from poolwise.errors import escaped as escaped

LONGEST, FEW = 1_000, 8
KNOWN = ": it has "
"""After it a message lists names that a store knows."""
_PLAIN = re.compile(r"[!-~](?:[ -~]{0,998}[!-~])?")
"""Most names: nothing else is asked of them."""


def fault(name: str) -> str | None:
    """What is wrong with a name, and what to do; None where nothing is.

    >>> fault("mathlib"), fault("")
    (None, 'is empty: give a name')
    """
    if _PLAIN.fullmatch(name):
        return None
    if not name:
        return "is empty: give a name"
    if (wrong := text_fault(name)) is not None:
        return wrong
    return None if any(_visible(one) for one in name) else "holds nothing that is visible: give a name"


def text_fault(text: str) -> str | None:
    """As `fault`, of a text that may be empty or blank, as the value of a parameter may."""
    if len(text) > LONGEST:
        return f"has {len(text):,} characters: shorten it to {LONGEST:,} at most"
    if unsafe := UNSAFE.search(text):
        return f"holds the character U+{ord(unsafe[0]):04X} at place {unsafe.start() + 1}, which cannot be shown safely"
    return None


def checked(kind: str, name: Any) -> str:
    """A name as a plain string. NumPy strings are welcome. Raises InputError, which calls it by its kind."""
    if not isinstance(name, str):
        raise InputError(f"{kind} must be a non-empty string, got {type(name).__name__} {shown(name)}")
    if (wrong := fault(name)) is not None:
        hint = "must be a non-empty string: it " if not name else ""
        raise InputError(f"{kind} {'' if not name else shown(name) + ' '}{hint}{wrong}")
    return str(name)


def every(kind: str, names: Any) -> list[str]:
    """Many names, from any sequence but a string. Raises InputError for the first that is none, with its row."""
    if isinstance(names, str | bytes) or not iterable(names):
        raise InputError(f"{kind} must be a list of names, got {type(names).__name__} {shown(names)}")
    return [checked(f"row {row}: {kind}", name) for row, name in enumerate(names)]


def absent(kind: str, name: Any, known: Sequence[str]) -> str:
    """What is said where a store knows no such name; of many that it knows, the first few.

    >>> absent("context", "c", ["a", "b"])
    "no context 'c' in this store: it has a, b"
    """
    few = ", ".join(known[:FEW]) or "none"
    more = f" and {len(known) - FEW:,} more" if len(known) > FEW else ""
    return f"no {kind} {shown(name)} in this store{KNOWN}{few}{more}"


def iterable(value: Any) -> bool:
    """Whether it can be gone through; an array without dimensions only looks as if.

    >>> import numpy as np
    >>> iterable(np.array([3])), iterable(np.array(3))
    (True, False)
    """
    try:
        iter(value)
    except TypeError:
        return False
    return True


def identity(kind: str, value: Any) -> int:
    """An id as a plain integer. NumPy integers are welcome. Raises InputError for anything else, bools included.

    >>> import numpy as np
    >>> identity("decision", np.int64(7))
    7
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"the id of a {kind} is a whole number, got {type(value).__name__} {shown(value)}")
    return int(value)


def shown(value: Any, most: int = 80) -> str:
    """Any value in one safe line: strings in quotes, what cannot be shown escaped, the middle of a long one left out.

    >>> print(shown("a\\x1b[31m"))
    'a\\x1b[31m'
    """
    try:
        text = repr(str(value) if isinstance(value, str) else value.item() if _is_scalar(value) else value)
    except Exception:  # Whatever a stranger's repr does, a message must come about.
        text = f"an object of type {type(value).__name__}"
    return shortened(escaped(text), most)


def shortened(text: str, most: int) -> str:
    """At most so many characters, the middle left out.

    >>> shortened("abcdefghij", 7)
    'ab...ij'
    """
    if len(text) <= most:
        return text
    half = (most - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def _is_scalar(value: Any) -> bool:
    """Whether it is a number of NumPy, whose repr says so at length."""
    return getattr(value, "ndim", None) == 0 and hasattr(value, "item")


def _visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in ("Cf", "Zs", "Cn", "Mn")
