"""Four projects: which contexts their goals come from, how often, and in which shapes and sizes.

`linear` is common and cheap, `nonlinear` rare and expensive. Sizes are set so that Z3's default needs some 10 to 100 ms.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from poolwise.errors import InputError
from poolwise.workloads.z3.script import Goal
from poolwise.workloads.z3.shapes import array, bitvector, combinatorial, linear, nonlinear, quantifier

CONTEXTS = ("linear", "bitvector", "array", "combinatorial", "quantifier", "nonlinear")


class Shape(NamedTuple):
    """A generator, and for each of its arguments the values that are drawn from."""

    generator: Callable[..., Goal]
    arguments: Mapping[str, Sequence[Any]]


def shape(generator: Callable[..., Goal], **arguments: Sequence[Any]) -> Shape:
    return Shape(generator, arguments)


class Project(NamedTuple):
    """How often each context occurs (weights that sum to 1), and its shapes, drawn alike."""

    weights: Mapping[str, float]
    shapes: Mapping[str, Sequence[Shape]]


BOTH = (False, True)

PROJECTS: dict[str, Project] = {
    "hardware": Project(
        dict(zip(CONTEXTS, (0.25, 0.35, 0.15, 0.12, 0.07, 0.06), strict=True)),
        {
            "linear": [shape(linear.timing_closure, cells=range(50, 70), edges=range(130, 160))],
            "bitvector": [shape(bitvector.datapath, width=[5, 6], depth=[3], equal=[True]), shape(bitvector.factoring, width=[10, 11], composite=BOTH)],
            "array": [shape(array.swap_network, size=[6, 7], rounds=[3], valid=[True]), shape(array.store_order, stores=range(20, 30), valid=[True])],
            "combinatorial": [shape(combinatorial.assignment, items=[8], places=[7], allowed=[0.6, 0.7], encoding=["int"]), shape(combinatorial.colouring, nodes=range(28, 36), colours=[4], density=[0.3], encoding=["int"], planted=[False])],
            "quantifier": [shape(quantifier.partial_order, elements=[7, 8], extra=range(4, 9), cyclic=[False]), shape(quantifier.definitions, functions=range(14, 18), valid=[True])],
            "nonlinear": [shape(nonlinear.index_bounds, dimensions=[3], valid=BOTH)],
        },
    ),
    "scheduling": Project(
        dict(zip(CONTEXTS, (0.40, 0.10, 0.12, 0.25, 0.05, 0.08), strict=True)),
        {
            "linear": [shape(linear.job_shop, jobs=[7], machines=[3], slack=[-0.02]), shape(linear.job_shop, jobs=[8, 9, 10], machines=[5, 6], slack=[0.0, 0.05])],
            "bitvector": [shape(bitvector.calendar, width=[64], people=range(12, 17))],
            "array": [shape(array.stock_table, tasks=range(14, 18), shelves=[7, 8], share=[0.3, 0.4])],
            "combinatorial": [shape(combinatorial.colouring, nodes=range(40, 52), colours=[4], density=[0.3], encoding=["int"], planted=[True]), shape(combinatorial.assignment, items=range(13, 16), places=[16], allowed=[0.4], encoding=["int"])],
            "quantifier": [shape(quantifier.bounded_model, size=range(30, 45), points=range(15, 21), feasible=[True])],
            "nonlinear": [shape(nonlinear.rate_plan, stages=[6, 7], feasible=[True]), shape(nonlinear.rate_plan, stages=[5], feasible=[False])],
        },
    ),
    "algebra": Project(
        dict(zip(CONTEXTS, (0.25, 0.18, 0.12, 0.20, 0.12, 0.13), strict=True)),
        {
            "linear": [shape(linear.diophantine, unknowns=[6, 7], equations=[3])],
            "bitvector": [shape(bitvector.mixing, width=[24], rounds=[4, 5, 6]), shape(bitvector.factoring, width=[10, 11], composite=BOTH)],
            "array": [shape(array.swap_network, size=[6, 7], rounds=[3], valid=[False])],
            "combinatorial": [shape(combinatorial.latin_square, order=[10, 11], holes=[0.5])],
            "quantifier": [shape(quantifier.partial_order, elements=[7, 8], extra=range(4, 9), cyclic=[False]), shape(quantifier.definitions, functions=range(14, 18), valid=[True])],
            "nonlinear": [shape(nonlinear.linkage, joints=[4]), shape(nonlinear.rate_plan, stages=[6, 7], feasible=[True])],
        },
    ),
    "verification": Project(
        dict(zip(CONTEXTS, (0.35, 0.20, 0.20, 0.08, 0.12, 0.05), strict=True)),
        {
            "linear": [shape(linear.path_condition, steps=range(16, 20), variables=[4, 5], valid=BOTH)],
            "bitvector": [shape(bitvector.overflow, width=[20], terms=[4, 5]), shape(bitvector.mixing, width=[24], rounds=[4, 5])],
            "array": [shape(array.store_order, stores=range(20, 30), valid=BOTH), shape(array.swap_network, size=[6, 7], rounds=[3], valid=BOTH)],
            "combinatorial": [shape(combinatorial.covering, tests=[45, 50], demands=[45, 50], budget=[9, 10], feasible=BOTH), shape(combinatorial.colouring, nodes=range(28, 36), colours=[4], density=[0.3], encoding=["int"], planted=[False])],
            "quantifier": [shape(quantifier.array_invariant, steps=range(20, 30), valid=[True]), shape(quantifier.inheritance, classes=[7, 8], methods=[2, 3], valid=[False])],
            "nonlinear": [shape(nonlinear.index_bounds, dimensions=[3], valid=BOTH), shape(nonlinear.index_bounds, dimensions=[3], valid=[True])],
        },
    ),
}


def goal(project: str, context: str, number: int, seed: int) -> Goal:
    """Goal `number` of a (project, context): a function of these four alone, the same in every process."""
    if project not in PROJECTS or context not in CONTEXTS:
        raise InputError(f"no goals for ({project!r}, {context!r}): projects are {sorted(PROJECTS)}, contexts {CONTEXTS}")
    rng = Random(f"{seed}/{project}/{context}/{number}")
    chosen = rng.choice(PROJECTS[project].shapes[context])
    return chosen.generator(rng, **{name: rng.choice(values) for name, values in chosen.arguments.items()})
