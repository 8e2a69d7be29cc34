"""Success among configurations: which parameters decide it is learned apart from what they cost."""

import json

import numpy as np
import pytest

from poolwise.posterior.gp import bernoulli_kernel
from poolwise.posterior.gp.coregionalisation import arm_features
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.hyperparameters.estimation import from_dict, init_hyperparameters, to_dict
from poolwise.posterior.likelihoods import bernoulli

SIDE = 12
PLACES = np.stack(np.meshgrid(*(np.linspace(0, 1, SIDE),) * 2, indexing="ij"), -1).reshape(-1, 2)
ARMS = len(PLACES)


def start():
    """Arms on a grid of two parameters that are alike in what they cost."""
    family = np.zeros(ARMS, dtype=int)
    ground = arm_features(family, {0: arm_coordinates([PLACES[:, 0], PLACES[:, 1]])})
    return init_hyperparameters(family, np.tile((3.0, 0.6), (ARMS, 1)), ground=ground)


def fitted(fails, tried):
    outcomes, successes = np.zeros((1, 1, ARMS)), np.zeros((1, 1, ARMS))
    outcomes[..., tried], successes[..., tried] = 1.0, ~fails[tried]
    known = start()
    found = bernoulli_kernel.fit_success(known.gaussian, known.success, outcomes, successes)
    evidence = bernoulli_kernel.aggregate(known.gaussian, found, outcomes, successes)
    return known, found, bernoulli.marginals(found, evidence)


@pytest.mark.parametrize("seed", range(3))
def test_a_constraint_on_one_parameter_is_found(seed):
    tried = np.random.default_rng(seed).permutation(ARMS)[:60]
    fails = PLACES[:, 0] > 0.6
    _, found, beta = fitted(fails, tried)
    first, second = found.power_near[0]
    assert first > 3 * max(second, 0.1)
    untried = np.setdiff1d(np.arange(ARMS), tried)
    chance, clear = beta.mean[0, 0, untried], abs(PLACES[untried, 0] - 0.6) > 0.1
    assert ((chance < 0.5) == fails[untried])[clear].mean() > 0.97


@pytest.mark.parametrize("seed", range(3))
def test_powers_foresee_what_fails_better_than_one_power_for_all(seed):
    random = np.random.default_rng(10 + seed)
    order = random.permutation(ARMS)
    fails = random.random(ARMS) < np.where(PLACES[:, 1] > 0.5, 0.9, 0.05)
    known, found, beta = fitted(fails, order[:70])
    common = found._replace(power_near=bernoulli_kernel.powers_of(3.0, known.gaussian.smooth))
    outcomes, successes = np.zeros((2, 1, 1, ARMS))
    outcomes[..., order[:70]], successes[..., order[:70]] = 1.0, ~fails[order[:70]]
    evidence = bernoulli_kernel.aggregate(known.gaussian, common, outcomes, successes)
    score = lambda mean: np.log(np.where(fails, 1 - mean, mean)[order[70:]]).sum()
    assert score(beta.mean[0, 0]) > score(bernoulli.marginals(common, evidence).mean[0, 0])


def test_where_nothing_failed_an_untried_one_is_no_gamble():
    tried = np.random.default_rng(5).permutation(ARMS)[:60]
    _, _, beta = fitted(np.zeros(ARMS, dtype=bool), tried)
    untried = np.setdiff1d(np.arange(ARMS), tried)
    assert beta.mean[0, 0, untried].min() > 0.97
    assert beta.scale[0, 0, untried].max() < 0.05


def test_powers_come_back_from_a_snapshot_and_those_of_earlier_versions_are_read():
    tried = np.random.default_rng(6).permutation(ARMS)[:60]
    known, found, _ = fitted(PLACES[:, 0] > 0.6, tried)
    body = json.loads(json.dumps(to_dict(known._replace(success=found))))
    assert from_dict(body, known).success.power_near == found.power_near
    earlier = {**body, "near": [20.0, 3.0]}
    assert from_dict(earlier, known).success.power_near == ((3.0, 3.0),)
    other = {**body, "near": [20.0, [[1.0, 2.0, 3.0]]]}
    assert from_dict(other, known).success.power_near is None
