"""What a policy sees and learns while a table or a log is replayed: the belief, and how often each context was met."""

import numpy as np

from poolwise.policy.base import View
from poolwise.policy.uses import Uses
from poolwise.posterior.joint import Joint, prior_scales
from poolwise.posterior.options import Options
from poolwise.posterior.schedule import due
from poolwise.posterior.unit import Scaled
from poolwise.replay.settings import Settings

_SURE = (1e6, 1e-3)
"""Pseudo-counts of success and failure: what a failure costs is in its utility already."""
_KNOWN = 1e-6
"""Standard deviation of what is known, as a part of the unit of utility."""


class Learner:
    """Mutable shell of one run. `known`: utilities are differences to the baseline's, whose own is 0 by definition.

    Then the baseline's outcomes teach nothing, and are not learned: they would make the noise of its whole family
    look like none.
    """

    def __init__(self, family: np.ndarray, baseline: int, settings: Settings, *, known: bool = True) -> None:
        self._family, self._baseline, self._known, self._settings = np.asarray(family), baseline, known, settings
        success = np.tile(_SURE, (len(family), 1))
        # What a time-out costs is an outcome like any other here, however far from the rest.
        options = Options(outliers=None)
        self._belief = Scaled(lambda: Joint(prior_scales(self._family, success), 0.0, options=options))
        self._uses = Uses(settings.horizon)

    def view(self, project: int, context: int, allowed: np.ndarray) -> View:
        """What the policy sees of one job; counts it as a use of its context."""
        look = self._belief.look(project, context)
        if self._known:
            for part, value in zip(look, (0.0, _KNOWN, _KNOWN, None, 0.0, _KNOWN), strict=True):
                if value is not None:
                    part[..., self._baseline] = value * self._belief.unit
        scalars = self._uses.context(project, context)
        self._uses.decided(project, context)
        return View(
            mean=look.mean,
            scale=look.scale,
            noise=look.noise,
            allowed=allowed,
            count=look.count,
            family=self._family,
            baseline=self._baseline,
            wider_mean=look.wider_mean,
            wider_scale=look.wider_scale,
            context=scalars,
        )

    def learn(self, project: int, context: int, arm: int, utility: float) -> None:
        """One outcome; the scales are estimated again when that is due."""
        self._uses.observed(project, context, float("nan"))
        if self._known and arm == self._baseline:
            return
        self._belief.learn(project, context, arm, utility)
        if due(self._settings.reestimate_every, self._belief.outcomes, self._belief.estimated):
            self._belief.reestimate()
