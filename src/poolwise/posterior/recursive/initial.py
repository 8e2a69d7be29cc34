"""From everything counted, and everything estimated, to the state that serves; and back."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, namespace
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import cell_scale, layout, noise_scale, of_one_project, repeated
from poolwise.posterior.likelihoods import baseline_utility, bernoulli, project_weights, robust_weights
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.recursive import effects
from poolwise.posterior.recursive.types import Constants, Numbers, State, Structure

FAILURES = 2.0
"""Pseudo-count of the stated utility of a failure in the mean over an arm's failures."""


class Tally(NamedTuple):
    """Sufficient statistics of the whole posterior: what a checkpoint holds."""

    utility: SufficientStatistics
    """Of successes as they count, none of the baseline."""
    outcomes: Float[np.ndarray, "project context arm"]
    successes: Float[np.ndarray, "project context arm"]
    failures: Float[np.ndarray, "2 arm"]
    """Number and sum of utilities of failures, the stated one included."""
    baseline: SufficientStatistics
    """[project, context] of the baseline's successes, as they count."""
    baseline_failures: SufficientStatistics
    log_odds: Float[np.ndarray, " project"]
    """See `State.log_odds`."""

    @property
    def shape(self) -> tuple[int, int, int]:
        projects, contexts, arms = self.outcomes.shape
        return projects, contexts, arms


def empty(shape: tuple[int, int, int], failed: float) -> Tally:
    """Before any outcome. failed: stated utility of a failure."""
    cell, pair = np.zeros(shape), np.zeros(shape[:2])
    failures = np.stack([np.full(shape[2], FAILURES), np.full(shape[2], FAILURES * failed)])
    none = SufficientStatistics(pair, pair, pair)
    return Tally(SufficientStatistics(cell, cell, cell), cell, cell, failures, none, none, np.zeros(shape[0]))


def resumed(saved: Mapping[str, np.ndarray], arms: int, failed: float) -> Tally:
    """From the arrays of a tally; arms that came since have no outcomes. Raises ValueError or KeyError for others."""
    parts: dict[str, Any] = {}
    for name, part in empty((*saved["outcomes"].shape[:2], arms), failed)._asdict().items():
        parts[name] = np.array(part)
        parts[name][tuple(slice(size) for size in saved[name].shape)] = saved[name]
    for name in ("utility", "baseline", "baseline_failures"):
        parts[name] = SufficientStatistics(*parts[name])
    return Tally(**parts)


def discount(tally: Tally, factor: float, failed: float, *, utility: bool = True) -> Tally:
    """A share of everything counts, what was stated of failures apart. utility: of the utilities too."""
    start = np.array([[FAILURES], [FAILURES * failed]])
    keep = lambda stats: SufficientStatistics(*(factor * part for part in stats))
    return tally._replace(
        utility=keep(tally.utility) if utility else tally.utility,
        outcomes=factor * tally.outcomes,
        successes=factor * tally.successes,
        failures=start + factor * (tally.failures - start),
        baseline=keep(tally.baseline),
        baseline_failures=keep(tally.baseline_failures),
    )


def discount_cell(tally: Tally, project: int, context: int, keep: np.ndarray, baseline: int | None) -> Tally:
    """A share of one cell's outcomes counts, (arms,)."""
    factor = np.ones(tally.shape)
    factor[project, context] = keep
    alone = np.ones(tally.shape[:2])
    alone[project, context] = 1.0 if baseline is None else keep[baseline]
    return tally._replace(
        utility=SufficientStatistics(*(factor * part for part in tally.utility)),
        outcomes=factor * tally.outcomes,
        successes=factor * tally.successes,
        baseline=SufficientStatistics(*(alone * part for part in tally.baseline)),
        baseline_failures=SufficientStatistics(*(alone * part for part in tally.baseline_failures)),
    )


def padded(tally: Tally, shape: tuple[int, int]) -> Tally:
    """With room for so many projects and contexts."""
    rows = tuple((0, size - known) for size, known in zip(shape, tally.shape, strict=False))
    wide = lambda part: np.pad(part, (*rows, *((0, 0),) * (part.ndim - 2)))
    every = lambda stats: SufficientStatistics(*map(wide, stats))
    return tally._replace(
        utility=every(tally.utility),
        outcomes=wide(tally.outcomes),
        successes=wide(tally.successes),
        baseline=every(tally.baseline),
        baseline_failures=every(tally.baseline_failures),
        log_odds=np.pad(tally.log_odds, rows[:1]),
    )


class OutcomeRows(NamedTuple):
    """Many outcomes in their order, a column each; `age_weight`: what each counts as by its age."""

    project: np.ndarray
    context: np.ndarray
    arm: np.ndarray
    utility: np.ndarray
    ok: np.ndarray
    cut: np.ndarray
    age_weight: np.ndarray

    def where(self, chosen: np.ndarray) -> "OutcomeRows":
        return OutcomeRows(*(column[chosen] for column in self))

    @property
    def place(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.project, self.context, self.arm


def update_many(
    tally: Tally, rows: OutcomeRows, baseline: int | None, limit: float | None
) -> tuple[Tally, SufficientStatistics]:
    """With many outcomes, those that were cut off counted as successes of no known utility; and the statistics of the
    new ones apart from their age."""
    outcomes, successes, failures = (part.copy() for part in (tally.outcomes, tally.successes, tally.failures))
    np.add.at(outcomes, rows.place, rows.age_weight)
    np.add.at(successes, rows.place, rows.age_weight * rows.ok)
    lost = rows.where(~rows.ok)
    for row, values in zip(failures, (lost.age_weight, lost.age_weight * lost.utility), strict=True):
        np.add.at(row, lost.arm, values)
    own = np.zeros(len(rows.arm), bool) if baseline is None else rows.arm == baseline
    finished = rows.where(rows.ok & ~rows.cut & ~own)
    weight = robust_weights.weights(cells(tally.utility), finished.place, finished.utility, limit)
    new = _statistics(finished, tally.shape, weight)
    known = tally._replace(
        utility=tally.utility.plus(_statistics(finished, tally.shape, finished.age_weight * weight)),
        outcomes=outcomes,
        successes=successes,
        failures=failures,
    )
    return _with_baseline(known, rows.where(own), limit), new


def add_success(tally: Tally, place: tuple[int, int, int]) -> Tally:
    """With one whose utility follows otherwise."""
    outcomes, successes = tally.outcomes.copy(), tally.successes.copy()
    for part in (outcomes, successes):
        part[place] += 1.0
    return tally._replace(outcomes=outcomes, successes=successes)


def remove_failure(tally: Tally, place: tuple[int, int, int], utility: float, baseline: int | None) -> Tally:
    """With a failure taken back that was assumed."""
    project, context, arm = place
    outcomes, failures = tally.outcomes.copy(), tally.failures.copy()
    outcomes[place] -= 1.0
    failures[:, arm] -= 1.0, utility
    known = tally._replace(outcomes=outcomes, failures=failures)
    if arm != baseline:
        return known
    stats = [part.copy() for part in tally.baseline_failures]
    for power, part in enumerate(stats):
        part[project, context] -= utility**power
    return known._replace(baseline_failures=SufficientStatistics(*stats))


def _statistics(rows: OutcomeRows, shape: tuple[int, ...], weight: np.ndarray) -> SufficientStatistics:
    return SufficientStatistics.of(*rows.place, rows.utility, shape=shape, weight=weight)


def _with_baseline(tally: Tally, rows: OutcomeRows, limit: float | None) -> Tally:
    """Its own outcomes; those that were cut off above 0, where it is by definition, tell nothing."""
    shape = (*tally.shape[:2], 1)
    alone = rows._replace(arm=np.zeros_like(rows.arm))
    fine, lost = alone.where(rows.ok & (~rows.cut | (rows.utility < 0))), alone.where(~rows.ok)
    judged = cells(SufficientStatistics(*(part[..., None] for part in tally.baseline)))
    weight = robust_weights.weights(judged, fine.place, fine.utility, limit)
    more, worse = _statistics(fine, shape, fine.age_weight * weight), _statistics(lost, shape, lost.age_weight)
    flat = lambda stats: SufficientStatistics(*(part[..., 0] for part in stats))
    return tally._replace(
        baseline=tally.baseline.plus(flat(more)), baseline_failures=tally.baseline_failures.plus(flat(worse))
    )


@single_blas()
def init(
    hyperparameters: Hyperparameters,
    tally: Tally,
    options: ObservationModel,
    baseline: int | None,
    alone: tuple[int, ...] = (),
    *,
    exact: bool = True,
) -> tuple[Structure, Constants, State]:
    """The state that all outcomes so far lead to; unseen projects and contexts in the tally are room to grow.

    alone: projects whose exchangeability is asked, one for every slot; a number past the end is a slot to come. exact:
    whether the state keeps the effects, which some other form does where there are too many (`layouts`).
    """
    fit, shape = hyperparameters.gaussian, tally.shape
    structure = _structure(fit, shape, baseline, len(alone))
    utility, shared = cells(tally.utility), cells(project_weights.apply_weights(tally.utility, hyperparameters.weight))
    judged = cells(tally.baseline)
    every = cells(tally.baseline.plus(tally.baseline_failures))
    counts = bernoulli.aggregate(hyperparameters.success, tally.outcomes, tally.successes)
    state = State(
        effects=effects.init(shared, fit.scales, np.asarray(fit.family), fit.families) if exact else (),
        cells=np.stack([*utility, tally.outcomes, tally.successes], 2),
        contexts=np.moveaxis(counts.context, 0, 1).copy(),
        arms=np.concatenate([np.stack(robust_weights.arm_moments(utility)), counts.arm, tally.failures]),
        baseline=np.stack([*judged, *every], 2),
        baseline_sums=baseline_utility.totals(judged, every),
        own_effects=_own_effects(fit, utility, structure, alone),
        log_odds=tally.log_odds.copy(),
    )
    return structure, _constants(hyperparameters, structure, options), state


def tally_of(state: State) -> Tally:
    """The statistics in a state, as arrays of their own."""
    cell, home = np.moveaxis(np.asarray(state.cells), 2, 0), np.moveaxis(np.asarray(state.baseline), 2, 0)
    judged, every = _sums(home[:3]), _sums(home[3:])
    rest = SufficientStatistics(*(a - b for a, b in zip(every, judged, strict=True)))
    return Tally(
        utility=_sums(cell[:3]),
        outcomes=cell[3].copy(),
        successes=cell[4].copy(),
        failures=np.asarray(state.arms)[7:].copy(),
        baseline=judged,
        baseline_failures=SufficientStatistics(*(np.where(rest.count > 1e-9, part, 0.0) for part in rest)),
        log_odds=np.array(state.log_odds),
    )


def _structure(fit: Fit, shape: tuple[int, int, int], baseline: int | None, slots: int) -> Structure:
    families = fit.families
    return Structure(
        *shape,
        family=tuple(np.asarray(fit.family).tolist()) if families else None,
        cells=layout(shape, families).cells,
        baseline=baseline,
        slots=slots,
    )


def _constants(hyperparameters: Hyperparameters, structure: Structure, options: ObservationModel) -> Constants:
    known, success = hyperparameters.gaussian.scales, hyperparameters.success
    xp = namespace(known.noise)
    noise = xp.broadcast_to(noise_scale(known, structure.contexts), (structure.contexts, structure.arms))
    trust = options.trust
    numbers = Numbers(
        cell=cell_scale(known, structure.cells) ** 2,
        kappa_context=success.kappa_context,
        kappa_cell=success.kappa_cell,
        kappa_near=success.kappa_near,
        limit=np.inf if options.outliers is None else options.outliers,
        trust=np.inf if trust == 1 else float(np.log(trust / (1 - trust))),
    )
    prior = xp.stack([success.prior.sum(1), success.prior[:, 0]])
    weight = project_weights.pad_weights(hyperparameters.weight, structure.projects)
    return Constants(xp.array(noise), prior, xp.array(numbers), weight)


def _own_effects(fit: Fit, utility: CellMoments, structure: Structure, alone: tuple[int, ...]) -> tuple[Array, ...]:
    """Every slot's tiers one below the other; those of a project without outcomes are all the same."""
    if not alone:
        return ()
    scales = of_one_project(fit.scales._replace(pooled=None), fit.families, utility.count.shape)
    family, form = np.asarray(fit.family), structure.own_layout
    nothing = CellMoments(*np.zeros((3, 1, structure.contexts, structure.arms)))
    fresh = effects.init(nothing, scales, family, fit.families, form)
    every = tuple(namespace(part).concatenate([part] * len(alone)) for part in fresh)
    there = [slot for slot, project in enumerate(alone) if utility.count[project : project + 1].any()]
    if not there:
        return every
    # All at once, as arms of one system: most of the time of one would be the interpreter's.
    moments = (part[[alone[slot] for slot in there]].swapaxes(0, 1) for part in utility)
    own = CellMoments(*(part.reshape(1, structure.contexts, -1) for part in moments))
    families = fit.families * len(there)
    family = (family + fit.families * np.arange(len(there))[:, None]).ravel()
    found = effects.init(own, repeated(scales, len(there)), family, families, form, len(there))
    for whole, part in zip(every, found, strict=True):
        whole.reshape(len(alone), -1, *part.shape[1:])[there] = part.reshape(len(there), -1, *part.shape[1:])
    return every


def _sums(moments: np.ndarray) -> SufficientStatistics:
    count, mean, deviation = moments
    return SufficientStatistics(count.copy(), count * mean, deviation + count * mean**2)
