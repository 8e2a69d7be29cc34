"""A command or a label with placeholders: `z3 -T:{timeout} {params} {job}`, `{job.parent.name}`.

A command is cut into words before anything is filled in, as a shell would, so that a value with spaces or quotes stays
one word; no shell takes part.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from poolwise.errors import ConfigError, nearest

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
FILE = ("job", "job.name", "job.stem", "job.suffix", "job.parent", "job.parent.name")
"""What every input gives: its path, and parts of it as `pathlib` calls them."""


def placeholders(text: str) -> list[str]:
    """
    >>> placeholders("gzip -{level} {job}")
    ['level', 'job']
    """
    return PLACEHOLDER.findall(text)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """The text with every placeholder replaced; `values` must have them all.

    >>> filled("{job.stem}!", {"job.stem": "a"})
    'a!'
    """
    return PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)


def words(place: str, text: Any) -> list[str]:
    """A template as words. Raises ConfigError where it is no command."""
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f'{place} is {text!r}: give a command, for instance "gzip -{{level}} -c {{job}}"')
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{place} cannot be cut into words ({error}): close the quotes in {text!r}") from error


def command(template: Sequence[str], values: Mapping[str, Any], params: Sequence[str]) -> list[str]:
    """The words of one call. `{params}` as a word of its own becomes as many words as there are parameters; a word with
    a parameter that does not apply to this arm is left out.

    >>> command(["gzip", "{params}", "-{level}", "{job}"], {"job": "a b.txt"}, ["--fast", "-n"])
    ['gzip', '--fast', '-n', 'a b.txt']
    """
    together = {**values, "params": " ".join(params)}
    applies = [word for word in template if all(name in together for name in placeholders(word))]
    made = [list(params) if word == "{params}" else [filled(word, together)] for word in applies]
    return [word for part in made for word in part]


def check(place: str, text: str, known: Iterable[str]) -> None:
    """Raises ConfigError for a placeholder that nothing fills."""
    known = sorted(known)
    for name in placeholders(text):
        if name not in known:
            raise ConfigError(f"{place} has the unknown placeholder {{{name}}}{nearest(name, known)}")


def shown(value: Any) -> str:
    """A value as command lines write it: `true`, not `True`; 10, not 10.0.

    >>> shown(True), shown(10.0), shown("fast")
    ('true', '10', 'fast')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
