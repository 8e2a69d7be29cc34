"""Everything about a belief that is estimated rather than counted: found, kept as JSON, and taken up again."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.posterior.crossed import collapsed
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.features import estimation as feature_estimation
from poolwise.posterior.features import feature_hyperparameters
from poolwise.posterior.features.borrowed import BorrowedSlopes
from poolwise.posterior.features.feature_hyperparameters import FeatureHyperparameters
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.gp import bernoulli_kernel, coherence, coregionalisation, gp_marginal_likelihood
from poolwise.posterior.gp.coherence import SeparateProjects
from poolwise.posterior.hyperparameters import gaussian, laplace
from poolwise.posterior.likelihoods import bernoulli, project_weights
from poolwise.posterior.projects import factors
from poolwise.posterior.projects.factors import Factors
from poolwise.posterior.transfer import elicited_prior, prior_data_conflict
from poolwise.posterior.transfer.elicited_prior import ElicitedPrior


class Hyperparameters(NamedTuple):
    """Everything that is estimated rather than counted."""

    gaussian: Fit
    success: bernoulli.BetaHyperparameters
    factors: Factors | None = None
    expert: ElicitedPrior | None = None
    """What was said of utilities before any outcome; `gaussian.gaussian.stated` is what is left of it."""
    weight: Float[np.ndarray, " project"] = np.ones(0)
    """How much each counts in what others borrow, see `project_weights`; 1 beyond its end."""
    features: FeatureHyperparameters | None = None
    """Of jobs; None while nothing is known of them."""
    lent: BorrowedSlopes | None = None
    """By a prior pack, as it is weighed now."""
    counted: Float[np.ndarray, " project"] = np.zeros(0)
    """Outcomes of each that this was estimated from, where arms resemble each other by their parameters."""
    separate: SeparateProjects | None = None
    """Projects that the others neither learn from nor tell anything, where arms resemble each other."""


EstimationArguments = tuple[
    Hyperparameters, SufficientStatistics, np.ndarray, np.ndarray, gaussian.Hyperprior, FeatureRows | None
]
"""Of `estimate_hyperparameters`, in its order."""


def init_hyperparameters(
    family: Int[np.ndarray, " arm"],
    success_prior: Float[np.ndarray, "arm 2"],
    prior: gaussian.Hyperprior = gaussian.HYPERPRIOR,
    usual: Sequence[float] | None = None,
    elicited: ElicitedPrior | None = None,
    ground: coregionalisation.ArmFeatures | None = None,
    baseline: int | None = None,
) -> Hyperparameters:
    """Before any outcome. family: index; success_prior: pseudo-counts of success and failure; usual: the same where
    nothing is said, to which what outcomes contradict is discounted (None: nothing is); elicited: of utilities;
    ground: where arms stand among each other, if their effects are smooth; baseline: the arm that stands apart.

    Where every arm is a family of its own, or all but the baseline are of one, there is no tier of families.
    """
    arms = len(family)
    among = len(set(np.delete(family, [] if baseline is None or ground is not None else baseline).tolist()))
    apart = among == 1 and ground is None
    families = 0 if len(set(family.tolist())) == arms or apart else int(family.max()) + 1
    median = prior.median._replace(noise=np.full(arms, prior.median.noise))
    index = np.asarray(family) if families else np.arange(arms)
    success = bernoulli.BetaHyperparameters(success_prior)
    if usual is not None:
        success = success._replace(
            elicited=prior_data_conflict.ElicitedBeta(success_prior, np.array(usual), np.asarray(family))
        )
        success = bernoulli.with_discounted_prior(success, *np.zeros((2, 1, 1, arms)))
    fit = Fit(median, index, families, False, 0.0, 0, True, np.zeros(0))
    if ground is not None:
        known, smooth = gp_marginal_likelihood.initial_components(prior, index, ground)
        fit = fit._replace(scales=known, ground=ground, smooth=smooth)
    return _expecting(Hyperparameters(fit, success), elicited)


def _expecting(hyperparameters: Hyperparameters, elicited: ElicitedPrior | None) -> Hyperparameters:
    """With what is said of utilities, as far as it is believed."""
    measurement = None if elicited is None else elicited_prior.as_measurement(elicited)
    fit = hyperparameters.gaussian._replace(scales=hyperparameters.gaussian.scales._replace(elicited=measurement))
    return hyperparameters._replace(gaussian=fit, expert=elicited)


def with_pooled(
    known: Hyperparameters,
    pooled: gaussian.BorrowedEstimates | None,
    success: np.ndarray | None,
    lent: BorrowedSlopes | None = None,
) -> Hyperparameters:
    """With what other stores know of utilities, counts of success (`bernoulli.BetaHyperparameters.pooled`), slopes."""
    fit = known.gaussian._replace(scales=known.gaussian.scales._replace(pooled=pooled))
    return known._replace(gaussian=fit, success=known.success._replace(pooled=success), lent=lent)


def estimate_hyperparameters(
    hyperparameters: Hyperparameters,
    stats: SufficientStatistics,
    outcomes: Float[np.ndarray, "project context arm"],
    successes: Float[np.ndarray, "project context arm"],
    prior: gaussian.Hyperprior = gaussian.HYPERPRIOR,
    rows: FeatureRows | None = None,
    *,
    full: bool = False,
    device: str | None = None,
) -> Hyperparameters:
    """Scales from all statistics, on the families and domain priors of the old ones, where it begins: a step or two
    from there; full: or from afresh; device: where JAX computes the likelihood of a large system, None: NumPy does.
    rows: the outcomes with the features of their jobs, if there are any.

    A search that failed has a log evidence that is not finite.
    """
    separate, counted = None, np.zeros(0)
    if hyperparameters.gaussian.ground is not None:
        counted = outcomes.sum(axis=(1, 2))
        separate = _separated(hyperparameters, stats, counted, prior)
        stats, _ = coherence.split(stats, separate)
    weight = project_weights.weights(stats, outcomes)
    stats = project_weights.apply_weights(stats, weight)
    if hyperparameters.expert is not None:
        hyperparameters = _expecting(
            hyperparameters, elicited_prior.reweight(hyperparameters.expert, hyperparameters.gaussian, stats)
        )
    old = hyperparameters.gaussian
    prior = prior._replace(median=prior.median._replace(elicited=old.scales.elicited))
    lent = hyperparameters.lent
    enough = rows is not None and (len(rows.arm) >= feature_estimation.JOBS or lent is not None)
    featured = enough and feature_estimation.serves(old, stats.count.shape)
    if old.ground is None and (featured or not collapsed.exceeds_dense_budget(*sizes(stats))):
        fit = laplace.fit(stats, old, prior, full=full)
    else:
        fit = _searched(stats, old, prior, device)
    discounted = bernoulli.with_discounted_prior(hyperparameters.success, outcomes, successes)
    start = None if full else (float(discounted.kappa_context), float(discounted.kappa_cell))
    success = bernoulli.fit(outcomes, successes, discounted.prior, discounted.pooled, start)
    success = bernoulli_kernel.fit_success(fit, success._replace(elicited=discounted.elicited), outcomes, successes)
    known = None
    if rows is not None and featured:
        heard = rows._replace(weight=rows.weight * project_weights.pad_weights(weight, len(stats.count))[rows.project])
        fit, known = feature_estimation.estimate(
            stats, heard, fit, prior, None if full else hyperparameters.features, lent
        )
    return Hyperparameters(fit, success, None, hyperparameters.expert, weight, known, lent, counted, separate)


def _separated(
    known: Hyperparameters, stats: SufficientStatistics, counted: np.ndarray, prior: gaussian.Hyperprior
) -> SeparateProjects | None:
    """The projects that say nothing of the others, estimated again if there is anything new of them."""
    prior = prior._replace(median=prior.median._replace(elicited=known.gaussian.scales.elicited))
    projects, old = coherence.incoherent(stats, known.gaussian, prior), known.separate
    if not projects:
        return None
    here, size = list(projects), max(len(counted), len(known.counted))
    before, now = (np.pad(part, (0, size - len(part)))[here] for part in (known.counted, counted))
    if old is not None and old.projects == projects and (before == now).all():
        return old
    fit = known.gaussian._replace(coordinates=np.zeros(0)) if old is None else old.fit
    _, own = coherence.split(stats, SeparateProjects(projects, fit))
    return SeparateProjects(projects, _searched(own, fit, prior, None))


def _searched(stats: SufficientStatistics, old: Fit, prior: gaussian.Hyperprior, device: str | None) -> Fit:
    """Of large systems, and where arms resemble each other: from the last mode, and afresh if that did not settle."""
    large = partial(collapsed.fit, device=device)
    form: Any = large if old.ground is None else partial(gp_marginal_likelihood.fit, old=old)
    search = partial(form, stats, prior=prior)
    fit: Fit = search(start=old.coordinates if len(old.coordinates) else None)
    if fit.converged or not len(old.coordinates):
        return fit
    afresh: Fit = search(start=None)
    return afresh if afresh.log_evidence > fit.log_evidence or not np.isfinite(fit.log_evidence) else fit


def sizes(stats: SufficientStatistics) -> tuple[int, int, int]:
    """As `collapsed.exceeds_dense_budget` takes them: arms, projects, contexts."""
    projects, contexts, arms = stats.count.shape
    return arms, projects, contexts


def to_dict(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """JSON numbers and lists of what was estimated."""
    success = hyperparameters.success
    return {
        **_fit_to_dict(hyperparameters.gaussian),
        "separate": _separate_to_dict(hyperparameters.separate),
        "success": [float(success.kappa_context), float(success.kappa_cell)],
        "near": [float(success.kappa_near), success.power_near],
        "factors": factors.to_dict(hyperparameters.factors),
        "features": feature_hyperparameters.to_dict(hyperparameters.features),
        "project_weight": np.asarray(hyperparameters.weight).tolist(),
        "counted": np.asarray(hyperparameters.counted).tolist(),
        "expert": None if hyperparameters.expert is None else _said(hyperparameters.expert),
        "success_prior": None
        if success.elicited is None
        else [success.elicited.prior.tolist(), success.prior.tolist()],
    }


def _fit_to_dict(fit: Fit) -> dict[str, Any]:
    return {
        "gaussian": gaussian.to_dict(fit.scales),
        "coordinates": np.asarray(fit.coordinates).tolist(),
        "smooth": coregionalisation.to_dict(fit.smooth),
    }


def _separate_to_dict(separate: SeparateProjects | None) -> dict[str, Any] | None:
    return separate and {"projects": list(separate.projects), **_fit_to_dict(separate.fit)}


def _said(one: ElicitedPrior) -> list[list[float | None]]:
    """Mean, standard deviation and weight of every arm's family."""
    scale = [value if np.isfinite(value) else None for value in one.scale.tolist()]
    return [one.mean.tolist(), scale, one.weight.tolist()]


def from_dict(body: dict[str, Any], start: Hyperparameters) -> Hyperparameters:
    """Scales from `to_dict`, on the families and domain priors of `start`; arms added since get the usual noise."""
    fit = _fit_from_dict(body, start.gaussian)
    success = start.success._replace(kappa_context=body["success"][0], kappa_cell=body["success"][1])
    kappa, power = body.get("near", (success.kappa_near, success.power_near))
    success = success._replace(kappa_near=kappa, power_near=bernoulli_kernel.powers_of(power, fit.smooth))
    elicited, left = body.get("success_prior") or ((), ())
    if success.elicited is not None and np.shape(elicited) == success.elicited.prior.shape:
        same = (success.elicited.prior == elicited).all(axis=1, keepdims=True)
        success = success._replace(prior=np.where(same, left, success.prior))
    loaded = factors.from_dict(body["factors"]) if "factors" in body else start.factors
    loaded = loaded if loaded is not None and loaded.level.shape[1] == len(fit.family) else None
    weight = np.array(body.get("project_weight", []), dtype=float)
    features = feature_hyperparameters.from_dict(body.get("features"))
    counted = np.array(body.get("counted", []), dtype=float)
    apart = body.get("separate")
    separate = None
    if apart and start.gaussian.ground is not None:
        separate = SeparateProjects(tuple(apart["projects"]), _fit_from_dict(apart, start.gaussian))
    known = Hyperparameters(fit, success, loaded, None, weight, features, start.lent, counted, separate)
    expected, before = start.expert, body.get("expert")
    if expected is not None and before is not None and len(before[2]) == len(expected.weight):
        pairs = zip(zip(*_said(expected)[:2], strict=True), zip(*before[:2], strict=True), strict=True)
        kept = np.array([one == other for one, other in pairs])
        expected = expected._replace(weight=np.where(kept, np.array(before[2], dtype=float), expected.weight))
    return _expecting(known, expected)


def _fit_from_dict(body: dict[str, Any], start: Fit) -> Fit:
    found = gaussian.from_dict(body["gaussian"])
    missing = len(start.family) - len(found.noise)
    noise = np.concatenate([found.noise, np.full(missing, np.median(found.noise))])
    found = found._replace(noise=noise, pooled=start.scales.pooled, elicited=start.scales.elicited)
    smooth = coregionalisation.clip(coregionalisation.from_dict(body.get("smooth"), start.smooth), found)
    alike = (body.get("smooth") is None) == (smooth is None)
    coordinates = np.array(body["coordinates"] if alike else [])
    return start._replace(scales=found, coordinates=coordinates, smooth=smooth)
