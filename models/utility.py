"""Success and utility joined into the one number that policies compare.

    utility[p,c,a] = p_ok[p,c,a] theta[p,c,a] + (1 - p_ok[p,c,a]) failure_utility

p_ok by `bernoulli` from all outcomes, theta by `gaussian` from those that succeeded: an early failure must not hide
that an arm is fast, so it teaches p_ok and leaves theta alone.
"""

from typing import Any, NamedTuple

import numpyro

from .bernoulli import bernoulli
from .effects import HYPERPRIOR, Hyperprior
from .gaussian import Summary, gaussian


class Design(NamedTuple):
    """What was tried; all [project, context, arm]."""

    tried: Any
    """Outcomes of any kind."""
    finished: Any
    """Successes with a known utility: what the Gaussian part rests on."""


class Outcomes(NamedTuple):
    """What was observed: successes among `tried`, and statistics of the utilities of `finished`."""

    successes: Any
    utilities: Summary


def utility(
    design: Design,
    pseudo_counts: Any,
    failure_utility: Any,
    family: Any = None,
    data: Outcomes | None = None,
    *,
    cells: bool = True,
    prior: Hyperprior = HYPERPRIOR,
) -> None:
    """The joint model. pseudo_counts: (arms, 2); failure_utility: scalar or (arms,).

    Sites: those of `bernoulli` and `gaussian`; with `cells` also theirs, and `utility` [project, context, arm].
    Fit without cells, which are then drawn exactly: `Predictive(utility, draws)`.
    """
    successes, summary = (None, None) if data is None else data
    chance = bernoulli(design.tried, pseudo_counts, successes, cells=cells)
    theta = gaussian(design.finished, family, summary, cells=cells, prior=prior)
    if cells:
        numpyro.deterministic("utility", chance * theta + (1 - chance) * failure_utility)
