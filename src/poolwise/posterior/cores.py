"""Which form of the belief serves: each is a module with the same four functions.

start(fit, stats) -> state      absorb(state, project, context, arm, y, weight)      in place
look(state, project, context) -> online.Seen      stale(state) -> whether to `start` again
"""

from types import ModuleType

from poolwise.posterior import online, smooth, wide
from poolwise.posterior.gaussian import Fit, Statistics
from poolwise.posterior.scales import sizes


def core(fit: Fit, stats: Statistics) -> ModuleType:
    """`smooth` where arms resemble each other by their parameters, else `online`, or `wide` where that is too large."""
    if fit.ground is not None:
        return smooth
    return wide if wide.too_large(*sizes(stats)) else online
