"""With which constants of the policy each project explores: the default's, or those recommended for it.

A recommendation is a record of the store, so that every process follows it and what served when can be told later. The
probabilities of each decision are logged with the policy that made them, whatever was recommended before or since.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from poolwise.engine.safeguards import damaged_records
from poolwise.errors import ConfigError, InputError
from poolwise.policy.parsing import parse
from poolwise.policy.view import CUSTOM, Params, Policy
from poolwise.store.base import Store

RECORD = "learned"


class Recommendation(NamedTuple):
    """For one project. As a record it says also when it was made."""

    params: dict[str, float]
    """Constants that differ from the default's; none: the default stays."""
    source: str
    """What it was learned from, in words."""
    why: str
    """In one sentence."""
    gain: float | None = None
    """Expected: share of the default's regret that is saved. None: not estimated."""
    gain_low: float | None = None
    """Its lower 95 % bound."""
    again: int | None = None
    """Decisions of the project after which whoever advises is asked again; None: never."""


Advisor = Callable[[str, int], Recommendation | None]
"""Asked about a project, by its name and how many decisions it has made, when it is met for the first time, and again
where that was recommended; None: nothing to say now."""


class ProjectPolicy(NamedTuple):
    """What serves a project, and its constants as the compiled call takes them."""

    policy: Policy
    constants: np.ndarray


def with_constants(policy: Policy, params: Mapping[str, float] | None = None) -> ProjectPolicy:
    """A policy with some of its constants replaced, in their order."""
    given = params or {}
    made = policy._replace(params={name: given.get(name, value) for name, value in policy.params.items()})
    return ProjectPolicy(made, np.array(list(made.params.values()), dtype=np.float64))


def body_of(recommendation: Recommendation, project: str, spec: str, decisions: int, time: float) -> dict[str, Any]:
    """The record. spec: the policy whose constants they are; decisions: of all projects so far."""
    return {"project": project, "spec": spec, "decisions": decisions, "time": time, **recommendation._asdict()}


def checked(policy: Policy, params: Any) -> dict[str, float]:
    """Constants as the policy can have them. Raises InputError, and ConfigError for one out of its range."""
    if not isinstance(params, Mapping):
        raise InputError(f"constants are numbers by name, got {type(params).__name__}: pass a dictionary")
    for name, value in params.items():
        if name not in policy.params:
            raise InputError(f"{policy.spec} has no constant {name!r}: it has {', '.join(policy.params) or 'none'}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise InputError(f"{name} = {value!r} is no constant: give a finite number of at least 0")
    found = {name: float(value) for name, value in params.items()}
    if policy.spec != CUSTOM:
        parse(policy.spec, {**policy.params, **found})
    return found


def said_of(store: Store, project: str, time: float) -> dict[str, Any] | None:
    """The record that stood for a project at a time."""
    found = [body for body in damaged_records.usable(store, RECORD) if body.get("project") == project]
    return next((body for body in reversed(found) if body["time"] <= time), None)


def row(body: Mapping[str, Any], usual: Params) -> dict[str, Any]:
    """A record as it is shown; usual: the default's constants."""
    changed = ", ".join(f"{name} {value:.3g} for {usual[name]:.3g}" for name, value in body["params"].items())
    expected = {f"saved_{end}": body.get(name) for end, name in (("expected", "gain"), ("at_least", "gain_low"))}
    own = {"project": body["project"], "since": body["decisions"], "explores": changed or "as the default"}
    numbers = {name: math.nan if value is None else value for name, value in expected.items()}
    return {**own, "learned_from": body["source"], **numbers}


def standing(store: Store, policy: Policy) -> dict[str, dict[str, Any]]:
    """The last record of every project that this policy can follow."""
    found: dict[str, dict[str, Any]] = {}
    for body in damaged_records.usable(store, RECORD):
        if "project" in body and body["spec"] == policy.spec:
            with suppress(InputError, ConfigError):
                checked(policy, body["params"])
                found[body["project"]] = body
    return found
