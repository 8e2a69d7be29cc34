"""The variants that `ablation` compares: values of the package that are replaced, by name."""

from functools import partial
from typing import Any

from benchmarks.replay.shared_scales import identified
from poolwise.posterior.crossed.batch import Statistics
from poolwise.posterior.hyperparameters import hyper, utility_scale
from poolwise.posterior.hyperparameters.hyper import PRIOR, Prior, Tier
from poolwise.posterior.joint import Joint
from poolwise.posterior.observation_model import Options

REPLAYED, LOOP, SCALES = (
    "poolwise.replay.replay_posterior",
    "poolwise.replay.loop",
    "poolwise.posterior.hyperparameters",
)


def _prior(prior: Prior) -> dict[str, Any]:
    """Another hyperprior."""
    return {f"{SCALES}.hyper:PRIOR": prior, f"{SCALES}.utility_scale:PRIOR": prior}


def _shared(prior: Prior, stats: Statistics) -> Prior:
    """As `utility_scale.hyperprior`, for what can be told apart."""
    told = identified(prior, stats.count)
    return utility_scale.scaled(told, utility_scale.unit(stats)) if prior is hyper.PRIOR else prior


def _options(**changed: Any) -> dict[str, Any]:
    return {f"{REPLAYED}:Joint": partial(Joint, options=Options(**changed))}


def _both(name: str, value: Any) -> dict[str, Any]:
    return {f"{REPLAYED}:{name}": value, f"{LOOP}:{name}": value}


NARROW = PRIOR.median._replace(arm=Tier(0.2, 0.2, 0.15, 0.3), family=Tier(0.3, 0.3, 0.3, 0.3), noise=0.4)
"""What the mean-field form began with: contexts differ less, outcomes more."""
NARROWER = NARROW._replace(arm=Tier(0.2, 0.1, 0.15, 0.3), family=Tier(0.3, 0.15, 0.3, 0.3))

SHARED = {f"{SCALES}.utility_scale:hyperprior": _shared}

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "shared-scales": SHARED,
    "shared-narrow": SHARED | _prior(PRIOR._replace(median=NARROW)),
    "shared-narrower": SHARED | _prior(PRIOR._replace(median=NARROWER)),
    "shared-narrow-wide": SHARED | _prior(PRIOR._replace(median=NARROW, width=0.8)),
    "narrow": _prior(PRIOR._replace(median=NARROW)),
    "no-robust-weights": _options(outliers=None),
    "no-trust": _options(trust=1.0),
    "certain-success": {f"{REPLAYED}:USUAL_SUCCESS": (3e6, 1e-3)},
    "no-limit": _both("LIMIT", 50.0),
    "mode": {f"{SCALES}.laplace:_LARGEST": 0.0},
    "often": _both("EVERY", ((100, 4), (500, 20), (2_000, 50))),
}
