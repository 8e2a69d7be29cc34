"""The gate: what a refit must show before it may serve. Every check is one figure against one limit.

Sampling:   R-hat, bulk and tail ESS, divergences, E-BFMI of methods that sample; a search that settled of the others
Prediction: every cell from all the others, exactly; what was observed against prior and posterior predictive draws
Agreement:  what would serve against the method's own posterior, cell by cell
Shift:      what would serve against what served before, on the same events
Drift:      what had come of the belief that served, update by update, against its own statistics
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.crossed.batch import cells
from poolwise.posterior.types import Marginals
from poolwise.refit.draws import serving_marginals
from poolwise.refit.draws.convergence import e_bfmi, mixing
from poolwise.refit.gate_thresholds import GateThresholds
from poolwise.refit.result import RefitResult

FEW = 20
"""Cells below which shares of cells say nothing."""
NORMAL_95 = 1.6448536269514722
BIG = 2_000
"""Quantities of one variable that are checked for mixing: of more, an even selection."""


class Check(NamedTuple):
    """One figure against its limit."""

    name: str
    value: float
    limit: str
    passed: bool
    says: str
    """What is wrong, where it did not pass."""


def checks(problem: RefitData, found: RefitResult, limits: GateThresholds) -> list[Check]:
    """Every check that applies; figures that cannot be computed do not pass."""
    with np.errstate(all="ignore"):
        return [
            *_search(found),
            *_sampling(found, limits),
            *_prediction(problem, found, limits),
            *_predictive_draws(problem, found, limits),
            *_agreement(problem, found, limits),
            *_shift(problem, found, limits),
            *_drift(problem, limits),
        ]


def verdict(checked: list[Check]) -> str | None:
    """None where all passed, otherwise what did not, in one line."""
    failed = [check.says for check in checked if not check.passed]
    return "; ".join(failed) or None


def most(name: str, value: float, limit: float, says: str) -> Check:
    """Passes up to the limit; NaN does not."""
    return Check(name, float(value), f"<= {limit:g}", bool(value <= limit), f"{says} {value:.3g}, above {limit:g}")


def least(name: str, value: float, limit: float, says: str) -> Check:
    """Passes from the limit on."""
    return Check(name, float(value), f">= {limit:g}", bool(value >= limit), f"{says} {value:.3g}, below {limit:g}")


def within(name: str, value: float, limits: tuple[float, float], says: str) -> Check:
    """Passes between the two limits."""
    low, high = limits
    passed = bool(low <= value <= high)
    return Check(name, float(value), f"{low:g} to {high:g}", passed, f"{says} {value:.3g}, not {low:g} to {high:g}")


def _search(found: RefitResult) -> Iterator[Check]:
    if "converged" in found.notes:
        settled = found.notes["converged"] and found.notes.get("log_evidence", 0.0) is not None
        says = "the search for the scales did not settle"
        yield Check("search settled", float(settled), "1", bool(settled), says)


def _sampling(found: RefitResult, limits: GateThresholds) -> Iterator[Check]:
    stats = found.draws.sample_stats
    diverging = [values.mean() for name, values in stats.items() if name.endswith("diverging")]
    energies = [e_bfmi(values).min() for name, values in stats.items() if name.endswith("energy")]
    if not diverging:
        return
    yield most("divergent transitions", max(diverging), limits.divergences, "share of divergent transitions is")
    yield least("E-BFMI", min(energies), limits.e_bfmi, "the energy mixes badly: E-BFMI is")
    made = {name: mixing(_selected(values)) for name, values in found.chains.items()}
    top, name = max((_top(mixed.r_hat), name) for name, mixed in made.items())
    if len(found.chains[name]) > 1:
        yield most("R-hat", top, limits.r_hat, f"chains disagree about {name}: R-hat is")
    for field, limit in (("bulk", limits.bulk_ess), ("tail", limits.tail_ess)):
        low, name = min((_low(getattr(mixed, field)), name) for name, mixed in made.items())
        yield least(f"{field} ESS", low, limit, f"too few draws of {name}: {field} ESS is")


def _selected(values: np.ndarray) -> np.ndarray:
    """(chains, draws, k): at most so many quantities that their check takes no longer than sampling them."""
    flat = values.reshape(*values.shape[:2], -1)
    return np.asarray(flat[:, :, :: max(1, flat.shape[2] // BIG)], dtype=np.float64)


def _top(values: np.ndarray) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else 0.0


def _low(values: np.ndarray) -> float:
    return float(np.nanmin(values)) if np.isfinite(values).any() else np.inf


def _prediction(problem: RefitData, found: RefitResult, limits: GateThresholds) -> Iterator[Check]:
    own = cells(problem.stats)
    freedom = np.maximum(own.count - 1, 0).sum()
    if freedom >= FEW:
        ratio = float((own.deviation / serving_marginals.noise(problem, found.hyperparameters) ** 2).sum() / freedom)
        yield most(
            "spread within cells", ratio, limits.surprise, "outcomes of a cell vary more than the noise: squared"
        )
    z = standardised(problem, found)
    if len(z) < FEW:
        return
    share = float((np.abs(z) <= NORMAL_95).mean())
    says = "share of cells inside the 90 % interval that all others predict is"
    yield least("cells predicted by the others", share, limits.coverage, says)
    says = "mean squared error of predicted cells, standardised, is"
    yield most("surprise", float(np.mean(z**2)), limits.surprise, says)


def standardised(problem: RefitData, found: RefitResult) -> np.ndarray:
    """(seen cells,): mean outcome minus its prediction from all other cells, in its standard deviations."""
    problem, hyperparameters = serving_marginals.bent(problem, found.hyperparameters)
    others, count = serving_marginals.left_out(problem, hyperparameters), problem.stats.count
    seen = count > 0
    return np.asarray((problem.stats.total[seen] / count[seen] - others.mean[seen]) / others.scale[seen])


def _predictive_draws(problem: RefitData, found: RefitResult, limits: GateThresholds) -> Iterator[Check]:
    seen = problem.stats.count > 0
    if not seen.any():
        return
    observed = problem.stats.total[seen] / problem.stats.count[seen]
    for group, values in (("prior", found.draws.prior_predictive), ("posterior", found.draws.posterior_predictive)):
        if "mean" not in values or (group == "posterior" and "effect" not in found.draws.posterior):
            continue  # Draws of every cell by itself say nothing about all of them together.
        replicated = values["mean"][..., seen].reshape(-1, int(seen.sum()))
        for name, summary in (("mean", np.mean), ("largest size", _largest)):
            # A prior may allow for more than there is, so only what it does not allow for counts against it.
            sides = 1 if (group, name) == ("prior", "largest size") else 2
            tail = tail_of(summary(replicated, axis=1), summary(observed[None], axis=1)[0], sides)
            says = f"under the {group} predictive the {name} of the cells has the tail probability"
            yield least(f"{group} predictive, {name}", tail, limits.tail, says)


def _largest(rows: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(np.abs(rows).max(axis=axis))


def tail_of(drawn: np.ndarray, observed: float, sides: int = 2) -> float:
    """Tail probability of a value under draws, above or on both sides, with Student-t(4) tails beyond them: of a few
    hundred draws no share below a percent could be told."""
    centre, scale = np.median(drawn), np.median(np.abs(drawn - np.median(drawn))) * 1.4826
    z = (observed - centre) / max(scale, 1e-300)
    return float(t.sf(z, 4) if sides == 1 else 2 * t.sf(abs(z), 4))


def _agreement(problem: RefitData, found: RefitResult, limits: GateThresholds) -> Iterator[Check]:
    if found.theta is not None:
        gap, ratio = compared(serving_marginals.theta(problem, found.hyperparameters), found.theta)
        says = "what would serve differs from the posterior: the {} gap of the means, in sd, is"
        for which, value, limit in (("median", np.median(gap), 1), ("largest", np.max(gap), 5)):
            yield most(f"served, {which} gap", value, limit * limits.mean_gap, says.format(which))
        says = "the median of standard deviations that would serve over those of the posterior is"
        yield within("served, sd ratio", float(np.median(ratio)), limits.ratio, says)
    if found.chance is not None:
        gap = np.abs(serving_marginals.chance(problem, found.hyperparameters).mean - found.chance.mean)
        says = "chances of success that would serve differ from the posterior's: median gap"
        yield most("served, gap of chances", float(np.median(gap)), limits.chance_gap, says)


def compared(serves: Marginals, full: Marginals) -> tuple[np.ndarray, np.ndarray]:
    """Gap of the means in standard deviations of the full posterior, and ratio of the standard deviations."""
    return np.abs(serves.mean - full.mean) / full.scale, serves.scale / full.scale


def _shift(problem: RefitData, found: RefitResult, limits: GateThresholds) -> Iterator[Check]:
    before, after = (
        serving_marginals.theta(problem, hyperparameters)
        for hyperparameters in (problem.hyperparameters, found.hyperparameters)
    )
    moved = np.abs(after.mean - before.mean) / np.maximum(after.scale, before.scale)
    says = "beliefs would move too far from those that served on the same events: median shift, in sd,"
    yield most("shift against what served", float(np.median(moved)), limits.shift, says)


def _drift(problem: RefitData, limits: GateThresholds) -> Iterator[Check]:
    if problem.online is None:
        return
    afresh = Marginals(*(part[problem.places] for part in serving_marginals.theta(problem, problem.hyperparameters)))
    gap = np.abs(problem.online.mean - afresh.mean) / afresh.scale
    says = "the belief that served has drifted from its own outcomes, restart to read them again: largest gap, in sd,"
    yield most(
        "drift of online updates", np.max(gap), limits.drift * (30 if serving_marginals.is_wide(problem) else 1), says
    )
