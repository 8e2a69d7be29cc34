"""Data that break other estimators: finite beliefs that widen honestly, or one clear error, never NaN."""

import numpy as np
import pytest

from poolwise import posterior
from poolwise.errors import InputError
from poolwise.posterior.crossed.job_effects import StatisticsDelta
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.posterior import Posterior

SHAPE = (2, 3, 3)


def rows(n: int, shape=SHAPE, seed: int = 0):
    random = np.random.default_rng(seed)
    return [random.integers(0, size, n) for size in shape]


def case(n, *, y=0.1, ok=True, cut=False, shape=SHAPE):
    return (*rows(n, shape), np.full(n, y), np.full(n, ok), np.full(n, cut)), shape


CASES = {
    "empty": case(0),
    "one outcome": case(1),
    "all equal": case(500),
    "only failures": case(500, ok=False, y=-1.0),
    "everything cut off": case(500, cut=True, y=-1.0),
    "cut off absurdly far down": case(500, cut=True, y=-1e5),
    "cut off where it says nothing": case(500, cut=True, y=1e5),
    "a single project": case(200, shape=(1, 3, 3)),
    "a single context": case(200, shape=(2, 1, 3)),
    "a single arm": case(200, shape=(2, 3, 1)),
    "one cell in all": case(200, shape=(1, 1, 1)),
    "far from zero": case(200, y=9e5),
}


@pytest.mark.parametrize("half_life", [None, 50, "learned"])
@pytest.mark.parametrize("name", CASES)
def test_beliefs_stay_finite_and_honest(name, half_life):
    columns, shape = CASES[name]
    arms = shape[2]
    family = np.minimum(np.arange(arms), 1)
    belief = Posterior(
        init_hyperparameters(family, np.full((arms, 2), 2.0)), -1.0, options=ObservationModel(half_life=half_life)
    )
    before = belief.predict(0, 0)
    belief.update_many(*columns)
    fit = belief.reestimate()
    for project, context in np.ndindex(shape[0] + 1, shape[1] + 1):
        look = belief.predict(project, context)
        assert all(np.isfinite(part).all() for part in look), name
        assert (look.scale > 0).all()
    assert np.isfinite(fit.log_evidence)
    # Of a project and a context never seen, less is known than of those seen; of nothing seen, what was known before.
    new, here = belief.predict_given_success(shape[0], shape[1]), belief.predict_given_success(0, 0)
    assert (new.scale >= here.scale * (1 - 1e-9)).all()
    if name == "empty":
        np.testing.assert_allclose(belief.predict(0, 0).mean, before.mean, atol=0.05)


def test_a_billion_outcomes_in_one_cell_do_not_hide_that_others_are_unknown():
    belief = Posterior(init_hyperparameters(np.array([0, 0, 1]), np.full((3, 2), 2.0)), -1.0)
    belief.update_many(*CASES["all equal"][0])
    at = [np.zeros(1, dtype=np.int64)] * 3
    belief.add_statistics(StatisticsDelta(*at, np.array([1e9]), np.array([0.2e9]), np.array([0.05e9])))
    assert np.isfinite(belief.reestimate().log_evidence)
    here, far = belief.predict(0, 0), belief.predict(2, 3)
    assert np.isfinite([*here.mean, *here.scale, *far.mean, *far.scale]).all()
    assert far.scale[0] > here.scale[0] > 0


@pytest.mark.parametrize("y", [1e300, -1e300, np.nan, np.inf])
def test_what_is_no_utility_is_refused_and_nothing_changes(y):
    belief = Posterior(init_hyperparameters(np.array([0, 0, 1]), np.full((3, 2), 2.0)), -1.0)
    before = belief.predict(0, 0)
    with pytest.raises(InputError, match="not within"):
        belief.update_many(*rows(100), np.full(100, y), np.ones(100, bool))
    with pytest.raises(InputError, match="not within"):
        belief.update(0, 0, 0, y, True)
    np.testing.assert_array_equal(belief.predict(0, 0).mean, before.mean)
    assert belief.outcomes == 0


def test_a_count_too_small_to_divide_by_is_refused():
    stats = posterior.SufficientStatistics.of([0, 0], [0, 0], [0, 1], [0.1, 0.2])
    count = np.where(stats.count > 0, 1e-300, 0.0)
    with pytest.raises(InputError, match="says nothing"):
        posterior.fit(stats._replace(count=count))
