"""Effects that outcomes cannot tell apart share the scale of one of them."""

import numpy as np
import pytest

from benchmarks.replay.shared_scales import identified
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR


def sums(cells, *groups):
    """Of the squared medians of blocks of an arm, for outcomes in these cells, over those of the first of each."""
    tier, usual = (identified(HYPERPRIOR, np.array(cells)[:, :, None]).median.arm, HYPERPRIOR.median.arm)
    return [sum(tier[block] ** 2 for block in group) / usual[group[0]] ** 2 for group in groups]


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        ([[0]], [(0, 1, 2, 3)]),
        ([[1]], [(0, 1, 2, 3)]),
        ([[1, 3], [0, 0]], [(0, 2), (1, 3)]),
        ([[1, 0], [2, 0]], [(0, 1), (2, 3)]),
        ([[1, 1, 0], [0, 0, 1]], [(0,), (1, 3), (2,)]),
        ([[1, 0], [1, 0], [0, 1]], [(0,), (1,), (2, 3)]),
        ([[1, 0], [0, 1]], [(0,), (1, 2, 3)]),
        ([[1, 1], [1, 0]], [(0,), (1,), (2,), (3,)]),
    ],
)
def test_a_group_varies_as_its_first_block_alone(cells, groups):
    assert sums(cells, *groups) == pytest.approx(np.ones(len(groups)))


def test_how_a_sum_is_split_stays():
    tier = identified(HYPERPRIOR, np.ones((1, 5, 3))).median.family
    assert tier.level / tier.project == pytest.approx(HYPERPRIOR.median.family.level / HYPERPRIOR.median.family.project)
    assert tier.context / tier.cell == pytest.approx(HYPERPRIOR.median.family.context / HYPERPRIOR.median.family.cell)
