"""Shapes in annotations hold: the records of a posterior have the axes that they are annotated with."""

from typing import Annotated, get_args, get_origin, get_type_hints

import jaxtyping
import numpy as np
import pytest

from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.chunked_reduction import stacked
from poolwise.posterior.gp import gp_filter
from poolwise.posterior.gp.gp_marginal_likelihood import observed_cells
from tests.posterior.crossed.test_batch import SHAPE, scales
from tests.posterior.gp import test_coregionalisation as surface
from tests.posterior.test_laws import Form, made


def shapes(hint) -> list:
    """What an annotation says of axes, as types of jaxtyping; of an annotation that leaves a choice, each."""
    if get_origin(hint) is Annotated:
        array, kind, axes = get_args(hint)
        return [getattr(jaxtyping, kind)[array, axes]]
    return [shape for one in get_args(hint) for shape in shapes(one)]


def mismatches(record) -> list[str]:
    """Fields of a NamedTuple that are not what its annotations say, one length to an axis."""
    hints = get_type_hints(type(record), include_extras=True)
    said = {name: found for name, hint in hints.items() if (found := shapes(hint))}
    with jaxtyping.jaxtyped("context"):
        return [
            name
            for name, found in said.items()
            if getattr(record, name) is not None and not any(isinstance(getattr(record, name), one) for one in found)
        ]


@pytest.mark.parametrize("families", [0, 2])
def test_records_have_the_axes_they_are_annotated_with(families):
    belief = made(Form(families, SHAPE[:2], "numpy"), scales(1, families > 0))
    belief.update(0, 1, 2, 0.5, True)
    serving = belief.serving()
    records = (belief.statistics(), belief.cells(), belief.predict(0, 1), serving.state, serving.constants)
    assert [mismatches(record) for record in records] == [[]] * len(records)


def test_the_state_of_a_surface_has_its_axes():
    rows = [np.arange(60) % size for size in surface.SHAPE]
    stats = SufficientStatistics.of(*rows, np.linspace(-1.0, 1.0, 60), shape=surface.SHAPE)
    state = gp_filter.init(surface.FIT, stats)
    records = (surface.GROUND, state, state.model, state.points, observed_cells(stats), stacked(state.cells))
    assert [mismatches(record) for record in records] == [[]] * len(records)


def test_a_wrong_axis_is_found():
    belief = made(Form(0, SHAPE[:2], "numpy"), scales(1, families=False))
    found = belief.predict(0, 1)
    assert mismatches(found._replace(scale=found.scale[:2])) == ["scale"]
    assert mismatches(surface.GROUND._replace(family=np.zeros(34))) == ["family"]
