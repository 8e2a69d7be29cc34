import math

import numpy as np
import pytest

from poolwise.errors import ConfigError
from poolwise.policy.constraints.coverage_guarantee import Guarantee, exploration_factor, shortfalls

GUARANTEE = Guarantee(share=0.2, trials=2, window=6)
IMPORTANCE = np.array([0.5, 0.3, 0.1, 0.1])


def test_contexts_short_of_trials_are_named_with_the_reason():
    context = np.array([1, 1, 0, 0, 0, 0, 1, 2])
    found = shortfalls(GUARANTEE, context, np.array([1, 1, 0, 1, 0, 0, 1, 1], dtype=bool), IMPORTANCE)
    assert [(lack.context, lack.trials, lack.decisions) for lack in found] == [(0, 1, 4), (1, 1, 1)]
    assert "explored" in found[0].reason
    assert "only 1 times" in found[1].reason


def test_nothing_is_lacking_before_the_first_window_is_full():
    assert shortfalls(GUARANTEE, np.zeros(3, dtype=int), np.zeros(3, dtype=bool), IMPORTANCE) == []


def test_discoveries_and_drift_keep_exploration_up():
    assert exploration_factor(0.0, math.inf) == exploration_factor(math.inf, 0.0) == 1.0
    assert exploration_factor(math.inf, math.inf) == 0.25
    assert exploration_factor(10.0, math.inf) > exploration_factor(50.0, math.inf) > 0.25


@pytest.mark.parametrize(
    "guarantee", [Guarantee(share=0.0), Guarantee(share=1.0), Guarantee(trials=0), Guarantee(window=1)]
)
def test_bad_guarantees_are_refused(guarantee):
    with pytest.raises(ConfigError, match="coverage"):
        guarantee.checked()
