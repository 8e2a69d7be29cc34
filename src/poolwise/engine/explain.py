"""Why a decision was made, in numbers and plain words, from what was logged with it."""

import math
from typing import Any

import numpy as np

from poolwise import policy as policies
from poolwise.engine.cell import cumulative
from poolwise.engine.randomness import uniform
from poolwise.errors import InputError
from poolwise.policy.base import Context, View
from poolwise.policy.limits import PREFIX, from_arrays, ruled
from poolwise.schema import Decision, LoggedView
from poolwise.store.base import Store


def explain(store: Store, id: int, *, replay: bool) -> dict[str, Any]:
    """What `Engine.explain` returns. Raises UnknownDecision, or InputError where no view was logged."""
    decision = store.decision(id)
    if not decision.view:
        raise InputError(f"decision {id} was made with log_views off: its beliefs were not kept")
    logged = store.view(decision.view)
    k = logged.arms.index(decision.arm)
    body = {
        "decision": decision._asdict(),
        "outcome": outcome._asdict() if (outcome := store.outcome(id)) else None,
        "policy": store.policy(logged.policy)[0],
        "belief": _belief(logged, k),
        "alternatives": _alternatives(logged, k),
        "sentences": _sentences(decision, logged, k),
    }
    if replay:
        body["replay"] = recompute(store, decision, logged)
    return body


def view_of(logged: LoggedView) -> View:
    """The policy's view as it was logged, bit for bit."""
    arrays: dict[str, Any] = {name: value for name, value in logged.arrays.items() if not name.startswith(PREFIX)}
    context = Context(*arrays["context"].tolist())
    return View(**{**arrays, "baseline": int(arrays["baseline"]), "context": context})


def recompute(store: Store, decision: Decision, logged: LoggedView) -> dict[str, Any]:
    """The decision made again from its view, its policy and its id alone; `same` only if every bit agrees."""
    view, policy = view_of(logged), policies.parse(*store.policy(logged.policy))
    limits = from_arrays(logged.arrays)
    if limits is None:
        chances = np.asarray(policy.probabilities(policy.params, view), dtype=np.float64)
    else:
        chances = ruled(policy, view, limits).probabilities
    number = uniform(store.seed, decision.id)
    k = int(np.searchsorted(cumulative(chances), number, side="right"))
    arm, chance = logged.arms[k], float(chances[k])
    if limits is not None and limits.shadow:
        arm, chance = logged.arms[view.baseline], 1.0
    same = arm == decision.arm and chance == decision.probability
    return {"arm": arm, "probability": chance, "number": number, "same": same}


def _belief(logged: LoggedView, k: int) -> dict[str, float]:
    mean, scale = float(logged.arrays["mean"][k]), float(logged.arrays["scale"][k])
    return {
        "mean": mean,
        "sd": scale,
        "speed_up": math.exp(mean),
        "own_outcomes": float(logged.arrays["count"][k]),
        "chance_worse_than_baseline": 0.5 * math.erfc(mean / scale / math.sqrt(2)),
    }


def _alternatives(logged: LoggedView, k: int, limit: int = 5) -> list[dict[str, Any]]:
    mean = np.where(logged.arrays["allowed"], logged.arrays["mean"], -np.inf)
    best = [int(a) for a in np.argsort(-mean)[:limit] if a != k and np.isfinite(mean[a])]
    return [{"arm": logged.arms[a], **_belief(logged, a)} for a in best]


def _sentences(decision: Decision, logged: LoggedView, k: int) -> list[str]:
    belief, wider = _belief(logged, k), logged.arrays["wider_mean"][:, k]
    low, high = (math.exp(belief["mean"] + side * 1.645 * belief["sd"]) for side in (-1, 1))
    own = int(belief["own_outcomes"])
    return [
        f"{decision.arm} was chosen with probability {decision.probability:.3f}: {decision.reason}.",
        f"It was believed to run at {belief['speed_up']:.2f} times the baseline's speed here "
        f"(90 % interval {low:.2f} to {high:.2f}).",
        f"That rests on {own} outcome{'' if own == 1 else 's'} of its own in this context of this project; "
        f"elsewhere in the project it stands at {math.exp(wider[0]):.2f}, in this context of other projects at "
        f"{math.exp(wider[1]):.2f}.",
        f"{int(logged.arrays['allowed'].sum())} of {len(logged.arms)} arms were open; "
        f"{logged.outcomes} outcomes were known in all.",
    ]
