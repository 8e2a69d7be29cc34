"""Text that comes from anywhere, in one line that no terminal obeys."""

import re

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line and paragraph separators, directions of writing, halves of surrogate pairs."""


def escaped(text: str) -> str:
    """The text with everything that a terminal might obey written out.

    >>> print(escaped("red\\x1b[31m"))
    red\\x1b[31m
    """
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)
