"""Success as a hierarchical Bernoulli with domain priors: family -> arm -> (context, arm) -> (project, context, arm).

    p[a] ~ Beta(successes, failures)                     pseudo-counts of the arm's family, what an expert expects
    p[c,a] ~ Beta(kappa_context p[a], kappa_context (1 - p[a]))
    p[p,c,a] ~ Beta(kappa_cell p[c,a], kappa_cell (1 - p[c,a]))
    successes[p,c,a] ~ Binomial(n[p,c,a], p[p,c,a])      p[p,c,a] integrated out: beta-binomial
    kappa ~ LogNormal(log 20, 1)

kappa is how many outcomes of its own outweigh what a level borrows (Gelman and others 2013, section 5.3). Given the
rest p[p,c,a] is Beta again: `cells=True` draws it.
"""

from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import gammaln

_EDGE = 1e-6
"""Chances this close to 0 or 1 are held there: Beta densities with tiny pseudo-counts overflow at the edge itself."""


def bernoulli(count: Any, pseudo_counts: Any, data: Any = None, *, cells: bool = False) -> Any:
    """Success given how often each cell was tried; the chance of success with `cells`, else None.

    count, data (successes): [project, context, arm]; pseudo_counts: (arms, 2) of success and failure, > 0.
    Sites: `kappa_context`, `kappa_cell`, `chance_arm`, `chance_context`, `successes`; `chance` with `cells`.
    """
    _, contexts, arms = count.shape
    pseudo = jnp.asarray(pseudo_counts)
    kappa_context = numpyro.sample("kappa_context", dist.LogNormal(jnp.log(20.0), 1.0))
    kappa_cell = numpyro.sample("kappa_cell", dist.LogNormal(jnp.log(20.0), 1.0))
    arm = numpyro.sample("chance_arm", dist.Beta(pseudo[:, 0], pseudo[:, 1]).to_event(1))
    above = dist.Beta(*around(arm, kappa_context)).expand([contexts, arms])
    a, b = around(numpyro.sample("chance_context", above.to_event(2)), kappa_cell)
    likelihood = BetaBinomial(a, b, jnp.asarray(count)).to_event(3)
    seen = numpyro.sample("successes", likelihood, obs=data)
    return numpyro.sample("chance", dist.Beta(a + seen, b + count - seen).to_event(3)) if cells else None


def around(mean: Any, kappa: Any) -> tuple[Any, Any]:
    """Pseudo-counts of the Beta with the given mean and kappa of them in all."""
    inside = jnp.clip(mean, _EDGE, 1 - _EDGE)
    return kappa * inside, kappa * (1 - inside)


class BetaBinomial(dist.BetaBinomial):
    """NumPyro's, but by gammaln alone: jax 0.10's betaln has wrong compiled gradients where shapes broadcast."""

    def log_prob(self, value: Any) -> Any:
        """log C(n, k) B(a + k, b + n - k) / B(a, b)."""
        a, b, n = self.concentration1, self.concentration0, self.total_count
        ways = gammaln(n + 1.0) - gammaln(value + 1.0) - gammaln(n - value + 1.0)
        posterior = gammaln(a + value) + gammaln(b + n - value) - gammaln(a + b + n)
        return ways + posterior - gammaln(a) - gammaln(b) + gammaln(a + b)
