"""The tables, the summaries and the plot of the replay benchmark."""

from pathlib import Path
from typing import Any

import numpy as np

REFERENCE = "best per project and context"
LARGE = 500
"""Data sets with at least this many units are summarised apart."""
NULL = 0.01
"""Context does not matter where knowing the best arm of every project and context gains at most this much utility."""


def mean_utility(run: dict[str, Any]) -> float:
    """Mean over seeds."""
    return float(np.mean(run["utility"]))


def regret(entry: dict[str, Any], learner: str, reference: str = REFERENCE) -> float:
    """Mean regret per decision of one learner on one data set."""
    return entry["references"][reference] - mean_utility(entry["learners"][learner])


def best_peer(entry: dict[str, Any]) -> str | None:
    """The learner with the highest mean utility, Poolwise apart; None where no peer ran."""
    peers = [name for name in entry["learners"] if name != "Poolwise"]
    return max(peers, key=lambda name: mean_utility(entry["learners"][name]), default=None)


def geometric_mean(values: list[float]) -> float | None:
    """None for no values; not a number where a regret is not positive."""
    if not values:
        return None
    return float(np.exp(np.mean(np.log(values)))) if min(values) > 0 else float("nan")


def ratios(results: dict[str, Any], peer: str | None = None, reference: str = REFERENCE) -> dict[str, float]:
    """Poolwise's regret over that of one peer, or of the best peer of every data set."""
    found = {}
    for name, entry in results.items():
        other = peer or best_peer(entry)
        if other in entry["learners"] and "Poolwise" in entry["learners"]:
            found[name] = regret(entry, "Poolwise", reference) / regret(entry, other, reference)
    return found


def summary(results: dict[str, Any]) -> dict[str, Any]:
    """Geometric means of the ratios: to the best peer of every set, on large sets, and to every single peer."""
    best = ratios(results)
    peers = sorted({name for entry in results.values() for name in entry["learners"]} - {"Poolwise"})
    large = [ratio for name, ratio in best.items() if results[name]["units"] >= LARGE]
    others = ("best per context", "virtual best")
    return {
        "reference": REFERENCE,
        "data sets": len(results),
        "ratio to the best peer": geometric_mean(list(best.values())),
        "ratio on large sets": geometric_mean(large),
        "ratio by other references": {
            name: geometric_mean(list(ratios(results, None, name).values())) for name in others
        },
        "sets above 1.1": sorted(name for name, ratio in best.items() if ratio > 1.1),
        "worst ratio": max(best.values(), default=None),
        "lost to pooled Thompson on null sets": null_sets(results),
        "ratio to every single peer": {peer: geometric_mean(list(ratios(results, peer).values())) for peer in peers},
        "ratios": best,
    }


def null_sets(results: dict[str, Any]) -> dict[str, float]:
    """Utility per decision lost to pooled Thompson sampling (differenced) where context matters by at most NULL."""
    found, other = {}, "Thompson pooled (differenced)"
    for name, entry in results.items():
        apart = entry["references"][REFERENCE] - entry["references"]["single best"]
        if apart <= NULL and {"Poolwise", other} <= set(entry["learners"]):
            found[name] = regret(entry, "Poolwise") - regret(entry, other)
    return found


def print_table(report: dict[str, Any]) -> None:
    """One line per data set, then the summary."""
    head = ("data set", "units", "arms", "Poolwise", "best peer", "ratio", "single", "context", "which peer")
    print("{:34}{:>7}{:>6}{:>10}{:>10}{:>10}{:>10}{:>10}  {}".format(*head))
    for name, entry in report["sets"].items():
        numbers = "".join(f"{'-' if value is None else format(value, '.4f'):>10}" for value in line(entry))
        print(f"{name:34}{entry['units']:>7}{entry['arms']:>6}{numbers}  {best_peer(entry) or '-'}")
    for key in (
        "ratio to the best peer",
        "ratio on large sets",
        "ratio by other references",
        "worst ratio",
        "sets above 1.1",
    ):
        print(f"{key}: {report['summary'][key]}")
    print(f"regret per decision against the {REFERENCE}; seeds 0 to {report['seeds'] - 1}; {report['seconds']:.0f} s")


def line(entry: dict[str, Any]) -> list[float | None]:
    """Regrets of Poolwise and of the best peer, their ratio; regrets of the single best and of the best per context."""
    peer = best_peer(entry)
    own = regret(entry, "Poolwise") if "Poolwise" in entry["learners"] else None
    other = regret(entry, peer) if peer else None
    top = entry["references"][REFERENCE]
    hindsight = [top - entry["references"][key] for key in ("single best", "best per context")]
    return [own, other, own / other if own is not None and other else None, *hindsight]


def plot(report: dict[str, Any], path: Path) -> None:
    """Ratio of Poolwise's regret to that of the best peer, one bar per data set."""
    from matplotlib.figure import Figure

    found = sorted(report["summary"]["ratios"].items(), key=lambda item: item[1])
    figure = Figure(figsize=(8, 0.3 * len(found) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh([name for name, _ in found], [ratio for _, ratio in found], color="#4c78a8")
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("regret of Poolwise / regret of the best peer there (hindsight); left of 1 is better")
    figure.savefig(path)
