"""Effects and slopes as they serve: from rows and what is estimated to the filter, and from raw features to it."""

import numpy as np

from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.features import feature_filter, feature_map, slopes
from poolwise.posterior.features.effects import FeatureEffects, feature_effects
from poolwise.posterior.features.estimation import FeatureHyperparameters
from poolwise.posterior.features.feature_filter import RecentJobs
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.likelihoods import project_weights
from poolwise.posterior.recursive.exchangeability import Effects
from poolwise.posterior.recursive.types import State

RECENT, OF_LAST = 12, 300
"""Jobs for which the worth of knowledge is judged, drawn from so many of the last."""


def _recent_jobs(rows: FeatureRows, features: FeatureHyperparameters) -> RecentJobs:
    """A sample of the jobs seen last: the same whenever it is drawn from the same rows."""
    size = len(rows.arm)
    last = np.arange(max(size - OF_LAST, 0), size)
    chosen = np.sort(np.random.default_rng(size).permutation(last)[:RECENT])
    phi = feature_map.apply(features.map, rows.raw[chosen])
    return RecentJobs(rows.project[chosen], rows.context[chosen], phi, np.zeros((len(chosen), 0)))


class FeatureEffectsFilter:
    """The interface of `layouts.EffectsFilter`. Mutable."""

    shares, needs_refactor = True, False

    def __init__(
        self,
        fit: Fit,
        features: FeatureHyperparameters,
        weight: np.ndarray,
        utility: SufficientStatistics,
        rows: FeatureRows,
    ) -> None:
        heard = project_weights.pad_weights(weight, len(utility.count))
        counted = rows.counted()
        stats = batch.cells(project_weights.apply_weights(utility, weight))
        phi = feature_map.apply(features.map, counted.raw)
        own = counted.weight * heard[counted.project]
        found = slopes.collect(stats, counted.place, counted.utility, own, phi)
        self.features = features
        self._last: tuple[bytes, np.ndarray] = b"", np.zeros(0)
        self.state = feature_filter.init(fit, stats, found, features.scales, features.map.blocks, heard)
        recent = _recent_jobs(rows, features)
        variance = feature_filter.variance_at(self.state, recent)
        self._recent = recent._replace(variance=variance) if len(recent.project) else None

    def directions(self, raw: np.ndarray | None) -> np.ndarray:
        """(d,) of a job; None: the usual one."""
        if raw is None:
            return np.zeros(self.features.map.size)
        if (key := raw.tobytes()) != self._last[0]:
            self._last = key, feature_map.apply(self.features.map, raw)
        return self._last[1]

    def predict(self, project: int, context: int, raw: np.ndarray | None = None) -> Effects:
        """Of the utility of a success of a job with these features, None: the usual ones, and of recent jobs."""
        return feature_filter.predict(self.state, project, context, self.directions(raw), self._recent)

    def marginal(self, project: int, context: int, arm: int, raw: np.ndarray | None) -> tuple[float, float]:
        """Mean and variance of one arm's."""
        return feature_filter.marginal(self.state, project, context, arm, self.directions(raw))

    def usual(self, project: int, context: int) -> Effects:
        """Of every arm at the mean features of its own outcomes here; nothing of what is shared."""
        at = self.state.directions[project, context]
        found = [feature_filter.marginal(self.state, project, context, arm, phi) for arm, phi in enumerate(at)]
        mean, variance = np.array(found).T
        return Effects(mean[None], variance[None], np.zeros((0, len(mean))))

    def feature_effects(self, features: int, baseline: int | None) -> FeatureEffects:
        """See `effects.feature_effects`."""
        return feature_effects(self.features.map, *feature_filter.slopes_of_arms(self.state), features, baseline)

    def near(self) -> np.ndarray | None:
        """Chances of success are pooled over all arms alike."""
        return None

    def update(
        self, state: State, at: tuple[int, int, int], y: float, weight: float, raw: np.ndarray | None = None
    ) -> None:
        """After an outcome; weight: what it counts as, 0 for none of the utility."""
        if weight > 0:
            feature_filter.update(self.state, *at, y, weight, self.directions(raw))
