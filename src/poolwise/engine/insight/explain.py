"""Why a decision was made, in numbers and plain words, from what was logged with it."""

import math
from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np

from poolwise import policy as policies
from poolwise.engine.estimation.prior_packs import attributions
from poolwise.engine.insight import features, goals, sentences
from poolwise.engine.insight.neighbours import neighbours
from poolwise.engine.safeguards import recommended
from poolwise.engine.settings import Settings
from poolwise.engine.state.cached_decision import cumulative
from poolwise.engine.state.creation import expected
from poolwise.engine.state.idle_features import idle
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.errors import InputError, StoreDamaged
from poolwise.objective import Objective, speed_up
from poolwise.policy.constraints.constraints import PREFIX, constrain, from_arrays
from poolwise.policy.learning_phase import phase
from poolwise.policy.optimality import best_probability
from poolwise.policy.randomness import uniform
from poolwise.policy.rules.knowledge_gradient import bonus
from poolwise.policy.vectors import moved
from poolwise.policy.view import CUSTOM, Context, View
from poolwise.schema import Decision, LoggedView
from poolwise.store.base import Store
from poolwise.views import COMPILED

_ROUNDING = 1e-9
"""Difference of probabilities between array libraries: the same source, other orders of summation."""


def explain(store: Store, id: int, settings: Settings, belief: ServingPosterior, *, replay: bool) -> dict[str, Any]:
    """What `Engine.explain` returns; settings: of priors that no snapshot has weighed yet; live: what serves now.

    Raises UnknownDecision, or InputError where no view was logged.
    """
    decision = store.decision(id)
    if not decision.view:
        raise InputError(f"decision {id} was made with log_views off: its beliefs were not kept")
    logged = store.view(decision.view)
    view = view_of(logged)
    if decision.arm not in logged.arms:
        raise StoreDamaged(f"view {logged.id} in this store lacks the arm of decision {id}: restore it from a backup")
    k, objective = logged.arms.index(decision.arm), settings.known_objective
    body: dict[str, Any] = {
        "decision": {**decision._asdict(), "features": features.shown(belief, decision)},
        "outcome": outcome._asdict() if (outcome := store.outcome(id)) else None,
        "policy": store.policy(logged.policy)[0],
        "objective": objective,
        "belief": _belief(logged, k, objective),
        "best": float(best_probability(view.mean, view.scale, view.allowed)[k]),
        "phase": phase(view),
        "borrowed": {**_borrowed(logged, k, objective), "neighbours": neighbours(store, belief, logged, k, objective)},
        "alternatives": _alternatives(logged, k, objective),
        "favourite": _favourite(store, logged, view, k, objective),
        "layers": _layers(store, logged, view, objective),
        "recommended": recommended.said_of(store, decision.project, decision.time),
        "stated": _stated(store, decision, logged.snapshot, settings),
        "goal": _goal(store, logged, view),
        "features": features.told(store, belief, decision),
        "features_idle": idle(belief.name_index, belief.posterior.hyperparameters)
        if decision.features is not None
        else "",
        "packs": attributions(store, decision, logged.snapshot),
    }
    body["sentences"] = sentences.sentences(decision, logged, body)
    if replay:
        body["replay"] = recompute(store, decision, logged)
    return body


def _stated(store: Store, decision: Decision, snapshot: int, settings: Settings) -> dict[str, float] | None:
    """What was said of the utility of the arm's family before any outcome, and how far the snapshot believed it."""
    code = store.names("arm").index(decision.arm)
    for known in store.snapshots():
        if known.id == snapshot and known.hyper.get("expert"):
            arms = known.hyper.get("arms", range(code + 1))
            rows = dict(zip(arms, zip(*known.hyper["expert"], strict=True), strict=False))
            mean, sd, weight = rows.get(code, (None, None, None))
            return None if sd is None else {"mean": mean, "sd": sd, "weight": weight}
    prior = expected(settings, [decision.family], np.zeros(1, int))
    return None if prior is None else {"mean": prior.mean[0], "sd": prior.scale[0], "weight": prior.weight[0]}


def view_of(logged: LoggedView) -> View:
    """The policy's view as it was logged, bit for bit. Raises StoreDamaged where it lacks a part."""
    own = {name: value for name, value in logged.arrays.items() if not name.startswith(PREFIX)}
    arrays: dict[str, Any] = {name: value for name, value in own.items() if name in View._fields}
    try:
        context = Context(*arrays["context"].tolist())
        view = View(**{**arrays, "baseline": int(arrays["baseline"]), "context": context})
        parts = (view.mean, view.scale, view.noise, view.allowed, view.count, view.wider_mean, view.wider_scale)
        if any(np.shape(part)[-1:] != (len(logged.arms),) for part in parts):
            raise ValueError("its arrays are not of its arms")
        return view
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreDamaged(
            f"view {logged.id} in this store is damaged ({error!r}): restore it from a backup"
        ) from error


def recompute(store: Store, decision: Decision, logged: LoggedView) -> dict[str, Any]:
    """The decision made again from its view, its policy and its id alone; `same` only if every bit agrees, or, of a
    decision that JAX made, 9 digits. `backend`: what made it."""
    found = made_again(store, decision.id, logged)
    if found is None:
        raise InputError(f"decision {decision.id} was made by a policy of your own, which the store cannot make again")
    arm, chance = logged.arms[found.answered], float(found.chances[found.answered])
    compiled = COMPILED in logged.arrays
    near = abs(chance - decision.probability) <= (_ROUNDING if compiled else 0.0)
    number = uniform(store.seed, decision.id)
    backend = "jax" if compiled else "numpy"
    return {
        "arm": arm,
        "probability": chance,
        "number": number,
        "same": arm == decision.arm and near,
        "backend": backend,
    }


class Again(NamedTuple):
    """A decision made again from its view."""

    chances: np.ndarray
    """(arms,) of what is answered."""
    answered: int


def made_again(store: Store, id: int, logged: LoggedView) -> Again | None:
    """The decision of that id; None where its policy was the user's own."""
    spec, params = store.policy(logged.policy)
    return None if spec == CUSTOM else again(policies.parse(spec, params), logged, uniform(store.seed, id))


def again(policy: policies.Policy, logged: LoggedView, number: float) -> Again:
    """What falls on a uniform number; in a shadow the baseline is answered, whatever was drawn."""
    drawn, answered = chances(policy, logged)
    k = bisect_right(cumulative(drawn.tolist()), number)
    return Again(answered, k if answered is drawn else view_of(logged).baseline)


def chances(policy: policies.Policy, logged: LoggedView) -> tuple[np.ndarray, np.ndarray]:
    """(arms,) probabilities of what was drawn, and of what was answered: the policy's, under the limits in force. They
    are one array but for a shadow, which answers the baseline."""
    view, limits = view_of(logged), from_arrays(logged.arrays)
    drawn = goals.drawn(policy, view, limits)
    shadow = limits is not None and limits.shadow
    return drawn, 1.0 * (np.arange(len(drawn)) == view.baseline) if shadow else drawn


def _goal(store: Store, logged: LoggedView, view: View) -> dict[str, Any] | None:
    """What either goal made of it; nothing of a policy that has no spec."""
    spec, params = store.policy(logged.policy)
    if spec == CUSTOM:
        return None
    return goals.of_decision(policies.parse(spec, params), view, from_arrays(logged.arrays), float(logged.outcomes))


def _belief(logged: LoggedView, k: int, objective: Objective) -> dict[str, float]:
    mean, scale = float(logged.arrays["mean"][k]), float(logged.arrays["scale"][k])
    return {
        "mean": mean,
        "sd": scale,
        "speed_up": float(speed_up(mean, objective)),
        "own_outcomes": float(logged.arrays["count"][k]),
        "chance_worse_than_baseline": 0.5 * math.erfc(mean / scale / math.sqrt(2)),
    }


def _alternatives(logged: LoggedView, k: int, objective: Objective, limit: int = 5) -> list[dict[str, Any]]:
    mean = np.where(logged.arrays["allowed"], logged.arrays["mean"], -np.inf)
    best = [int(a) for a in np.argsort(-mean)[:limit] if a != k and np.isfinite(mean[a])]
    return [{"arm": logged.arms[a], **_belief(logged, a, objective)} for a in best]


def _favourite(store: Store, logged: LoggedView, view: View, k: int, objective: Objective) -> dict[str, Any]:
    """The open arm of highest mean; `worth`: what a trial of it, and of arm k, can still earn in the eyes of a policy
    that counts it, in units of the utility."""
    limits, (spec, params) = from_arrays(logged.arrays), store.policy(logged.policy)
    if limits is not None and spec != CUSTOM:
        view = view._replace(allowed=constrain(policies.parse(spec, params), view, limits).allowed)
    first = int(np.argmax(np.where(view.allowed, view.mean, -np.inf)))
    worth = bonus(params, view) if "knowledge_gradient" in spec or "farsighted" in spec else None
    counted = {} if worth is None else {"worth": float(worth[first]), "worth_of_chosen": float(worth[k])}
    return {"arm": logged.arms[first], **_belief(logged, first, objective), **counted}


def _borrowed(logged: LoggedView, k: int, objective: Objective) -> dict[str, dict[str, float]]:
    """Where the belief in arm k comes from. Precisions add up, so that of its own n outcomes, n / noise^2, has the
    share scale^2 n / noise^2; what it shares with project and context stands beside it, and its family's other arms."""
    arrays = logged.arrays
    count, mean, scale = arrays["count"], arrays["mean"], arrays["scale"]
    own = min(1.0, float(count[k] * (scale[k] / arrays["noise"][k]) ** 2))
    family = arrays["family"] == arrays["family"][k]
    family[k] = False
    shared = [
        {"mean": float(m), "sd": float(s), "speed_up": float(speed_up(m, objective))}
        for m, s in zip(arrays["wider_mean"][:, k], arrays["wider_scale"][:, k], strict=True)
    ]
    average = float(mean[family].mean()) if family.any() else 0.0
    return {
        "own": {"share": own, "outcomes": round(float(count[k]), 1)},
        "project": shared[0],
        "context": shared[1],
        "family": {
            "arms": int(family.sum()),
            "outcomes": round(float(count[family].sum()), 1),
            "mean": average,
            "speed_up": float(speed_up(average, objective)),
        },
    }


def _layers(store: Store, logged: LoggedView, view: View, objective: Objective) -> list[dict[str, Any]]:
    """What each layer did, the policy's rule first: the probability it moved, which for curiosity, coverage and the
    floor is what they explore; then what acted outside the policy. Nothing of a policy that has no spec."""
    spec, params = store.policy(logged.policy)
    if spec == CUSTOM:
        return []
    limits, policy = from_arrays(logged.arrays), policies.parse(spec, params)
    if limits is None:
        ruling, seen = None, view
    else:
        ruling = constrain(policy, view, limits)
        seen = view._replace(allowed=ruling.allowed)
    found = [
        {"name": layer.name, "mass": layer.mass, "sentence": layer.sentence[0].upper() + layer.sentence[1:]}
        for layer in policies.explain(policy, seen)
    ]
    if limits is None or ruling is None or not ruling.acted:
        return found
    alone = np.asarray(policy.probabilities(policy.params, seen))
    mass = float(moved(alone, ruling.probabilities)[0])
    together = f"Together, what stands between policy and choice moved {mass:.1%} of the probability."
    acted = sentences.acted(limits, ruling, logged, objective)
    return [*found, *acted, {"name": "limits", "mass": mass, "sentence": together}]
