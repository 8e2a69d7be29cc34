"""What a finished call came to: its cost, and whether it failed."""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from poolwise.errors import ConfigError
from poolwise.workloads.command.process import Call

RESOLUTION = 1e-3
"""Seconds; a call that took less than the clocks tell apart cost this much."""


class Result(NamedTuple):
    """What one arm came to on one job."""

    cost: float
    wall: float
    failure: str
    """Why there is no answer; empty where there is one."""
    expired: bool


class Rules(NamedTuple):
    """How a call is judged."""

    cost: str
    """`wall`, `cpu`, or a regular expression with one group: the last such number that the command prints."""
    timeout: float
    success_codes: tuple[int, ...] = (0,)
    failure_pattern: str | None = None
    """A regular expression; where the output has it, the call failed."""


def checked(rules: Rules) -> Rules:
    """Raises ConfigError where they cannot be meant."""
    if not _number(rules.timeout) or rules.timeout <= 0:
        raise ConfigError(f"timeout = {rules.timeout!r} in [workload] must be a number of seconds above 0")
    if not all(isinstance(code, int) and not isinstance(code, bool) for code in rules.success_codes):
        raise ConfigError(f"success_codes = {rules.success_codes!r} in [workload] must be whole numbers, such as [0]")
    if rules.failure_pattern is not None:
        _pattern("failure_pattern", rules.failure_pattern)
    if rules.cost not in ("wall", "cpu") and _pattern("cost", rules.cost).groups != 1:
        raise ConfigError(
            f"cost = {rules.cost!r} in [workload] must be 'wall', 'cpu', or a regular expression with one group around "
            "the number that the command prints"
        )
    return rules


def judged(call: Call, rules: Rules, right: Callable[[], bool]) -> Result:
    """right: whether an outside check accepts the answer; asked only where nothing else is wrong."""
    if call.expired:
        return Result(rules.timeout, rules.timeout, f"no answer after {rules.timeout:g} s", True)
    wall = max(call.wall, RESOLUTION)
    cost = {"wall": wall, "cpu": max(call.cpu, RESOLUTION)}.get(rules.cost)
    failure = _failure(call, rules)
    if cost is None and not failure:
        cost = printed(call.output, rules.cost)
        failure = "" if cost is not None else f"it printed no cost above 0 that fits {rules.cost!r}"
    if not failure and not right():
        failure = "the check does not accept it"
    return Result(cost if cost is not None else wall, wall, failure, False)


def printed(output: str, pattern: str) -> float | None:
    """The last number above 0 that fits; None where there is none.

    >>> printed("cost: 3\\ncost: 4.5", r"cost: (\\S+)")
    4.5
    """
    for text in reversed(re.findall(pattern, output)):
        try:
            value = float(text)
        except ValueError:
            continue
        if math.isfinite(value) and value > 0:
            return value
    return None


def _failure(call: Call, rules: Rules) -> str:
    if call.code not in rules.success_codes:
        return f"exit status {call.code}" if call.code >= 0 else f"ended by signal {-call.code}"
    if rules.failure_pattern is not None and re.search(rules.failure_pattern, call.output):
        return f"its output has {rules.failure_pattern!r}"
    return ""


def _pattern(name: str, text: Any) -> "re.Pattern[str]":
    try:
        return re.compile(text)
    except (re.error, TypeError) as error:
        raise ConfigError(f"{name} = {text!r} in [workload] is no regular expression: {error}") from error


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
