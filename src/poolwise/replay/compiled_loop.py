"""Stretches of a run as one compiled loop: look, decide, learn what the table holds, until scales are due again."""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array, put, whole
from poolwise.policy.view import Params, Policy
from poolwise.posterior.recursive import compiled, prediction, updating
from poolwise.posterior.recursive.types import FAILURE, NONE, SUCCESS, Constants, Outcome, State, Structure
from poolwise.replay import usage as counts
from poolwise.replay.usage import Usage
from poolwise.views import Offered, view


class Jobs(NamedTuple):
    """What a run meets, in its order; n decisions with room after their end."""

    project: Array
    context: Array
    lottery: Array
    """(n,) uniform numbers in [0, 1), which decide between the arms."""
    allowed: Array
    """(n, A)."""
    utility: Array
    """(n, A): what is learned of each arm."""
    ok: Array
    """(n, A): whether it is learned as a success."""
    cost: Array
    """(n,): what the baseline would have cost; 0 where it is not known."""


class Decisions(NamedTuple):
    """What was decided."""

    arm: Array
    """(n,)."""
    chances: Array
    """(n, A)."""
    favourite: Array
    """(n,): the arm believed to be best."""


class LoopConstants(NamedTuple):
    """What a stretch does not change."""

    constants: Constants
    slots: Array
    """(P,): `Serving.slots`."""


class LoopState(NamedTuple):
    """What a stretch changes."""

    state: State
    heard: Array
    """(P,): 1.0 where a project tells the others."""
    usage: Usage
    made: Decisions


class Frame(NamedTuple):
    """Known when the loop is compiled; hashable."""

    structure: Structure
    horizon: float | None
    delay: int = 0


_LOOPS: dict[Hashable, Any] = {}


def stretch(
    frame: Frame,
    policy: Policy,
    arms: Offered,
    course: LoopState,
    known: LoopConstants,
    jobs: Jobs,
    ends: tuple[int, int],
) -> LoopState:
    """The course after decisions from the first end to before the second, each followed by the outcome that is told
    then. Consumes `course`. Compiled once for all constants of a policy."""
    import jax

    def loop(
        course: LoopState, known: LoopConstants, jobs: Jobs, first: Array, last: Array, params: Params
    ) -> LoopState:
        chosen = policy._replace(params=params)
        body = lambda number, now: step(frame, chosen, arms, now, known, jobs, number)
        return jax.lax.fori_loop(first, last, body, course)

    key = (frame, policy.spec, arms.family.tobytes(), arms.baseline, len(jobs.project))
    with jax.enable_x64():
        if key not in _LOOPS:
            compiled.keep_on_disk(jax)
            _LOOPS[key] = jax.jit(loop, donate_argnums=0)
        params = {name: np.float64(value) for name, value in sorted(policy.params.items())}
        return _LOOPS[key](course, known, jobs, *ends, params)


def step(
    frame: Frame, policy: Policy, arms: Offered, now: LoopState, known: LoopConstants, jobs: Jobs, number: Array
) -> LoopState:
    """After one decision, and the outcome that is told then."""
    constants, made = known.constants, now.made
    p, c = jobs.project[number], jobs.context[number]
    scalars = counts.scalars(now.usage, p, c, frame.horizon)
    seen = prediction.predict(frame.structure, constants, now.state, p, c, _slot(now.heard, known, p))
    shown = view(seen, arms, jobs.allowed[number], scalars)
    chances = policy.probabilities(policy.params, shown)
    sums = chances.cumsum()
    arm = whole((sums <= jobs.lottery[number] * sums[-1]).sum())
    favourite = whole((shown.mean - 1e9 * ~jobs.allowed[number]).argmax())
    made = Decisions(
        put(made.arm, arm, number), put(made.chances, chances, number), put(made.favourite, favourite, number)
    )
    used = counts.decided(now.usage, p, c)
    return _outcome(frame, now._replace(usage=used, made=made), known, jobs, number - frame.delay)


def _outcome(frame: Frame, now: LoopState, known: LoopConstants, jobs: Jobs, number: Array) -> LoopState:
    """After the outcome of one decision, if it has been made."""
    there, at = (number >= 0) * 1.0, number * (number >= 0)
    p, c, arm = jobs.project[at], jobs.context[at], whole(now.made.arm[at])
    kind = whole(there * (jobs.ok[at, arm] * (SUCCESS - FAILURE) + FAILURE - NONE) + NONE)
    outcome = Outcome(p, c, arm, jobs.utility[at, arm], kind, whole(known.slots[p]))
    state, _ = updating.update(frame.structure, known.constants, now.state, outcome)
    tells = there if frame.structure.baseline is None else there * (arm != frame.structure.baseline)
    heard = put(now.heard, (now.heard[p] + tells).clip(0.0, 1.0), p)
    return now._replace(state=state, heard=heard, usage=counts.observed(now.usage, p, c, there, jobs.cost[at]))


def _slot(heard: Array, known: LoopConstants, project: Array) -> Array:
    """As `Serving.slot`."""
    asked = (heard.sum() > heard[project]) | (known.constants.weight[project] < 1)
    return whole((known.slots[project] + 1) * asked) - 1


def nothing(jobs: int, arms: int) -> Decisions:
    """Before the first decision."""
    return Decisions(np.zeros(jobs, np.int32), np.zeros((jobs, arms)), np.zeros(jobs, np.int32))
