"""What an operator should look at now, worst first: from what an engine says of itself."""

from typing import Any, NamedTuple

STALE, FEW = 2.0, 200
"""Outcomes for each that was there at the last estimate, and outcomes at least, from which an estimate is stale."""
SHOWN, RECENT = 5, 50
"""Damaged records that are named, and outcomes in a context after which a change there is no news."""


class Alert(NamedTuple):
    """One line."""

    level: str
    """`fault`, `warning` or `note`: the word stands beside its colour."""
    text: str
    page: str = ""
    """Where there is more."""


LEVELS = ("fault", "warning", "note")


def alerts(status: dict[str, Any], overview: dict[str, Any]) -> list[Alert]:
    """From `Engine.status` and `Engine.overview`."""
    found = [*_store(status), *_estimate(status), *_outcomes(status), *_learning(status, overview)]
    return sorted(found, key=lambda one: LEVELS.index(one.level))


def _store(status: dict[str, Any]) -> list[Alert]:
    found = []
    if fault := status.get("store_fault"):
        found.append(Alert("fault", f"The store cannot be read now: {fault}"))
    if unlogged := status.get("unlogged"):
        found.append(Alert("fault", f"{_some(unlogged, 'decision')} could not be logged: {_last(status)}"))
    elif faults := status.get("store_faults"):
        found.append(Alert("warning", f"The store failed {_some(faults, 'time')} since the start: {_last(status)}"))
    for record in status.get("quarantined", [])[:SHOWN]:
        found.append(Alert("fault", f"A damaged record is left out: {record}"))
    return found


def _estimate(status: dict[str, Any]) -> list[Alert]:
    found = []
    known, behind = status.get("learned", 0), status.get("learned", 0) - status.get("estimated_from", 0)
    if known >= FEW and behind > (STALE - 1) * max(status.get("estimated_from", 0), 1):
        text = f"The estimate of the scales is stale: {_some(behind, 'outcome')} of {known:,} came since."
        found.append(Alert("warning", text, "refits"))
    if rejected := status.get("rejected"):
        found.append(Alert("warning", f"The gate rejected the last estimate: {_text(rejected)}", "refits"))
    if trouble := status.get("trouble"):
        found.append(Alert("warning", f"Estimating the scales failed: {_text(trouble)}", "refits"))
    if idle := status.get("features_idle"):
        found.append(Alert("note", f"{_text(idle)[:1].upper()}{_text(idle)[1:]}."))
    if failing := status.get("failing"):
        found.append(Alert("warning", f"{_text(failing)}."))
    if failed := status.get("compiled"):
        found.append(Alert("warning", f"A compiled call of the belief {_text(failed)}: start the process anew."))
    return found


def _outcomes(status: dict[str, Any]) -> list[Alert]:
    found = []
    if conflicting := status.get("conflicting"):
        text = f"{_some(conflicting, 'outcome')} contradicted one that was known, and did not count."
        found.append(Alert("warning", text))
    if unknown := status.get("unknown"):
        found.append(Alert("warning", f"{_some(unknown, 'outcome')} named a decision that is not in this store."))
    if overdue := status.get("overdue"):
        found.append(Alert("note", f"{_some(overdue, 'decision')} waited too long for an outcome: taken as failed."))
    if lacking := status.get("baseline_untried"):
        found.append(Alert("note", f"The baseline was not tried {lacking}."))
    if zeros := status.get("costs_of_0"):
        found.append(Alert("note", f"Costs of 0: {zeros}."))
    return found


def _learning(status: dict[str, Any], overview: dict[str, Any]) -> list[Alert]:
    found = []
    drifted = sum(row["outcomes_since"] < RECENT for row in overview.get("drift", []))
    if camps := status.get("suspicious"):
        names = ", ".join(str(one) for one in camps["projects"])
        text = f"Projects report as two camps; the smaller one has {camps['camp']} of them: {names}."
        found.append(Alert("warning", text, "projects"))
    if held := overview.get("quarantined"):
        text = f"{_some(len(held), 'arm')} in quarantine or on probation after harm."
        found.append(Alert("warning", text, "#limited"))
    if drifted:
        found.append(Alert("note", f"Drift: outcomes changed in {_some(drifted, 'context')} of a project.", "contexts"))
    if lacking := overview.get("coverage"):
        text = f"{_some(len(lacking), 'important context')} lack informative trials."
        found.append(Alert("note", text, "#limited"))
    if any(row.get("contradicted") for row in overview.get("priors", [])):
        found.append(Alert("note", "Outcomes contradict a prior that was stated.", "#limited"))
    return found


def _some(number: float, noun: str) -> str:
    """
    >>> _some(1, "outcome"), _some(1200, "outcome")
    ('1 outcome', '1,200 outcomes')
    """
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def _last(status: dict[str, Any]) -> str:
    return _text(status.get("last_fault") or "no reason is known")


def _text(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 500 else f"{text[:500]}..."
