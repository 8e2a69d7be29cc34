"""An explanation in plain words: why this arm, how sure, what was borrowed from where, what explored, what acted."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from poolwise.engine.insight import features, goals
from poolwise.engine.reasons import EXPLORED, read
from poolwise.objective import Objective, speed_up
from poolwise.policy.constraints import quarantine
from poolwise.policy.constraints.constraints import ConstrainedDecision, Constraints
from poolwise.policy.view import Context
from poolwise.posterior.transfer.prior_data_conflict import CONFLICT_THRESHOLD
from poolwise.schema import Decision, LoggedView

_BY: dict[Objective, str] = {"ratio": "", "total": " in total cost"}
_UNIT: dict[Objective, str] = {"ratio": "in log speed", "total": "times the baseline's cost"}


def sentences(decision: Decision, logged: LoggedView, body: dict[str, Any]) -> list[str]:
    """From the numbers of `explain`."""
    belief = body["belief"]
    objective: Objective = body["objective"]
    low, high = (float(speed_up(belief["mean"] + side * 1.645 * belief["sd"], objective)) for side in (-1, 1))
    return [
        f"{decision.arm} was chosen with probability {decision.probability:.3f}{_why(decision, body)}.",
        f"It was believed to run at {belief['speed_up']:.2f} times the baseline's speed here{_BY[objective]} "
        f"(90 % interval {low:.2f} to {high:.2f}); the chance that it is the best arm was {body['best']:.0%}, "
        f"that it is slower than the baseline {belief['chance_worse_than_baseline']:.0%}.",
        *_borrowed(body["borrowed"]),
        *_stated(body["stated"]),
        *_features(body, decision.arm),
        *_neighbours(body["borrowed"]["neighbours"]),
        *(_pack(one) for one in body["packs"]),
        *_recommended(body["recommended"]),
        *(layer["sentence"] for layer in body["layers"]),
        _ahead(logged),
        *([goals.told(body["goal"], logged.arms, decision.arm, objective)] if body["goal"] else []),
        f"{int(logged.arrays['allowed'].sum())} of {len(logged.arms)} arms were available; "
        f"{logged.outcomes} outcomes were known in all.",
    ]


def _ahead(logged: LoggedView) -> str:
    seen = Context(*logged.arrays["context"].tolist())
    return (
        f"About {seen.remaining_project:.0f} more decisions were expected of this project, {seen.remaining:.0f} of "
        f"them in this context; {seen.remaining_all:.0f} in all."
    )


def _why(decision: Decision, body: dict[str, Any]) -> str:
    """The reason; of an arm that is not the favourite, what it was preferred to and what for."""
    choice, layers, shadow = read(decision.reason)
    first, own = body["favourite"], body["belief"]
    if choice != EXPLORED or shadow or first["arm"] == decision.arm:
        return f": {decision.reason}"
    acted = f" ({layers} acted)" if layers else ""
    if own["mean"] >= first["mean"]:
        return f" to explore, no arm being believed to be faster{acted}"
    ahead = f"although {first['arm']} was believed to be faster, {first['speed_up']:.2f} times the baseline's speed"
    if "worth" not in first:
        return f" to explore, {ahead}{acted}"
    trial, other = first["worth_of_chosen"], first["worth"]
    worth = f"a trial counted as {trial:.2f} {_UNIT[body['objective']]} over the jobs to come, against {other:.2f}"
    tipped = own["mean"] + trial > first["mean"] + other and decision.probability >= 0.5
    return f" {ahead}: {worth}{', which tipped it' if tipped else ''}{acted}"


def _recommended(said: dict[str, Any] | None) -> list[str]:
    if said is None:
        return []
    constants = ", ".join(f"{name} {value:.3g}" for name, value in said["params"].items())
    how = f"with {constants}, learned from {said['source']}" if constants else "as the default does"
    return [f"Since decision {said['decisions']} {said['project']} explores {how}: {said['why']}"]


def _features(body: dict[str, Any], arm: str) -> list[str]:
    """Of what was known of the job; where that decides nothing, this alone."""
    if body["features_idle"]:
        return [body["features_idle"][0].upper() + body["features_idle"][1:] + "."]
    return features.sentences(body["features"], arm)


def _borrowed(found: dict[str, Any]) -> list[str]:
    own, family = found["own"], found["family"]
    plural = "" if own["outcomes"] == 1 else "s"
    text = (
        f"{own['share']:.0%} of that rests on {own['outcomes']:g} outcome{plural} of its own in this context of this "
        f"project; the rest is borrowed: elsewhere in the project it stands at {found['project']['speed_up']:.2f} "
        f"times the baseline's speed, in this context of other projects at {found['context']['speed_up']:.2f}"
    )
    if family["arms"]:
        text += (
            f", the {family['arms']} other arms of its family at {family['speed_up']:.2f} here "
            f"({family['outcomes']:g} outcomes)"
        )
    return [text + "."]


def _stated(said: dict[str, float] | None) -> list[str]:
    if said is None:
        return []
    dropped = ": outcomes contradict it" if said["weight"] < CONFLICT_THRESHOLD else ""
    return [
        f"The stated prior expects a utility of {said['mean']:+.2f} (sd {said['sd']:.2f}) of its family, "
        f"{math.exp(said['mean']):.2f} times the baseline's speed; its weight now is {said['weight']:.2f}{dropped}."
    ]


def _neighbours(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    if not found["arms"]:
        return ["No configuration like it had been tried here."]
    nearest = ", ".join(
        f"{one['arm']} (likeness {one['likeness']:.2f}, {one['outcomes']:g} outcome{'s' * (one['outcomes'] != 1)}, "
        f"believed at {one['speed_up']:.2f})"
        for one in found["nearest"]
    )
    plural = "s" * (found["arms"] != 1)
    return [
        f"It borrows from {found['arms']} neighbouring configuration{plural} tried here "
        f"({found['outcomes']:g} outcomes, at {found['speed_up']:.2f} times the baseline's speed by likeness), "
        f"the nearest: {nearest}."
    ]


def _pack(one: dict[str, Any]) -> str:
    low, high = (math.exp(one["mean"] + side * 1.645 * one["sd"]) for side in (-1, 1))
    return (
        f"The pack {one['pack']}, of weight {one['weight']:.2f}, lent that elsewhere it runs at "
        f"{math.exp(one['mean']):.2f} times the baseline's speed (90 % interval {low:.2f} to {high:.2f})."
    )


def acted(
    limits: Constraints, ruling: ConstrainedDecision, logged: LoggedView, objective: Objective = "ratio"
) -> list[dict[str, str]]:
    """A sentence for every layer outside the policy that acted."""
    by_ratio = limits._replace(margin=math.log(speed_up(limits.margin, objective)))
    return [{"name": name, "sentence": _ACTED[name](by_ratio, logged)} for name in ruling.acted]


def _quarantine(limits: Constraints, logged: LoggedView) -> str:
    return f"Quarantine kept {_arms(logged, limits.code >= quarantine.QUARANTINED)} away after recent harm."


def _probation(limits: Constraints, logged: LoggedView) -> str:
    held = _arms(logged, limits.code == quarantine.PROBATION)
    share = f"{limits.probation_factor:.0%} of the usual probability"
    return f"{held} came back from quarantine and got {share}, the baseline the rest."


def _ban(limits: Constraints, logged: LoggedView) -> str:
    banned = np.zeros(len(logged.arms), dtype=bool)
    banned[list(limits.controls.ban)] = True
    return f"An operator has banned {_arms(logged, banned)}."


def _eligibility(limits: Constraints, logged: LoggedView) -> str:
    return (
        f"Eligibility let through freely only what is below {math.exp(limits.margin):.2f} times the baseline's speed "
        f"with probability at most {limits.delta:.0%}; a small budget paid for the rest."
    )


_ACTED: dict[str, Callable[[Constraints, LoggedView], str]] = {
    "quarantine": _quarantine,
    "probation": _probation,
    "ban": _ban,
    "eligibility": _eligibility,
    "fallback": lambda limits, logged: (
        "The baseline was not available and nothing sound was: the first available fallback took its place."
    ),
    "coverage": lambda limits, logged: (
        f"The coverage guarantee reserved {limits.coverage_share:.0%} for what still teaches in this important context."
    ),
    "feedback": lambda limits, logged: (
        f"Exploring was turned down to {limits.exploration_factor:.0%}: nothing new was discovered here for a while."
    ),
    "exploration budget": lambda limits, logged: "The exploration budget is spent: only the favourite was open.",
    "conservative budget": lambda limits, logged: (
        "The conservative budget does not allow to leave the baseline until more was earned."
    ),
    "stopped": lambda limits, logged: "An operator has stopped everything but the baseline.",
    "pinned": lambda limits, logged: f"An operator has pinned {logged.arms[limits.controls.pin or 0]}.",
    "frozen": lambda limits, logged: "An operator has frozen exploration: favourites only.",
}


def _arms(logged: LoggedView, which: np.ndarray) -> str:
    names = [logged.arms[k] for k in np.flatnonzero(which)]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
