"""The race: errors against many seeds, no time for losers, the same luck for all, and a budget that holds."""

import time

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.errors import ConfigError, DataError
from poolwise.meta import meta_features, racing
from poolwise.meta.histories import History
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR

LIKE = meta_features.of(HYPERPRIOR.median, 8, np.ones(5), np.ones(5), 100.0, 2_000.0)
POLICY = policies.thompson(1.0)
SETTINGS = ({}, {"temperature": 0.5}, {"temperature": 2.0})


class Played:
    """Regret that depends on the temperature, with luck that all settings share, and some that they do not."""

    def __init__(self, power=1.0):
        self.power, self.calls = power, []

    def __call__(self, policy, seeds):
        temperature = policy.params["temperature"]
        self.calls.append((temperature, tuple(seeds)))
        shared = np.exp([np.random.default_rng([seed, 1]).normal() for seed in seeds])
        own = np.exp([0.05 * np.random.default_rng([seed, 2, int(10 * temperature)]).normal() for seed in seeds])
        return shared * own * temperature**self.power


def histories(*powers):
    return [History(f"h{k}", f"g{k}", LIKE, Played(power)) for k, power in enumerate(powers)]


def test_log_ratios_are_those_of_the_regrets_within_their_errors():
    found = racing.race(histories(1.0, -0.5), POLICY, SETTINGS, range(12), 60)
    expected = np.outer([1.0, -0.5], np.log([1.0, 0.5, 2.0]))
    assert (np.abs(found.log_ratio - expected)[:, 1:] < 4 * found.error[:, 1:]).all()
    assert (found.error[:, 0] == 0).all()
    assert (found.error[:, 1:] < 0.1).all()


def test_what_clearly_loses_gets_no_more_seeds():
    found = racing.race(histories(1.0, -1.0), POLICY, SETTINGS, range(24), 60)
    assert found.seeds.tolist() == [[24, 24, 3], [24, 3, 24]]


def test_all_settings_have_the_same_seeds():
    past = histories(1.0, 1.0)
    racing.race(past, POLICY, SETTINGS, range(100, 106), 60)
    assert {seeds for _, seeds in past[0].play.calls} == {(100, 101, 102), (103, 104, 105)}


def test_the_default_is_always_in_it():
    assert racing.race(histories(1.0, 1.0), POLICY, SETTINGS[1:], range(3), 60).settings == SETTINGS


def test_the_time_is_kept_and_what_was_not_reached_is_left_out():
    def slow(policy, seeds):
        time.sleep(0.1)
        return np.ones(len(seeds))

    past = [History(str(k), str(k), LIKE, slow) for k in range(9)]
    found = racing.race(past, POLICY, SETTINGS, range(99), 0.65)
    assert len(found.names) == 2
    with pytest.raises(DataError, match="more time"):
        racing.race(past, POLICY, SETTINGS, range(99), 0.35)


def test_errors_from_few_seeds_lean_on_the_usual_one():
    rng, wide = np.random.default_rng(0), []
    for _ in range(400):
        regrets = [[np.exp(0.2 * rng.normal(size=3)) for _ in range(2)] for _ in range(9)]
        ratio, error = racing.compared(regrets)
        wide.append(np.abs(ratio[0, 1]) > 2 * error[0, 1])
    assert 0.03 < np.mean(wide) < 0.09


def test_a_grid_holds_the_default_first_and_nothing_twice():
    found = racing.grid(policies.default())
    assert found[0] == {}
    assert len(found) == len(racing.FACTORS) + 1
    assert len({str(one) for one in found}) == len(found)
    assert all(policies.parse(policies.default().spec, {**policies.default().params, **one}) for one in found)


def test_a_policy_with_nothing_to_learn_is_refused():
    with pytest.raises(ConfigError, match="nothing to learn"):
        racing.grid(policies.parse("uniform"))


class Together:
    """Three projects one after another; a seed's luck is that of all of them."""

    def __call__(self, policy, seeds):
        temperature = policy.params["temperature"]
        luck = np.exp([0.3 * np.random.default_rng([seed, int(10 * temperature)]).normal() for seed in seeds])
        return luck[:, None] * temperature ** np.array([[1.0, 0.9, 1.1]])


def together(first=0, count=12, settings=SETTINGS):
    past = History("log", "log", LIKE, Together(), ("p", "q", "r"))
    return racing.race([past], POLICY, settings, range(first, first + count), 60)


def test_projects_that_are_lived_through_together_are_groups_with_luck_in_common():
    found = together()
    assert found.names == found.groups == ("p", "q", "r")
    expected = np.outer([1.0, 0.9, 1.1], np.log([1.0, 0.5, 2.0]))
    assert (np.abs(found.log_ratio - expected) <= 4 * found.error).all()
    assert found.luck[0] == 0
    true = 0.3 * (2 / found.seeds[0, 1:]) ** 0.5
    assert (np.abs(np.log(found.luck[1:] / true)) < np.log(2)).all()


def test_histories_apart_share_no_luck():
    assert racing.race(histories(1.0, 1.0), POLICY, SETTINGS, range(3), 60).luck.tolist() == [0.0] * 3


def test_a_race_goes_on_with_other_seeds():
    one, other = together(), together(first=50, settings=({}, SETTINGS[1]))
    both = racing.joined(one, other)
    assert both.settings == one.settings
    assert both.seeds[0].tolist() == [one.seeds[0, 0] + 12, one.seeds[0, 1] + 12, one.seeds[0, 2]]
    weight = one.seeds[:, 1] / both.seeds[:, 1]
    np.testing.assert_allclose(
        both.log_ratio[:, 1], weight * one.log_ratio[:, 1] + (1 - weight) * other.log_ratio[:, 1]
    )
    assert both.luck[1] < one.luck[1]
    np.testing.assert_allclose(both.luck[2], one.luck[2])


def test_projects_of_either_race_are_in_both():
    later = together(first=50)._replace(names=("q", "r", "s"), groups=("q", "r", "s"))
    both = racing.joined(together(), later)
    assert both.names == both.groups == ("p", "q", "r", "s")
    np.testing.assert_allclose(both.log_ratio[3], later.log_ratio[2])


def test_what_loses_for_certain_is_not_raced_again():
    assert racing.promising(together()) == [{}, SETTINGS[1]]
