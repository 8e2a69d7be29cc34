"""A row of a table in README or docs, made from result files: all that stands beside its first cell."""

from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.harness.recorded import at


class Row(NamedTuple):
    """`| label... | cells |`, once in its document."""

    label: str
    cells: Callable[[], str]
    """The cells after the first, with ` | ` between them."""


def of_kernels(name: str, what: str, trials: int = 200) -> Any:
    """What a searcher of GPU kernels came to in sessions of so many trials; None where none were so long."""
    return at("kernels", "searchers", name).get(str(trials), {}).get(what)


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
