"""The reduced form of large systems compiled by JAX: the algebra of `chunked_reduction`, on any device and on several.

Statistics lie as [arm, block, project, context]; what is padded has no outcome, which is exact. Arms are spread over
the devices of a mesh: each sends the sum of its messages to the tier above, (1 + C)^2 numbers, and a few sums of the
score.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

from poolwise.arrays import Array, Float
from poolwise.errors import RefitError
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.chunked_reduction import cores
from poolwise.posterior.crossed.gaussian_messages import CanonicalForm, collect, distribute
from poolwise.posterior.crossed.marginal_likelihood import Score
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales, cell_scale, noise_scale

_LOG_2PI = 1.8378770664093453
_BLOCK = 1 << 15
"""Cells of a block."""
_DEVICES = "devices"
_SAFE = (0, 10, 2)
"""JAX from which several CPU devices of one process are known to work: older ones were seen to wait for ever."""
_THREADS = 4
"""Of XLA's pool for each CPU device, at least: programs that wait for each other keep one, and where none was left for
what another had to compute, all waited for ever (systems of a million cells, two devices, two threads)."""


class Data(NamedTuple):
    """Statistics of cells."""

    count: Float[Array, "arm block project context"]
    mean: Float[Array, "arm block project context"]
    outcomes: Float[Array, "arm context"]
    deviation: Float[Array, "arm context"]


class EffectVariances(NamedTuple):
    """What the algebra takes of a `GaussianHyperparameters`: variances."""

    level: Array
    context: Array
    project: Array
    """Of an arm's effects; the next three of the globe's, with the mean of its level."""
    top_level: Array
    top_context: Array
    mean: Array
    cell: Array
    noise: Float[Array, "arm context"]


class Sums(NamedTuple):
    """Value and derivatives by logarithms: arm's level, context, project; globe's level, context; cell's variance
    (half); noise, (arms, contexts)."""

    value: Array
    arm: Float[Array, "3"]
    globe: Float[Array, "2"]
    cell: Array
    noise: Float[Array, "arm context"]


class DeviceReduction:
    """Statistics on the devices, for searches and beliefs; arrays of the results are NumPy's."""

    def __init__(self, cells: CellMoments, device: str, most: int | None = None) -> None:
        """most: devices that are used; None: all. Raises RefitError where there is none, and MemoryError, as every
        call does, where the memory of one ends."""
        self._shape = cells.count.shape
        self._mesh = _mesh(device, most)
        _, contexts, arms = self._shape
        size = max(_BLOCK // contexts, 16)
        with jax.enable_x64(), jax.default_device(self._mesh.devices.flat[0]), _memory(device):
            parts = _packed(cells, min(size, self._shape[0]), -arms % self._mesh.size)
            placed = [jax.device_put(part, NamedSharding(self._mesh, Spec(_DEVICES))) for part in parts]
            self._data = Data(*jax.block_until_ready(placed))

    @property
    def bytes_by_device(self) -> dict[str, int]:
        """What statistics take on each device; a call takes a few blocks more."""
        found: dict[str, int] = {}
        for part in self._data:
            for shard in part.addressable_shards:
                found[str(shard.device)] = found.get(str(shard.device), 0) + shard.data.nbytes
        return found

    def score(self, scales: GaussianHyperparameters) -> tuple[float, Score]:
        """As `marginal_likelihood.log_marginal_likelihood_reduced`."""
        found = self._call(_score, scales)
        arms = self._shape[2]
        none = TierScales(0.0, 0.0, 0.0, 0.0)
        tiers = (TierScales._make([*found.arm, 0.0]), none, TierScales._make([*found.globe, 0.0, 0.0]))
        with_cell = [t._replace(cell=found.cell * s.cell**2) for t, s in zip(tiers, scales[:3], strict=True)]
        return float(found.value), Score(with_cell[0], with_cell[1], with_cell[2], found.noise[:arms].T)

    def beliefs(self, scales: GaussianHyperparameters) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of every cell [project, context, arm]."""
        projects, contexts, arms = self._shape
        parts = (part.reshape(part.shape[0], -1, contexts)[:arms, :projects] for part in self._call(_marginals, scales))
        mean, scale = (np.moveaxis(part, 0, 2) for part in parts)
        return mean, scale

    def _call(self, function: Callable[..., Any], scales: GaussianHyperparameters) -> Any:
        with jax.enable_x64(), single_blas(), _memory(self._mesh.devices.flat[0].platform):
            variances = _scales(scales, self._shape[1], self._data.count.shape[0])
            return jax.tree.map(np.asarray, _compiled(function, self._mesh)(variances, self._data))


@contextmanager
def _memory(device: str) -> Iterator[None]:
    """Raises MemoryError where that of a device ends."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(f"the memory of the {device} ended") from error


def _mesh(device: str, most: int | None) -> Mesh:
    try:
        found = jax.devices(device)[:most]
    except RuntimeError as error:
        raise RefitError(
            f"JAX sees no {device} here: install a JAX with support for it, or use --device cpu"
        ) from error
    version = tuple(map(int, re.findall(r"\d+", jax.__version__)[:3]))
    if device == "cpu" and len(found) > 1 and version < _SAFE:
        raise RefitError(
            f"JAX {jax.__version__} may wait for ever with {len(found)} CPU devices in one process: use JAX 0.10.2 or "
            "newer, or leave jax_num_cpu_devices at 1"
        )
    if device == "cpu" and len(found) > 1 and _threads() < _THREADS * len(found):
        raise RefitError(
            f"{len(found)} CPU devices with {_threads()} threads may wait for each other for ever: start this process "
            f"with NPROC={_THREADS * len(found)} in its environment, or with one device"
        )
    return Mesh(np.array(found), (_DEVICES,))


def _threads() -> int:
    """Of XLA's pool, as it counts them."""
    given = os.environ.get("NPROC", "")
    return int(given) if given.isdigit() and int(given) else cores()


@cache
def _compiled(function: Callable[..., Any], mesh: Mesh) -> Callable[[EffectVariances, Data], Any]:
    along, everywhere = Spec(_DEVICES), Spec()
    variances = EffectVariances._make([*[everywhere] * (len(EffectVariances._fields) - 1), along])
    out = Sums._make([*[everywhere] * 4, along]) if function is _score else (along, along)
    sharded = jax.shard_map(
        function, mesh=mesh, in_specs=(variances, Data(*[along] * 4)), out_specs=out, check_vma=False
    )
    return jax.jit(sharded)


def _packed(cells: CellMoments, size: int, more: int) -> list[np.ndarray]:
    """Arrays of `Data` with so many projects a block, and so many arms more."""
    projects, contexts, _ = cells.count.shape
    blocks = -(-projects // size)

    def blocked(part: np.ndarray) -> np.ndarray:
        wide = np.pad(np.moveaxis(part, 2, 0), ((0, more), (0, blocks * size - projects), (0, 0)))
        return wide.reshape(-1, blocks, size, contexts)

    sums = [np.pad(part.sum(0).T, ((0, more), (0, 0))) for part in (cells.count, cells.deviation)]
    return [blocked(cells.count), blocked(cells.mean), *sums]


def _scales(scales: GaussianHyperparameters, contexts: int, arms: int) -> EffectVariances:
    noise = np.broadcast_to(noise_scale(scales, contexts), (contexts, len(scales.noise))).T
    noise = np.pad(noise, ((0, arms - len(noise)), (0, 0)), mode="edge") ** 2
    own = [float(scale) ** 2 for scale in scales.arm[:3]]
    top = [float(scale) ** 2 for scale in scales.globe[:2]]
    cell = float(cell_scale(scales, False)) ** 2
    return EffectVariances._make([*own, *top, float(scales.mean), cell, np.ascontiguousarray(noise)])


class _Solved(NamedTuple):
    """Evidence; of level and contexts: conditionals of the arms, marginal of the globe, variances, marginals of the
    arms."""

    evidence: Array
    arm: tuple[Array, Array]
    top: tuple[Array, Array]
    variance: tuple[Array, Array]
    marginal: tuple[Array, Array]


def _solve(variances: EffectVariances, data: Data) -> _Solved:
    contexts = data.count.shape[-1]
    leaves = lax.map(partial(_of_arm, variances), (data.count, data.mean, variances.noise))
    blocks, rows = data.count.shape[1:3]
    noise = jnp.log(variances.noise)
    own = data.outcomes * (_LOG_2PI + noise) + data.deviation / variances.noise - blocks * rows * noise
    leaves = leaves._replace(constant=leaves.constant - 0.5 * own.sum(1))
    below = jnp.concatenate([variances.level[None], jnp.full(contexts, variances.context)])
    above = jnp.concatenate([variances.top_level[None], jnp.full(contexts, variances.top_context)])
    message, arm = collect(leaves, below)
    total = CanonicalForm(*lax.psum(tuple(part.sum(0) for part in message), _DEVICES))
    start = variances.mean * (jnp.arange(contexts + 1) == 0)
    total = total._replace(
        information=total.information + start / above, constant=total.constant - 0.5 * (start**2 / above).sum()
    )
    found, top = collect(total, above)
    marginal = distribute(arm, below, top.mean, top.covariance)
    return _Solved(found.constant, arm[:2], top[:2], (below, above), marginal)


def _of_arm(variances: EffectVariances, part: tuple[Array, Array, Array]) -> CanonicalForm:
    """Over level and contexts, project effects integrated out block by block."""
    count, mean, noise = part
    found = _each_block(partial(_aggregate, variances, noise), count, mean)
    product, level, column, information, constant = found
    lower = jnp.diag(jnp.concatenate([jnp.zeros(1), column])) - product
    precision = lower.at[0].add(jnp.concatenate([level[None], column])).at[1:, 0].add(column)
    return CanonicalForm(precision, information, constant)


def _aggregate(variances: EffectVariances, noise: Array, count: Array, mean: Array) -> tuple[Array, ...]:
    """Sums of one block (projects, contexts) of one arm."""
    variance = count * variances.cell + noise
    weight = count / variance
    alone, product = weight.sum(1), weight * mean
    own, own_information = alone + 1 / variances.project, product.sum(1)
    root = lax.rsqrt(own)
    coupling = jnp.concatenate([(alone * root)[:, None], weight * root[:, None]], 1)
    white = own_information * root
    evidence = (
        (white**2).sum() - jnp.log(own * variances.project).sum() - (product * mean).sum() - jnp.log(variance).sum()
    )
    information = jnp.concatenate([own_information.sum()[None], product.sum(0)]) - white @ coupling
    return coupling.T @ coupling, alone.sum(), weight.sum(0), information, 0.5 * evidence


def _back(
    variances: EffectVariances, noise: Array, count: Array, mean: Array, centre: Array, covariance: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Weights; mean and variance of projects' effects; mean and variance of the sum of the effects of every cell."""
    weight = count / (count * variances.cell + noise)
    alone = weight.sum(1)
    own = alone + 1 / variances.project
    gain = jnp.concatenate([(alone / own)[:, None], weight / own[:, None]], 1)
    moved = gain @ covariance
    effect = (weight * mean).sum(1) / own - gain @ centre
    variance = 1 / own + (gain * moved).sum(1)
    along = jnp.diagonal(covariance)[1:] + covariance[0, 0] + 2 * covariance[0, 1:]
    sum_variance = along - 2 * moved[:, 1:] + (variance - 2 * moved[:, 0])[:, None]
    return weight, effect, variance, effect[:, None] + centre[0] + centre[1:], sum_variance


def _score(variances: EffectVariances, data: Data) -> Sums:
    found = _solve(variances, data)
    (covariance, own), (above, mean), (below, top) = found.arm, found.top, found.variance
    back = covariance / below - jnp.eye(len(below))
    second = (own + back @ mean) ** 2 + jnp.diagonal(covariance, axis1=1, axis2=2) + ((back @ above) * back).sum(2)
    excess = (second / below - 1).sum(0)
    start = variances.mean * (jnp.arange(len(below)) == 0)
    globe = ((mean - start) ** 2 + jnp.diagonal(above)) / top - 1

    def of_arm(part: tuple[Array, ...]) -> tuple[Array, Array]:
        count, mean, noise, centre, covariance = part

        def summed(count: Array, mean: Array) -> tuple[Array, Array]:
            weight, effect, variance, at, wide = _back(variances, noise, count, mean, centre, covariance)
            square = weight * ((mean - at) ** 2 + wide)
            return jnp.stack([weight.sum(0), square.sum(0), (weight * square).sum(0)]), (effect**2 + variance).sum()

        return _each_block(summed, count, mean)

    sums, projects = lax.map(of_arm, (data.count, data.mean, variances.noise, *found.marginal))
    one, first, squares = sums[:, 0], sums[:, 1], sums[:, 2]
    by_project = projects.sum() / variances.project - np.prod(data.count.shape[:3])
    arm, cell = lax.psum((jnp.stack([excess[0], excess[1:].sum(), by_project]), (squares - one).sum()), _DEVICES)
    noise = data.deviation / variances.noise - data.outcomes + first + variances.cell * (one - squares)
    return Sums(found.evidence, arm, jnp.stack([globe[0], globe[1:].sum()]), cell, noise)


def _marginals(variances: EffectVariances, data: Data) -> tuple[Array, Array]:
    """Mean and standard deviation of every cell."""
    marginal = _solve(variances, data).marginal

    def of_arm(part: tuple[Array, ...]) -> tuple[Array, Array]:
        count, mean, noise, centre, covariance = part

        def believed(_: None, block: tuple[Array, Array]) -> tuple[None, tuple[Array, Array]]:
            weight, _, _, at, wide = _back(variances, noise, *block, centre, covariance)
            shrinkage = 1 - variances.cell * weight
            return None, (
                block[1] + shrinkage * (at - block[1]),
                jnp.sqrt(shrinkage * (shrinkage * wide + variances.cell)),
            )

        found: tuple[Array, Array] = lax.scan(believed, None, (count, mean))[1]
        return found

    found: tuple[Array, Array] = lax.map(of_arm, (data.count, data.mean, variances.noise, *marginal))
    return found


def _each_block(function: Callable[[Array, Array], Any], count: Array, mean: Array) -> Any:
    """Sum of a function over the blocks of one arm."""
    zero = jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), jax.eval_shape(function, count[0], mean[0]))
    add = lambda total, part: (jax.tree.map(jnp.add, total, function(*part)), None)
    return lax.scan(add, zero, (count, mean))[0]
