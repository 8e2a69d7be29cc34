"""What a caller reports becomes a utility, or one clear line."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.engine.outcomes import outcome, outcomes
from poolwise.engine.settings import Settings
from poolwise.errors import ConfigError, OutcomeError
from poolwise.posterior.hyperparameters.refit_schedule import due

SETTINGS = Settings()
costs = st.none() | st.floats(1e-6, 1e6)


@pytest.mark.parametrize(
    ("report", "utility"),
    [
        ({"utility": 0.25}, 0.25),
        ({"cost": 0.5, "baseline_cost": 1.0}, math.log(2)),
        ({"status": "failed"}, math.log(0.5)),
        ({"status": "failed", "cost": 0.1, "baseline_cost": 1.0}, math.log(0.5)),
        ({"status": "timeout", "cost": 8.0, "baseline_cost": 1.0}, -math.log(8)),
        ({"status": "failed", "utility": 0.1}, 0.1),
    ],
)
def test_utility(report, utility):
    assert outcome(1, SETTINGS, **report).utility == pytest.approx(utility)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ({}, "needs utility"),
        ({"cost": 1.0}, "got only cost"),
        ({"cost": -1.0, "baseline_cost": 1.0}, "must be finite and not negative"),
        ({"cost": math.nan, "baseline_cost": 1.0}, "must be finite"),
        ({"cost": math.inf, "baseline_cost": 1.0}, "must be finite"),
        ({"cost": "1", "baseline_cost": 1.0}, "must be a number"),
        ({"utility": True}, "must be a number"),
        ({"utility": math.nan}, "no measurement"),
        ({"utility": 1e300}, "no measurement"),
        ({"utility": 0.0, "status": "done"}, "unknown"),
    ],
)
def test_what_cannot_be_meant_is_refused(report, message):
    with pytest.raises(OutcomeError, match=message):
        outcome(1, SETTINGS, **report)


@given(st.lists(st.tuples(costs, costs, st.sampled_from(["ok", "failed", "timeout"])), min_size=1, max_size=5))
def test_many_equal_one_by_one(rows):
    columns = [[math.nan if x is None else x for x in column] for column in list(zip(*rows, strict=True))[:2]]
    report = {"cost": columns[0], "baseline_cost": columns[1], "status": [row[2] for row in rows]}
    try:
        alone = [outcome(i, SETTINGS, cost=a, baseline_cost=b, status=s).utility for i, (a, b, s) in enumerate(rows)]
    except OutcomeError:
        with pytest.raises(OutcomeError):
            outcomes(range(len(rows)), SETTINGS, **report)
        return
    np.testing.assert_allclose(outcomes(range(len(rows)), SETTINGS, **report).utility, alone)


@pytest.mark.parametrize(
    "changed",
    [
        {"failure_utility": math.nan},
        {"utility_limit": 0.0},
        {"outcome_timeout": -1.0},
        {"horizon": 0.0},
        {"outliers": 1.0},
        {"half_life": 0.0},
        {"half_life": "often"},
        {"timeouts": "ignored"},
    ],
)
def test_settings_are_checked(changed):
    with pytest.raises(ConfigError):
        Settings(**changed).checked()


def test_scales_are_estimated_often_at_first():
    last, times = 0, []
    for outcomes_so_far in range(1, 5001):
        if due(SETTINGS.reestimate_every, outcomes_so_far, last):
            last = outcomes_so_far
            times.append(last)
    assert times[:5] == [10, 20, 30, 40, 50]
    assert all(1.2 * a <= b < 1.2 * a + 2 for a, b in pairwise(times[4:]))
