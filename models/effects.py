"""Crossed effects of projects and contexts on every arm, in three tiers: globe, family, arm.

    theta[p,c,a] ~ effect + Normal(0, tau_cell^2),   effect[p,c,a] = v[a,level] + v[a,c] + v[a,p]
    v[a] ~ Normal(z[f(a)], D_arm)                    one vector of 1 + C + P effects per arm
    z[f] ~ Normal(z0, D_family)
    z0   ~ Normal((mean, 0 .. 0), D_global)
    D = diag(tau_level^2, tau_context^2 .. , tau_project^2 ..)    a tau for each tier and block
    tau  ~ LogNormal(log median, width)

With `shared` the vectors of globe and families hold one more effect for every (project, context), the block of the
cells: what is special about a cell is shared by the arms of a family.

A new project borrows what a context is like elsewhere and what it is like in its own other contexts (Gelman and Hill
2007, chapter 13). `tau_global_level` stays at its median: one draw says nothing about a scale.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer.reparam import LocScaleReparam

BLOCKS = ("level", "context", "project")
NON_CENTRED = {
    name: LocScaleReparam(0.0) for name in ("global_effects", "family_effects", "arm_effects", "theta", "level", "base")
}
"""For `numpyro.handlers.reparam(model, NON_CENTRED)`: where data are few, NUTS mixes only so (Betancourt and Girolami
2015); where they are many, leave out the sites that they determine."""


class Hyperprior(NamedTuple):
    """Medians of the log-normal priors of all scales, in units of the utility, and the widths of their logarithms."""

    arm: tuple[float, float, float] = (0.25, 0.35, 0.15)
    """Level, context, project."""
    family: tuple[float, float, float] = (0.3, 0.25, 0.15)
    globe: tuple[float, float, float] = (0.5, 0.2, 0.1)
    cell: float = 0.1
    """Of an arm's own cells."""
    family_cell: float = 0.3
    global_cell: float = 0.05
    noise: float = 0.25
    mean: float = 0.0
    width: float = 0.7
    noise_width: float = 1.5
    """Of the noise that all families share; that of each family around it is `width`."""
    spread_width: float = 0.5
    """Of the noise of a context around that, where contexts differ."""


HYPERPRIOR = Hyperprior()


def effects(
    shape: tuple[int, int, int], family: Any = None, prior: Hyperprior = HYPERPRIOR, *, shared: bool = False
) -> Any:
    """Sample all effects and their scales; effect [project, context, arm].

    shape: numbers of projects, contexts, arms. family: (arms,) index; None: arms hang at the globe directly.
    """
    projects, contexts, arms = shape
    size = 1 + contexts + projects
    wide = size + projects * contexts * shared
    scales = tier_scales(family is not None, prior, shared=shared)
    origin = prior.mean * (jnp.arange(wide) == 0)
    above = numpyro.sample("global_effects", dist.Normal(origin, _along(scales.globe, shape)).to_event(1))
    if family is not None:
        families = int(np.max(family)) + 1
        middle = dist.Normal(above, _along(scales.family, shape)).expand([families, wide])
        above = numpyro.sample("family_effects", middle.to_event(2))[np.asarray(family)]
    own = dist.Normal(above[..., :size], _along(scales.arm, shape)).expand([arms, size])
    v = numpyro.sample("arm_effects", own.to_event(2))
    effect = v[:, 0] + v[:, 1 + contexts :].T[:, None] + v[:, 1 : 1 + contexts].T[None]
    if not shared:
        return effect
    cells = jnp.broadcast_to(above[..., size:], (arms, projects * contexts))
    return effect + cells.T.reshape(shape)


class TierScales(NamedTuple):
    """Standard deviations of the effects of each tier: level, context, project, and cell where these are shared."""

    arm: tuple[Any, ...]
    family: tuple[Any, ...] | None
    globe: tuple[Any, ...]


def tier_scales(families: bool, prior: Hyperprior = HYPERPRIOR, *, shared: bool = False) -> TierScales:
    """Sample the scales of the effects, without the effects."""
    globe = _scales("global", prior.globe, prior.global_cell if shared else None, prior)
    family = _scales("family", prior.family, prior.family_cell if shared else None, prior) if families else None
    return TierScales(_scales("arm", prior.arm, None, prior), family, globe)


def noise(arms: int, family: Any = None, prior: Hyperprior = HYPERPRIOR) -> Any:
    """Noise of one outcome, (arms,): of each family, shrunk to a common one.

    sigma[f] ~ LogNormal(log sigma_common, width), sigma_common ~ LogNormal(log median, noise_width).
    """
    index = np.arange(arms) if family is None else np.asarray(family)
    common = numpyro.sample("sigma_common", dist.LogNormal(jnp.log(prior.noise), prior.noise_width))
    own = dist.LogNormal(jnp.log(common), prior.width).expand([int(index.max()) + 1])
    return numpyro.sample("sigma", own.to_event(1))[index]


def spread(contexts: int, prior: Hyperprior = HYPERPRIOR) -> Any:
    """Factors (contexts,) of the noise, where contexts differ: LogNormal(0, spread_width)."""
    return numpyro.sample("spread", dist.LogNormal(0.0, prior.spread_width).expand([contexts]).to_event(1))


def cell_scale(prior: Hyperprior = HYPERPRIOR) -> Any:
    """tau_cell: standard deviation of a cell around the sum of its effects."""
    return numpyro.sample("tau_cell", dist.LogNormal(jnp.log(prior.cell), prior.width))


def deviate(effect: Any, prior: Hyperprior = HYPERPRIOR) -> Any:
    """theta ~ Normal(effect, tau_cell^2), [project, context, arm]."""
    return numpyro.sample("theta", dist.Normal(effect, cell_scale(prior)).to_event(3))


def _scales(tier: str, medians: tuple[float, float, float], cell: float | None, prior: Hyperprior) -> tuple[Any, ...]:
    named = [*zip(BLOCKS, medians, strict=True), *([] if cell is None else [("cell", cell)])]
    return tuple(
        jnp.asarray(median)
        if (tier, block) == ("global", "level")
        else numpyro.sample(f"tau_{tier}_{block}", dist.LogNormal(jnp.log(median), prior.width))
        for block, median in named
    )


def _along(scales: Any, shape: tuple[int, int, int]) -> Any:
    """The standard deviation of every effect of a tier's vector."""
    blocks = np.array([1, shape[1], shape[0], shape[0] * shape[1]])[: len(scales)]
    return jnp.repeat(jnp.stack(scales), blocks, total_repeat_length=int(blocks.sum()))
