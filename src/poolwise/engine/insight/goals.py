"""What either goal makes of what is known: what a decision is expected to give up, and what is still to be gained.

A decision gives up what the arm drawn is expected to be worse than the favourite, in units of the utility.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from poolwise.engine.insight.cells import places, session, view_of_cell
from poolwise.engine.state.serving import Serving
from poolwise.objective import Objective
from poolwise.policy.constraints.constraints import Constraints, constrain
from poolwise.policy.constraints.usage import AFTERWARDS
from poolwise.policy.view import Policy, View

OTHER = {"earn": "best", "best": "earn"}
COUNTED = {"earn": 'a real job (goal = "earn")', "best": 'a trial of a tuning session (goal = "best")'}
MEANT = {
    "earn": 'goal = "earn": every decision is a real job, and all that they earn counts',
    "best": 'goal = "best": decisions are trials of a tuning session, and the best configuration found counts',
}


MOST = 100
"""Cells that are looked at, those of most decisions: decisions wait meanwhile."""


def under(goal: str, view: View, made: float) -> View:
    """The view as that goal has it, `made` decisions being made in all; `contrast` stays that of the goal in force."""
    after = AFTERWARDS * (made + float(view.context.remaining_all)) if goal == "best" else 0.0
    return view._replace(context=view.context._replace(afterwards=after))


def drawn(policy: Policy, view: View, limits: Constraints | None) -> np.ndarray:
    """(arms,) probabilities under the limits in force."""
    if limits is None:
        return np.asarray(policy.probabilities(policy.params, view), dtype=np.float64)
    return constrain(policy, view, limits).probabilities


def given_up(view: View, probabilities: np.ndarray) -> float:
    return max(float(view.mean[view.allowed].max() - probabilities @ view.mean), 0.0)


def of_decision(policy: Policy, view: View, limits: Constraints | None, made: float) -> dict[str, Any]:
    """What one decision gave up under the goal that it was made with, and would have under the other, whose likeliest
    arm is numbered."""
    goal = "best" if view.context.afterwards > 0 else "earn"
    other = under(OTHER[goal], view, made)
    own, instead = drawn(policy, view, limits), drawn(policy, other, limits)
    found = {
        "goal": goal,
        "gives_up": given_up(view, own),
        "other": OTHER[goal],
        "other_gives_up": given_up(view, instead),
    }
    return {**found, "other_arm": int(instead.argmax())}


def goal(now: Serving) -> dict[str, Any]:
    """The goal in force; what the next decision gives up under it and under the other, on average over the MOST cells
    of most decisions by these; of a tuning session `expected_gain` and `enough`; all of it as a `sentence`."""
    own, made, names = now.settings.goal, float(now.usage.total), now.name_index
    allowed = names.allowed(None)
    usual = sorted(places(names, now.usage), key=lambda place: -now.usage.decisions(*place[2:]))[:MOST]
    cells = [(place, view_of_cell(now.belief, names, now.usage, *place[2:], allowed)) for place in usual]
    body: dict[str, Any] = {"goal": own, **session(now)}
    if cells:
        weights = [now.usage.decisions(p, c) for (_, _, p, c), _ in cells]
        for name, meant in (("gives_up", own), ("other_gives_up", OTHER[own])):
            costs = []
            for (project, context, p, c), view in cells:
                seen = under(meant, view, made)
                found = now.policy_gate.choice((project, context), (p, c), seen)
                costs.append(given_up(seen, np.asarray(found.probabilities)))
            body[name] = float(np.average(costs, weights=weights))
        left = float(cells[0][1].context.remaining_all)
        body |= {"decisions": int(made), "expected": round(now.settings.horizon or made + left)}
    return {**body, "sentence": sentence(body, now.settings.enough, now.settings.known_objective)}


def sentence(body: dict[str, Any], enough: float | None, objective: Objective) -> str:
    """What the goal costs and brings, in words."""
    text = MEANT[body["goal"]]
    if "gives_up" not in body:
        return f"{text}."
    now, other = (percent(body[name], objective) for name in ("gives_up", "other_gives_up"))
    if body["goal"] == "earn":
        return f'{text}. The next one gives up {now} to learn; as a trial of a tuning session (goal = "best"), {other}.'
    return (
        f"{text}. {body['decisions']} of {body['expected']} are made. The next one gives up {now} to learn; as a real "
        f'job (goal = "earn"), {other}. Those left are expected to gain {100 * body["expected_gain"]:.1f} % at most'
        f"{_enough(body, enough)}."
    )


def _enough(body: dict[str, Any], enough: float | None) -> str:
    if enough is None:
        return "; with `enough` set, `poolwise run` ends below it"
    least = f"{100 * enough:g} %"
    return f", less than the {least} that are enough: stop" if body["enough"] else f", and {least} are enough: go on"


def percent(given_up: float, objective: Objective) -> str:
    """Of the speed, or of the baseline's cost."""
    return f"{100 * (-math.expm1(-given_up) if objective == 'ratio' else given_up):.1f} %"


def told(body: dict[str, Any], arms: Sequence[str], chosen: str, objective: Objective) -> str:
    """`of_decision` in words."""
    now, other = (percent(body[name], objective) for name in ("gives_up", "other_gives_up"))
    arm = arms[body["other_arm"]]
    instead = "" if arm == chosen else f", most likely with {arm}"
    return (
        f"It counted as {COUNTED[body['goal']]} and was expected to give up {now} against the favourite, to learn; as "
        f"{COUNTED[body['other']]} it would have given up {other}{instead}."
    )
