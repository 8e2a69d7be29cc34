"""Uses of many runs at once are those of each by itself."""

import numpy as np
import pytest

from poolwise.policy.uses import Uses
from poolwise.replay.occasions import Occasions

PROJECT, CONTEXT = np.array([0, 0, 1, 2]), np.array([0, 1, 0, 1])


@pytest.mark.parametrize("horizon", [None, 40.0])
def test_as_one_by_one(horizon: float | None) -> None:
    cells = np.random.default_rng(0).integers(4, size=(30, 2))
    both, single = Occasions(PROJECT, CONTEXT, horizon, 2), [Uses(horizon), Uses(horizon)]
    for row in cells:
        found = both.context(row)
        for run, uses in enumerate(single):
            at = (int(PROJECT[row[run]]), int(CONTEXT[row[run]]))
            np.testing.assert_allclose([part[run, 0] for part in found], uses.context(*at), err_msg=str(found._fields))
            uses.decided(*at)
            uses.observed(*at, float("nan"))
        both.decided(row)
        both.observed(row)
