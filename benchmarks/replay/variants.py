"""The variants that `ablation` compares: values of the package that are replaced, by name."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.replay.shared_scales import identified
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters import gaussian, utility_scale
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, Hyperprior, TierScales
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.posterior import Posterior

REPLAYED, LOOP, SCALES = (
    "poolwise.replay.replay_posterior",
    "poolwise.replay.loop",
    "poolwise.posterior.hyperparameters",
)


def _prior(prior: Hyperprior) -> dict[str, Any]:
    """Another hyperprior."""
    return {f"{SCALES}.gaussian:HYPERPRIOR": prior, f"{SCALES}.utility_scale:HYPERPRIOR": prior}


def _shared(prior: Hyperprior, stats: SufficientStatistics) -> Hyperprior:
    """As `utility_scale.hyperprior`, for what can be told apart."""
    told = identified(prior, stats.count)
    return utility_scale.rescale(told, utility_scale.rms_utility(stats)) if prior is gaussian.HYPERPRIOR else prior


def _options(**changed: Any) -> dict[str, Any]:
    return {f"{REPLAYED}:Posterior": partial(Posterior, options=ObservationModel(**changed))}


def _both(name: str, value: Any) -> dict[str, Any]:
    return {f"{REPLAYED}:{name}": value, f"{LOOP}:{name}": value}


def _small_unit(stats: SufficientStatistics) -> float:
    """`utility_scale.rms_utility` with a fifth of an arm's worth of the natural unit, and no doubt of small ones."""
    count, squares = stats.count.sum((0, 1)), stats.squares.sum((0, 1))
    weight = count / (count + 2.0)
    return float(np.sqrt((0.2 + (weight * squares / np.maximum(count, 1e-300)).sum()) / (0.2 + weight.sum())))


NARROW = HYPERPRIOR.median._replace(
    arm=TierScales(0.2, 0.2, 0.15, 0.3), family=TierScales(0.3, 0.3, 0.3, 0.3), noise=0.4
)
"""What the mean-field form began with: contexts differ less, outcomes more."""
NARROWER = NARROW._replace(arm=TierScales(0.2, 0.1, 0.15, 0.3), family=TierScales(0.3, 0.15, 0.3, 0.3))

SHARED = {f"{SCALES}.utility_scale:hyperprior": _shared}

SMALL_UNIT = {f"{SCALES}.utility_scale:rms_utility": _small_unit}

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "shared-scales": SHARED,
    "shared-narrow": SHARED | _prior(HYPERPRIOR._replace(median=NARROW)),
    "shared-narrower": SHARED | _prior(HYPERPRIOR._replace(median=NARROWER)),
    "shared-narrow-wide": SHARED | _prior(HYPERPRIOR._replace(median=NARROW, width=0.8)),
    "wide": _prior(HYPERPRIOR._replace(width=0.8)),
    "wide-small-unit": _prior(HYPERPRIOR._replace(width=0.8)) | SMALL_UNIT,
    "small-unit": SMALL_UNIT,
    "shared-wide": SHARED | _prior(HYPERPRIOR._replace(width=0.8)),
    "narrow": _prior(HYPERPRIOR._replace(median=NARROW)),
    "no-robust-weights": _options(outliers=None),
    "no-trust": _options(trust=1.0),
    "certain-success": {f"{REPLAYED}:USUAL_SUCCESS": (3e6, 1e-3)},
    "no-limit": _both("LIMIT", 50.0),
    "mode": {f"{SCALES}.laplace:_LARGEST": 0.0},
    "often": _both("EVERY", ((100, 4), (500, 20), (2_000, 50))),
}
