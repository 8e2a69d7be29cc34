"""A project by itself: a tree of the sums that are asked for says what one of all four blocks says."""

import numpy as np
import pytest

from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters import gaussian
from poolwise.posterior.hyperparameters.gaussian import EffectLayout
from poolwise.posterior.recursive import effects

CONTEXTS, ARMS = 5, 6


@pytest.mark.parametrize("family", [None, (0, 0, 1, 1, 1, 2)], ids=["every arm its own", "families"])
def test_sums_of_effects_are_those_of_all_blocks(family):
    rng, shape = np.random.default_rng(3), (1, CONTEXTS, ARMS)
    count = rng.integers(0, 4, shape).astype(float)
    cells = CellMoments(count, np.where(count > 0, rng.normal(0, 0.5, shape), 0.0), 0.1 * count)
    families = 0 if family is None else 3
    index = np.arange(ARMS) if family is None else np.array(family)
    scales = gaussian.HYPERPRIOR.median._replace(noise=rng.uniform(0.1, 0.5, ARMS), mean=0.2)
    full, layout = EffectLayout(CONTEXTS, 1, True), EffectLayout(CONTEXTS, 0)
    # Without families a cell is no coordinate, and all of it is its arm's own: the globe's part is next to nothing.
    known = scales if families else gaussian.effective(scales, 0, shape)
    known = known if families else known._replace(globe=known.globe._replace(cell=1e-12))
    blocks = effects.init(cells, known, index, families, full)
    sums = effects.init(cells, gaussian.of_one_project(scales, families, shape), index, families, layout)
    for context in range(CONTEXTS):
        expected = effects.predict(blocks, full, family, ARMS, 0, full.at(0, context))
        found = effects.predict(sums, layout, family, ARMS, 0, layout.at(0, context))
        for part, other, rows in zip(found, expected, (2, 2, 1), strict=True):
            np.testing.assert_allclose(part[:rows], other[:rows], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("family", [None, (0, 0, 1, 1, 1, 2)], ids=["every arm its own", "families"])
@pytest.mark.parametrize("elicited", [False, True])
def test_projects_side_by_side_are_those_one_by_one(family, elicited):
    rng, shape, number = np.random.default_rng(4), (1, CONTEXTS, ARMS), 3
    families, index = (0, np.arange(ARMS)) if family is None else (3, np.array(family))
    scales = gaussian.HYPERPRIOR.median._replace(noise=rng.uniform(0.1, 0.5, ARMS), spread=rng.uniform(1, 2, CONTEXTS))
    if elicited:
        scales = scales._replace(elicited=gaussian.ElicitedOffset(rng.normal(size=ARMS), rng.uniform(size=ARMS)))
    known, layout = gaussian.of_one_project(scales, families, shape), EffectLayout(CONTEXTS, 0)
    own = [
        CellMoments(rng.uniform(0, 4, shape), rng.normal(size=shape), rng.uniform(size=shape)) for _ in range(number)
    ]
    alone = [effects.init(cells, known, index, families, layout) for cells in own]
    together = CellMoments(*(np.concatenate(parts, 2) for parts in zip(*own, strict=True)))
    place = np.concatenate([index + families * k for k in range(number)])
    side = effects.init(together, gaussian.repeated(known, number), place, families * number, layout, number)
    for part, parts in zip(side, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(part, np.concatenate(parts), rtol=1e-9, atol=1e-12)
