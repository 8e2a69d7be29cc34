"""How far learning has come in every context, what is limited there, and why: what `poolwise status` shows."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.insight import features
from poolwise.engine.insight.cells import Place, places, view_of_cell
from poolwise.engine.insight.shown import untried
from poolwise.engine.reasons import EXPLORED, FAVOURITE, read
from poolwise.engine.safeguards import operator_overrides, recommended
from poolwise.engine.safeguards.policy_gate import PolicyGate
from poolwise.engine.safeguards.safeguards import Safeguards
from poolwise.engine.state.serving import Serving
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.errors import ConfigError
from poolwise.policy.constraints import conservative, quarantine
from poolwise.policy.constraints.constraints import constrain, contenders
from poolwise.policy.constraints.control import may_promote
from poolwise.policy.constraints.coverage_guarantee import shortfalls
from poolwise.policy.constraints.usage import UsageCounts
from poolwise.policy.further_gain import expected_further_gain
from poolwise.policy.learning_phase import confidence, doubt, phase
from poolwise.policy.view import Policy, View
from poolwise.policy.wrappers.curiosity import WEIGHTS, score
from poolwise.posterior.likelihoods import bernoulli
from poolwise.store.base import Store


def overview(now: Serving, store: Store, project: str | None = None) -> dict[str, Any]:
    """Of every project, or of one; budgets, priors and orders are those of all.

    `ahead` (decisions to come of each project: expected, and from where to where with a probability of 80 %; where no
    horizon is stated), `recommended` (see `recommended.row`), `contexts` (phase, confidence, doubt, favourite, mass
    that explores, curiosity, share of arms covered, expected further gain in log units), `quarantined`, `drift`,
    `priors` (how far domain priors are still believed), `budgets`, `coverage`, `orders`, `shadow`: a list of rows each,
    empty where nothing is in force; of all projects, where some are declared, `features`, see `features.summary`;
    `baseline_untried`, see `shown.untried`."""
    belief, name_index, usage, policy_gate = now.belief, now.name_index, now.usage, now.policy_gate
    safeguards = policy_gate.safeguards
    every = list(places(name_index, usage, project))
    body: dict[str, Any] = {"contexts": [_context(belief, name_index, usage, policy_gate, *place) for place in every]}
    if now.settings.horizon is None:
        body["ahead"] = list(_ahead(name_index, usage, project))
    said = [one for name, one in policy_gate.recommended.items() if project in (None, name)]
    body["recommended"] = [recommended.row(one, policy_gate.policy.params) for one in said]
    body["priors"] = list(_priors(belief, name_index))
    if project is None and (known := features.summary(belief)):
        body["features"] = known
    body.update(untried(now))
    if safeguards is None:
        return body
    body["quarantined"] = [row for place in every for row in _quarantined(safeguards, name_index, *place)]
    body["budgets"] = list(_budgets(safeguards, name_index))
    body["coverage"] = list(_coverage(belief, safeguards, name_index, usage, store, project))
    body["drift"] = list(_drift(safeguards, every))
    body["orders"] = operator_overrides.sentences(safeguards.overrides)
    body["shadow"] = list(_shadow(belief, usage, policy_gate, safeguards, name_index, every))
    return body


def _ahead(name_index: NameIndex, usage: UsageCounts, only: str | None) -> Iterator[dict[str, Any]]:
    """How many more decisions each project is expected to have: on average, and with a probability of 80 %."""
    for p, name in enumerate(name_index.names("project")):
        if only in (None, name) and usage.of_project(p):
            low, high = usage.lives.within(p, np.array([0.1, 0.9])).tolist()
            expected = round(usage.lives.remaining(p))
            row = {"project": name, "decisions": usage.of_project(p), "expected": expected}
            yield {**row, "from": round(low), "to": round(high)}


def check_promotion(shadow: list[dict[str, Any]], project: str | None, context: str | None) -> None:
    """Raises ConfigError unless the lower 95 % bound of the gain estimated in the scope is above zero."""
    rows = [row for row in shadow if project in (None, row["project"]) and context in (None, row["context"])]
    gain, error = _together(rows)
    if not rows or not may_promote(gain, error):
        made = sum(row["decisions"] for row in rows)
        raise ConfigError(
            f"not promoted: after {made} decisions in the shadow the gain is {gain:.3f}, standard error {error:.3f}, "
            "and its lower 95 % bound is not above 0: let it learn more"
        )


def _context(
    belief: ServingPosterior,
    name_index: NameIndex,
    usage: UsageCounts,
    policy_gate: PolicyGate,
    project: str,
    context: str,
    p: int,
    c: int,
) -> dict[str, Any]:
    view = view_of_cell(belief, name_index, usage, p, c, name_index.allowed(None))
    found = policy_gate.choice((project, context), (p, c), view)
    favourite = int(np.argmax(view.mean))
    return {
        "project": project,
        "context": context,
        "decisions": usage.decisions(p, c),
        "importance": view.context.importance,
        "phase": phase(view),
        "confidence": float(confidence(view)[0]),
        "doubt": doubt(view),
        "favourite": name_index.ids[favourite],
        "exploring": float(1.0 - found.probabilities[favourite]),
        "curiosity": _curiosity(policy_gate.own(project).policy, view),
        "coverage": float((view.count > 0).mean()),
        "expected_gain": expected_further_gain(view),
    }


def _curiosity(policy: Policy, view: View) -> float:
    """Mean score over arms, by the policy's own weights where it has some."""
    weights = {name: policy.params.get(name, usual) for name, usual in WEIGHTS.items()}
    return float(np.mean(score(weights, view)))


def _priors(belief: ServingPosterior, name_index: NameIndex) -> Iterator[dict[str, Any]]:
    """What is left of the priors that were stated: a row per family, the weight of what was said of it."""
    yield from _success_priors(belief, name_index)
    expected = belief.posterior.hyperparameters.expert
    if expected is None:
        return
    for arm in np.unique(expected.family, return_index=True)[1].tolist():
        if np.isfinite(expected.scale[arm]):
            yield {
                "family": name_index.known_names[arm],
                "stated": f"utility {expected.mean[arm]:+g}, sd {expected.scale[arm]:g}",
                "weight": float(expected.weight[arm]),
                "contradicted": bool(expected.contradicted[arm]),
            }


def _success_priors(belief: ServingPosterior, name_index: NameIndex) -> Iterator[dict[str, Any]]:
    success = belief.posterior.hyperparameters.success
    left = bernoulli.discounted_prior(success, *belief.posterior.counts())
    if left is None or success.elicited is None:
        return
    for arm in np.unique(success.elicited.family, return_index=True)[1].tolist():
        prior = success.elicited.prior[arm].tolist()
        if prior != success.elicited.usual.tolist():
            yield {
                "family": name_index.known_names[arm],
                "stated": f"{prior[0]:g} successes, {prior[1]:g} failures",
                "weight": float(left.weight[arm]),
                "contradicted": bool(left.contradicted[arm]),
            }


def _quarantined(
    safeguards: Safeguards, name_index: NameIndex, project: str, context: str, p: int, c: int
) -> Iterator[dict[str, Any]]:
    code = safeguards.codes(p, c)
    for arm in np.flatnonzero(code).tolist():
        yield {
            "project": project,
            "context": context,
            "arm": name_index.known[arm],
            "state": quarantine.REASONS[code[arm]],
            "outcomes_left": safeguards.until(p, c, arm),
        }


def _drift(safeguards: Safeguards, every: list[Place]) -> Iterator[dict[str, Any]]:
    """Where a change was found, and how many outcomes came there since."""
    for project, context, p, c in every:
        place = safeguards.places.get((p, c))
        if place is not None and place.changed is not None:
            yield {"project": project, "context": context, "outcomes_since": place.seen - place.changed}


def _budgets(safeguards: Safeguards, name_index: NameIndex) -> Iterator[dict[str, Any]]:
    """What is left: of the guarantee in jobs of the baseline, of exploration in decisions."""
    rules, most = safeguards.safety.conservative, safeguards.exploration
    projects, contexts = name_index.names("project"), name_index.names("context")
    if rules is not None:
        for p, ledger in safeguards.ledgers.items():
            slack = conservative.slack(rules, ledger)
            yield {"budget": "conservative", "of": projects[p], "left": float(slack), "unit": "jobs of the baseline"}
    spent = [(most.overall_budget, "everything", safeguards.explored, safeguards.total)]
    for (p, c), place in safeguards.places.items():
        spent.append((most.context_budget, f"{contexts[c]} of {projects[p]}", place.explored, place.made))
    for share, name, explored, made in spent:
        if share is not None:
            left = most.grant + share * made - explored
            yield {"budget": "exploration", "of": name, "left": left, "unit": "decisions"}


def _coverage(
    belief: ServingPosterior,
    safeguards: Safeguards,
    name_index: NameIndex,
    usage: UsageCounts,
    store: Store,
    only: str | None,
) -> Iterator[dict[str, Any]]:
    """Important contexts that lack informative trials in the last window, and why."""
    rules = safeguards.exploration.coverage
    if rules is None:
        return
    made, contexts = name_index.indexed(store.decisions()), name_index.names("context")
    answered = np.isin(made.id, store.outcomes().decision)
    teaches = np.array([read(name).choice in (EXPLORED, FAVOURITE) for name in store.names("reason")], dtype=bool)
    elsewhere = made.arm != int(name_index.columns[name_index.baseline])
    for p, project in enumerate(name_index.names("project")):
        if only not in (None, project):
            continue
        own = made.project == p
        taught = (answered & elsewhere)[own] & teaches[made.reason[own]]
        importance = np.array([usage.context(p, c).importance for c in range(len(contexts))])
        for lack in shortfalls(rules, made.context[own], taught, importance):
            context = contexts[lack.context]
            view = view_of_cell(belief, name_index, usage, p, lack.context, name_index.allowed(None))
            why = _forced(safeguards, (project, context), (p, lack.context), view) or lack.reason
            yield {
                "project": project,
                "context": context,
                "trials": lack.trials,
                "guaranteed": f"{rules.trials} in {rules.window} decisions",
                "why": why,
            }


def _forced(safeguards: Safeguards, names: tuple[str, str], at: tuple[int, int], view: View) -> str | None:
    """What keeps a context from exploring at all, if anything does."""
    gate = safeguards.permissions(*at)
    limits = safeguards.limits(names, at, gate, view.context)
    for holds, reason in (
        (limits.controls.stop, "an operator has stopped all but the baseline"),
        (limits.shadow, "it is in the shadow, where only the baseline runs"),
        (limits.controls.pin is not None, "an operator has pinned an arm"),
        (limits.controls.freeze, "an operator has frozen exploration"),
        (not limits.may_leave_baseline, "the conservative budget keeps it at the baseline"),
        (not gate[1], "the exploration budget is spent"),
        (contenders(view, limits).sum() == 1, "it is settled: no other arm may still be the best"),
    ):
        if holds:
            return reason
    return None


def _shadow(
    belief: ServingPosterior,
    usage: UsageCounts,
    policy_gate: PolicyGate,
    safeguards: Safeguards,
    name_index: NameIndex,
    every: list[Place],
) -> Iterator[dict[str, Any]]:
    """Gain over the baseline that is believed of what would have been answered; errors taken as fully shared."""
    for project, context, p, c in every:
        place = safeguards.places.get((p, c))
        if place is None or not place.shadowed:
            continue
        view = view_of_cell(belief, name_index, usage, p, c, name_index.allowed(None))
        limits = safeguards.limits((project, context), (p, c), safeguards.permissions(p, c), view.context)
        chances = constrain(policy_gate.own(project).policy, view, limits).probabilities
        away = chances * (np.arange(len(chances)) != view.baseline)
        gain = float(away @ (view.mean - view.mean[view.baseline]))
        error = float(away @ np.hypot(view.scale, view.scale[view.baseline]))
        yield {
            "project": project,
            "context": context,
            "decisions": place.shadowed,
            "gain": gain,
            "error": error,
            "promotes": may_promote(gain, error),
            "usual_cost": 1.0 if belief.savings is None else belief.savings.usual(p, c),
        }


def _together(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Mean gain per decision and its standard error, errors of different contexts taken as fully shared."""
    weight = np.array([row["decisions"] * row["usual_cost"] for row in rows], dtype=float)
    if not len(rows):
        return 0.0, float("inf")
    gain, error = (np.average([row[name] for row in rows], weights=weight) for name in ("gain", "error"))
    return float(gain), float(error)
