"""A belief, and the last step towards one: a cell's effects joined with the cell's own deviation from them."""

from typing import Any, NamedTuple

from poolwise.arrays import Array, Float


class Marginals(NamedTuple):
    """Posterior mean and standard deviation, arrays of one shape."""

    mean: Float[Array, " ..."]
    scale: Float[Array, " ..."]


def combine_with_cell_data(
    effects: Float[Array, "... arm"], variance: Float[Array, "... arm"], cells: Any, cell: Array, noise: Array
) -> Marginals:
    """theta = effects + deviation, given the marginal of the effects (all data included) and the cell's own data.

    With n outcomes of mean y: r = noise^2 / (n cell^2 + noise^2), mean r effects + (1 - r) y, variance
    r^2 variance + r cell^2.
    """
    square, between = noise * noise, cell * cell
    shrinkage = square / (cells.count * between + square)
    mean = cells.mean + shrinkage * (effects - cells.mean)
    return Marginals(mean, (shrinkage * (shrinkage * variance + between)) ** 0.5)
