"""Large systems on devices, and by blocks in NumPy from the moment the memory of one ends, which is said.

How much of each device's memory the statistics take is told to the log of progress.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from poolwise.posterior.crossed.chunked_reduction import stacked
from poolwise.posterior.crossed.marginal_likelihood import Score, log_marginal_likelihood_reduced
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters
from poolwise.progress import log


def score(cells: CellMoments, device: str) -> Callable[[GaussianHyperparameters], tuple[Any, Score]]:
    """The likelihood and its derivatives, computed there as long as that goes. Raises RefitError where there is no such
    device."""
    reduction: Any = on_device(cells, device)
    blocks: Any = None

    def here(scales: GaussianHyperparameters) -> tuple[Any, Score]:
        nonlocal reduction, blocks
        if reduction is not None:
            try:
                return reduction.score(scales)
            except MemoryError as error:
                reduction = None
                _say(error)
        blocks = stacked(cells) if blocks is None else blocks
        return log_marginal_likelihood_reduced(scales, blocks)

    return here


def beliefs(cells: CellMoments, device: str, scales: GaussianHyperparameters) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and standard deviation of every cell; None where memory ended."""
    reduction = on_device(cells, device)
    try:
        return None if reduction is None else reduction.beliefs(scales)
    except MemoryError as error:
        _say(error)
        return None


def on_device(cells: CellMoments, device: str) -> Any:
    """`compiled_reduction.DeviceReduction`; None where memory ended. Raises RefitError where there is no device."""
    from poolwise.posterior.crossed.compiled_reduction import DeviceReduction  # JAX, where it is asked for

    try:
        made = DeviceReduction(cells, device)
    except MemoryError as error:
        _say(error)
        return None
    taken = made.bytes_by_device
    log.info(
        "%s cells on %d device%s: %.1f MB of statistics on each",
        f"{cells.count.size:,}",
        len(taken),
        "s" * (len(taken) > 1),
        max(taken.values()) / 1e6,
    )
    return made


def _say(error: MemoryError) -> None:
    log.warning("%s: by blocks in NumPy from here, slower and with the same result", error)
