"""Hyperparameters of the crossed-effects model: one scale per block of effects, and the noise.

Every arm has an effect vector v[a] of q = 1 + C + P + P C coordinates (level, contexts, projects, cells). It is drawn
around the vector of its family, which is drawn around the global one:

    v[a] ~ N(z[f(a)], diag),  z[f] ~ N(z0, diag),  z0 ~ N((mean, 0 .. 0), diag)

with one standard deviation per tier (arm, family, globe) and block (level, context, project, cell). So what is special
about one (project, context) is shared by the arms of a family.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, namespace


class TierScales(NamedTuple):
    """Standard deviations of one tier's effects around the tier above, in units of the utility."""

    level: Array
    context: Array
    project: Array
    cell: Array = 0.0


class BorrowedEstimates(NamedTuple):
    """What other stores know of level + context of every arm, as outcomes without project, cell and noise of their own.

    [context, arm], contexts beyond the end: nothing is known. An estimate m with standard error s has precision
    1 / s^2 and information m / s^2; 0 and 0 say nothing.
    """

    precision: Float[Array, "context arm"]
    information: Float[Array, "context arm"]
    transposed: bool = False
    """Contexts are those effects that `canonical_form.reduced` integrates out."""


class ElicitedOffset(NamedTuple):
    """What an expert says of every arm: see `elicited_prior`."""

    offset: Float[Array, " arm"]
    """Utility around which the arm lies, where nothing else is known."""
    precision: Float[Array, " arm"]
    """Of a measurement that found the level of its family there, each arm an equal share of its family's."""


class GaussianHyperparameters(NamedTuple):
    """Standard deviations of the effects, and of the noise."""

    arm: TierScales
    family: TierScales
    globe: TierScales
    noise: Float[Array, " arm"]
    """Standard deviation of one outcome."""
    spread: Float[Array, " context"] = np.zeros(0)
    """Factors of it, 1 beyond their end."""
    mean: Array = 0.0
    """Of the global level."""
    pooled: BorrowedEstimates | None = None
    elicited: ElicitedOffset | None = None


class Hyperprior(NamedTuple):
    """Weak log-normal hyperpriors: medians, and the width of the logarithm of every scale."""

    median: GaussianHyperparameters = GaussianHyperparameters(
        TierScales(0.2, 0.3, 0.15, 0.3), TierScales(0.3, 0.5, 0.3, 0.5), TierScales(0.5, 0.2, 0.1, 0.05), 0.25
    )
    width: float = 0.5
    noise_width: float = 1.5
    """Of the noise that all families share; that of each family around it is `width`."""
    spread_width: float = 0.5
    """Of the noise of a context around that."""
    noise_floor: float = 0.01
    """Smallest noise, as a part of its median: outcomes that are all equal are precise, never exact."""


HYPERPRIOR = Hyperprior()


class EffectLayout(NamedTuple):
    """Which effects are kept as coordinates; the others are integrated out, cell by cell or project by project."""

    contexts: int
    projects: int
    cells: bool = False
    """Effects of every (project, context) are coordinates, so that families share them; otherwise the arm's own."""

    @property
    def size(self) -> int:
        return 1 + self.contexts + self.projects + self.projects * self.contexts * self.cells

    def variances(self, tier: TierScales, xp: Any) -> Float[Array, " effect"]:
        """Prior variances of a tier's effect vector."""
        blocks = np.array([1, self.contexts, self.projects, self.projects * self.contexts * self.cells])
        scales = xp.stack([xp.asarray(scale, dtype=float) for scale in tier])
        return xp.repeat(scales, blocks) ** 2

    def at(self, project: int, context: int) -> list[int]:
        """Coordinates that add up to the effects of one cell."""
        if not self.projects:
            return [0, 1 + context]
        own = [1 + self.contexts + self.projects + project * self.contexts + context] if self.cells else []
        return [0, 1 + context, 1 + self.contexts + project, *own]


_DENSE = 200_000
"""Arms times q^2 up to which cells are coordinates: an outcome costs microseconds."""


def layout(shape: tuple[int, ...], families: int) -> EffectLayout:
    """For statistics [project, context, arm]. Only families have a use for cells as coordinates."""
    projects, contexts, arms = shape
    full = EffectLayout(contexts, projects, True)
    return full if families and arms * full.size**2 <= _DENSE else EffectLayout(contexts, projects)


def cell_scale(scales: GaussianHyperparameters, cells: bool) -> Array:
    """Standard deviation of a cell around the sum of its arm's coordinates."""
    return 0.0 if cells else (scales.arm.cell**2 + scales.family.cell**2 + scales.globe.cell**2) ** 0.5


def effective(scales: GaussianHyperparameters, families: int, shape: tuple[int, ...]) -> GaussianHyperparameters:
    """The scales as statistics [project, context, arm] of this shape use them: without families these have no effects
    of their own, and where cells are no coordinates all of a cell is its arm's own."""
    if not layout(shape, families).cells:
        whole = cell_scale(scales, False)
        arm, family, globe = (t._replace(cell=0.0) for t in (scales.arm, scales.family, scales.globe))
        scales = scales._replace(arm=arm._replace(cell=whole), family=family, globe=globe)
    return scales if families else scales._replace(family=TierScales(0.0, 0.0, 0.0, 0.0))


def of_one_project(scales: GaussianHyperparameters, families: int, shape: tuple[int, ...]) -> GaussianHyperparameters:
    """The scales of a project by itself, of which only sums of effects are known: level + project, context + cell."""
    known = effective(scales, families, (1, *shape[1:]))
    sums = lambda tier: TierScales(
        (tier.level**2 + tier.project**2) ** 0.5, (tier.context**2 + tier.cell**2) ** 0.5, 0.0, 0.0
    )
    return known._replace(arm=sums(known.arm), family=sums(known.family), globe=sums(known.globe))


def repeated(scales: GaussianHyperparameters, times: int) -> GaussianHyperparameters:
    """Of so many systems with the same scales, whose arms stand side by side."""
    elicited = scales.elicited and ElicitedOffset(*(np.tile(part, times) for part in scales.elicited))
    return scales._replace(noise=np.tile(scales.noise, times), elicited=elicited)


def noise_scale(scales: GaussianHyperparameters, contexts: int) -> Array:
    """(contexts, arms), or (arms,) where contexts do not differ: standard deviation of one outcome."""
    xp, known = namespace(scales.spread), scales.spread.shape[0]
    if not known:
        return scales.noise
    spread = xp.concatenate([scales.spread, xp.ones(max(contexts - known, 0))])[:contexts]
    return spread[:, None] * scales.noise


def borrowed_at(scales: GaussianHyperparameters, contexts: int) -> BorrowedEstimates | None:
    """`gaussian.pooled` with a row for each of so many contexts."""
    if scales.pooled is None:
        return None
    precision, information, transposed = scales.pooled
    rows = ((0, max(contexts - len(precision), 0)), (0, 0))
    return BorrowedEstimates(np.pad(precision, rows)[:contexts], np.pad(information, rows)[:contexts], transposed)


def to_dict(scales: GaussianHyperparameters) -> dict[str, Any]:
    """JSON numbers and lists of what was estimated; `from_dict` is its inverse, bit for bit."""
    tiers = {name: [float(value) for value in getattr(scales, name)] for name in ("arm", "family", "globe")}
    noise = {name: np.asarray(getattr(scales, name)).tolist() for name in ("noise", "spread")}
    return {**tiers, **noise, "mean": float(scales.mean)}


def from_dict(body: dict[str, Any]) -> GaussianHyperparameters:
    tiers = {name: TierScales(*body[name]) for name in ("arm", "family", "globe")}
    noise, spread = np.array(body["noise"]), np.array(body["spread"])
    return GaussianHyperparameters(tiers["arm"], tiers["family"], tiers["globe"], noise, spread, body["mean"])
