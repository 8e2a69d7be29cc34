"""The sampler by Optuna's own test-suite for samplers, and what is ours: projects, candidates, failures."""

import numpy as np
import pytest

optuna = pytest.importorskip("optuna", reason="optuna is not installed: pip install 'poolwise[optuna]'")

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution  # noqa: E402
from optuna.testing.pytest_samplers import (  # noqa: E402
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from poolwise.errors import InputError  # noqa: E402
from poolwise.integrations.optuna import PoolwiseSampler  # noqa: E402
from poolwise.integrations.optuna.levels import LEVELS, Grid  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
pytestmark = pytest.mark.slow


class TestOptunasOwnSuite(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: PoolwiseSampler(seed=0)


def cost(trial):
    x, kind = trial.suggest_float("x", 1e-3, 10.0, log=True), trial.suggest_categorical("kind", ["a", "b"])
    return 1.0 + (np.log(x) - 1.0) ** 2 + (kind == "a")


def regret(study):
    return sum(np.log(trial.value) for trial in study.trials)


def studied(sampler, number=40, storage=None, objective=cost):
    study = optuna.create_study(sampler=sampler, storage=storage)
    study.optimize(objective, n_trials=number)
    return study


def test_it_beats_random_search():
    ours = [regret(studied(PoolwiseSampler(trials=40, seed=seed))) for seed in range(3)]
    random = [regret(studied(optuna.samplers.RandomSampler(seed=seed))) for seed in range(3)]
    assert max(ours) < 0.6 * min(random)


def test_other_studies_of_a_storage_are_projects():
    storage = optuna.storages.InMemoryStorage()
    studied(optuna.samplers.RandomSampler(seed=1), 60, storage)
    space = {"x": FloatDistribution(1e-3, 10.0, log=True), "kind": CategoricalDistribution(["a", "b"])}
    options = {"trials": 10, "space": space, "seed": 0}
    told = studied(PoolwiseSampler(**options), 10, storage)
    alone = studied(PoolwiseSampler(**options, projects=False), 10, storage)
    assert regret(told) < 0.6 * regret(alone)
    assert told.trials[0].value < 2.0


def test_only_candidates_are_tried():
    candidates = [{"x": x, "kind": kind} for x in (0.01, 2.5, 3.0) for kind in ("a", "b")]
    study = studied(PoolwiseSampler(candidates=candidates, seed=0), 20)
    assert all(trial.params in candidates for trial in study.trials)
    assert study.trials[-1].params["kind"] == "b"


def test_the_same_seed_gives_the_same_trials():
    first, second = (studied(PoolwiseSampler(seed=3), 12) for _ in range(2))
    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]


def test_a_belief_made_again_from_the_trials_goes_on():
    """Another process that finds 15 trials learns what the one that made them knew."""
    study = studied(PoolwiseSampler(seed=3), 15)
    study.sampler = PoolwiseSampler(seed=3)
    study.optimize(cost, n_trials=10)
    assert np.mean([trial.value for trial in study.trials[-5:]]) < 1.5


def test_failures_count_as_the_worst():
    def fragile(trial):
        if trial.suggest_int("level", 0, 9) >= 5:
            raise RuntimeError("it broke")
        return 1.0 + trial.params["level"]

    study = optuna.create_study(sampler=PoolwiseSampler(seed=0))
    study.optimize(fragile, n_trials=30, catch=(RuntimeError,))
    assert [trial.params["level"] for trial in study.trials[-5:]] == [0] * 5


def test_values_that_are_no_costs_are_maximised():
    def score(trial):
        return 1e6 * (1 - (trial.suggest_float("x", -1.0, 1.0) - 0.3) ** 2)

    study = optuna.create_study(direction="maximize", sampler=PoolwiseSampler(seed=0))
    study.optimize(score, n_trials=40)
    assert study.best_value > 1e6 * (1 - 0.05**2)


@pytest.mark.parametrize(
    ("distribution", "levels"),
    [
        (FloatDistribution(0.0, 1.0), LEVELS),
        (FloatDistribution(1e-7, 10.0, log=True), LEVELS),
        (FloatDistribution(0.0, 1.0, step=0.25), 5),
        (IntDistribution(1, 9, step=2), 5),
        (IntDistribution(1, 10**6), LEVELS),
        (CategoricalDistribution(["a", None, 3]), 3),
    ],
)
def test_levels_lie_in_the_distribution_and_find_themselves(distribution, levels):
    grid = Grid({"x": distribution})
    assert grid.shape == (levels,)
    for level, value in enumerate(grid.axes[0].values):
        assert distribution._contains(distribution.to_internal_repr(value))
        assert grid.key({"x": value}) == (level,)


@pytest.mark.parametrize(
    "options",
    [{"trials": 0}, {"seed": -1}, {"candidates": []}, {"candidates": [{"x": 1}, {"y": 1}]}],
)
def test_options_that_cannot_be_meant(options):
    with pytest.raises(InputError):
        PoolwiseSampler(**options)
