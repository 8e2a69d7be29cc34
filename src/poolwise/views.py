"""From a belief to what a policy sees: one function, for a call in NumPy and for the compiled one.

A view has the precision in which it is logged: 24 binary digits, half the bytes, and 11 of shares, which say how much a
trial here is worth elsewhere. Nothing that a decision rests on is lost.
"""

from typing import Any, Protocol

import numpy as np

from poolwise.arrays import Array, namespace
from poolwise.policy.view import Context, Policy, View
from poolwise.posterior.recursive.compiled import Tail
from poolwise.posterior.recursive.types import Predictive

SCALARS = len(Context._fields)
COMPILED = "compiled"
"""Logged beside a view of which JAX made the probabilities."""
_SINGLE, _HALF = np.dtype("float32"), np.dtype("float16")


class Offered(Protocol):
    """Which of the known arms are offered: `engine.indexing.name_index.NameIndex`."""

    @property
    def offered(self) -> slice | np.ndarray: ...
    @property
    def family(self) -> np.ndarray: ...
    @property
    def baseline(self) -> int: ...


def view(
    found: Predictive,
    arms: Offered,
    allowed: Array,
    scalars: Array,
    contrast: Array | None = None,
    chance: Array | None = None,
) -> View:
    """What a policy sees. scalars: (SCALARS,), the fields of `Context`; contrast, chance: of the offered arms."""
    offered = arms.offered
    every = isinstance(offered, slice)
    chosen = lambda part: None if part is None else _single(part if every else part[..., offered])
    return View(
        mean=chosen(found.mean),
        scale=chosen(found.scale),
        noise=chosen(found.noise),
        allowed=allowed,
        count=chosen(found.count),
        family=arms.family,
        baseline=arms.baseline,
        wider_mean=chosen(found.wider_mean),
        wider_scale=chosen(found.wider_scale),
        context=_context(_single(scalars)),
        wider_share=None if found.wider_share is None else _half(chosen(found.wider_share)),
        contrast=None if contrast is None else _single(contrast),
        chance=None if chance is None else _single(chance),
    )


def probabilities_of(policy: Policy, arms: Offered) -> Tail:
    """What ends a compiled call: from the belief, and what `extra` holds, to probabilities of the offered arms. The
    policy's constants are taken from there: projects may have their own."""
    names, end = tuple(policy.params), SCALARS + len(arms.family)

    def tail(seen: Predictive, extra: Array) -> Any:
        made = view(seen, arms, extra[SCALARS:end] > 0, extra[:SCALARS])
        return policy.probabilities(dict(zip(names, extra[end:], strict=True)), made)

    return tail


def extra(scalars: np.ndarray, allowed: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """What such a call is told beside: the scalars of the cell, whether each arm is allowed, the policy's constants."""
    return np.concatenate([scalars, allowed, constants])


def _context(scalars: Array) -> Context:
    return Context._make(scalars.tolist() if namespace(scalars) is np else scalars)


def _single(numbers: Array) -> Array:
    """Rounded to 24 binary digits."""
    return numbers.astype(_SINGLE).astype(numbers.dtype)


def _half(numbers: Array) -> Array:
    """From 24 binary digits to 11."""
    return numbers.astype(_HALF).astype(numbers.dtype)
