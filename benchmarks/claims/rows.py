"""A row of a table in README or docs, made from result files: all that stands beside its first cell."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple


class Row(NamedTuple):
    """`| label... | cells |`, once in its document."""

    label: str
    cells: Callable[[], str]
    """The cells after the first, with ` | ` between them."""


def each(cells: Callable[[str], str], *labels: str) -> list[Row]:
    """Rows whose cells follow from their labels."""
    return [Row(label, partial(cells, label)) for label in labels]


def rewritten(text: str, rows: list[Row]) -> str:
    """A document with the cells that the files hold."""
    lines = text.split("\n")
    for row in rows:
        places = [number for number, line in enumerate(lines) if line.startswith(f"| {row.label}")]
        if len(places) != 1:
            raise ValueError(f"{len(places)} rows begin with {row.label!r}: one must; change the document or the claim")
        first = lines[places[0]].split(" | ")[0]
        lines[places[0]] = f"{first} | {row.cells()} |"
    return "\n".join(lines)
