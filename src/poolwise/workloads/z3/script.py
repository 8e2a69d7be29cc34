"""A goal as SMT-LIB text: plain strings, so that it can be cached, sent to another process and handed to any solver."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Verdict = Literal["sat", "unsat"]


class Goal(NamedTuple):
    """One satisfiability question."""

    text: str
    """SMT-LIB 2 declarations and assertions, without `(check-sat)`."""
    expected: Verdict | None = None
    """The verdict that holds by construction, or None where only a solver can tell."""
    shape: str = ""
    """Name of its generator."""


class Script:
    """Collects declarations and assertions in order.

    >>> script = Script()
    >>> x, y = script.declare("Int", "x", 2)
    >>> script.require(f"(< {x} {y})")
    >>> script.goal("sat").text.splitlines()[-1]
    '(assert (< x0 x1))'
    """

    def __init__(self) -> None:
        self._lines: list[str] = []

    def declare(self, sort: str, stem: str, count: int) -> list[str]:
        """`count` fresh constants `stem0`, `stem1`, ... of a sort."""
        names = [f"{stem}{number}" for number in range(count)]
        self._lines += [f"(declare-const {name} {sort})" for name in names]
        return names

    def function(self, name: str, arguments: Iterable[str], result: str) -> str:
        self._lines.append(f"(declare-fun {name} ({' '.join(arguments)}) {result})")
        return name

    def sort(self, name: str) -> str:
        self._lines.append(f"(declare-sort {name} 0)")
        return name

    def require(self, *formulas: str) -> None:
        self._lines += [f"(assert {formula})" for formula in formulas]

    def goal(self, expected: Verdict | None = None) -> Goal:
        return Goal("\n".join(self._lines) + "\n", expected)


def call(operator: str, *arguments: str) -> str:
    """`(operator argument ...)`; a nullary operator is written without parentheses."""
    return f"({operator} {' '.join(arguments)})" if arguments else operator


def both(formulas: Iterable[str]) -> str:
    """Conjunction of one or more formulas."""
    formulas = list(formulas)
    return formulas[0] if len(formulas) == 1 else call("and", *formulas)


def either(formulas: Iterable[str]) -> str:
    """Disjunction of one or more formulas."""
    formulas = list(formulas)
    return formulas[0] if len(formulas) == 1 else call("or", *formulas)


def number(value: int) -> str:
    """An integer literal."""
    return str(value) if value >= 0 else f"(- {-value})"


def bits(value: int, width: int) -> str:
    """A bit-vector literal, modulo 2^width."""
    return f"(_ bv{value % 2**width} {width})"


def weighted(weights: Iterable[int], names: Iterable[str]) -> str:
    """The linear combination of one or more names."""
    terms = [
        name if weight == 1 else call("*", number(weight), name) for weight, name in zip(weights, names, strict=True)
    ]
    return terms[0] if len(terms) == 1 else call("+", *terms)


def within(low: int, name: str, high: int) -> str:
    return f"(<= {number(low)} {name} {number(high)})"
