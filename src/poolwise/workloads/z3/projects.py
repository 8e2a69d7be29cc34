"""Four projects: which contexts their goals come from, how often, and in which shapes and sizes.

`linear` is common and cheap, `nonlinear` rare and expensive. Sizes are such that Z3's default needs some 10 to 100 ms.
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


def weights(*values: float) -> dict[str, float]:
    return dict(zip(CONTEXTS, values, strict=True))


BOTH = (False, True)
TIMING = shape(linear.timing_closure, cells=range(50, 70), edges=range(130, 160))
JOB_SHOP = shape(linear.job_shop, jobs=[7], machines=[3], slack=[-0.02])
DIOPHANTINE = shape(linear.diophantine, unknowns=[8], equations=[3])
PATH = shape(linear.path_condition, steps=range(16, 20), variables=[4, 5], valid=BOTH)
FACTORING = shape(bitvector.factoring, width=[10, 11], composite=BOTH)
MIXING = shape(bitvector.mixing, width=[24], rounds=[4, 5, 6])
OVERFLOW = shape(bitvector.overflow, width=[20], terms=[4, 5])
CALENDAR = shape(bitvector.calendar, width=[64], people=range(12, 17))
STORES = shape(array.store_order, stores=range(30, 40), valid=BOTH)
STOCK = shape(array.stock_table, tasks=range(14, 18), shelves=[7, 8], share=[0.3, 0.4])
SORTED = shape(array.swap_network, size=[6, 7], rounds=[3], valid=[True])
DERANGED = shape(array.swap_network, size=[7], rounds=[3], valid=[False])
PIGEONS = shape(combinatorial.assignment, items=[8], places=[7], allowed=[0.6, 0.7])
CREWS = shape(combinatorial.assignment, items=range(13, 16), places=[16], allowed=[0.4])
CLIQUE = shape(combinatorial.colouring, nodes=range(28, 36), colours=[4], density=[0.3], planted=[False])
TIMETABLE = shape(combinatorial.colouring, nodes=range(40, 52), colours=[4], density=[0.3], planted=[True])
LATIN = shape(combinatorial.latin_square, order=[10], holes=[0.5])
COVERING = shape(combinatorial.covering, tests=[45, 50], demands=[45, 50], budget=[9, 10], feasible=BOTH)
ORDER = shape(quantifier.partial_order, elements=[7, 8], extra=range(4, 9))
DEFINITIONS = shape(quantifier.definitions, functions=range(26, 32))
MODEL = shape(quantifier.bounded_model, size=range(30, 45), points=range(15, 21))
INVARIANT = shape(quantifier.array_invariant, steps=range(20, 30))
HIERARCHY = shape(quantifier.inheritance, classes=[7, 8], methods=[2, 3])
INDEX = shape(nonlinear.index_bounds, dimensions=[3], valid=BOTH)
TENSOR = shape(nonlinear.index_bounds, dimensions=[4], valid=[False])
FAST_ENOUGH = shape(nonlinear.rate_plan, stages=[7, 8], feasible=[True])
TOO_MUCH = shape(nonlinear.rate_plan, stages=[5], feasible=[False])
LINKAGE = shape(nonlinear.linkage, joints=[4])

PROJECTS: dict[str, Project] = {
    "hardware": Project(
        weights(0.28, 0.28, 0.14, 0.18, 0.06, 0.06),
        {
            "linear": [TIMING],
            "bitvector": [FACTORING, OVERFLOW],
            "array": [SORTED, STORES],
            "combinatorial": [PIGEONS, CLIQUE],
            "quantifier": [ORDER, DEFINITIONS],
            "nonlinear": [INDEX],
        },
    ),
    "scheduling": Project(
        weights(0.36, 0.12, 0.12, 0.28, 0.05, 0.07),
        {
            "linear": [JOB_SHOP, TIMING],
            "bitvector": [CALENDAR],
            "array": [STOCK],
            "combinatorial": [TIMETABLE, CREWS],
            "quantifier": [MODEL],
            "nonlinear": [FAST_ENOUGH, TOO_MUCH],
        },
    ),
    "algebra": Project(
        weights(0.26, 0.18, 0.12, 0.24, 0.10, 0.10),
        {
            "linear": [DIOPHANTINE],
            "bitvector": [MIXING, FACTORING],
            "array": [DERANGED],
            "combinatorial": [LATIN],
            "quantifier": [ORDER, DEFINITIONS],
            "nonlinear": [LINKAGE, FAST_ENOUGH],
        },
    ),
    "verification": Project(
        weights(0.32, 0.20, 0.18, 0.14, 0.10, 0.06),
        {
            "linear": [PATH],
            "bitvector": [OVERFLOW, MIXING],
            "array": [STORES, SORTED],
            "combinatorial": [COVERING, CLIQUE],
            "quantifier": [INVARIANT, HIERARCHY],
            "nonlinear": [INDEX, TENSOR],
        },
    ),
}

SHAPES = sorted({s.generator.__name__ for p in PROJECTS.values() for shapes in p.shapes.values() for s in shapes})


def goal(project: str, context: str, number: int, seed: int) -> Goal:
    """Goal `number` of a (project, context): a function of these four alone, the same in every process."""
    if project not in PROJECTS or context not in CONTEXTS:
        raise InputError(
            f"no goals of ({project!r}, {context!r}): projects are {sorted(PROJECTS)}, contexts {CONTEXTS}"
        )
    rng = Random(f"{seed}/{project}/{context}/{number}")
    chosen = rng.choice(PROJECTS[project].shapes[context])
    made = chosen.generator(rng, **{name: rng.choice(values) for name, values in chosen.arguments.items()})
    return made._replace(shape=chosen.generator.__name__)
