import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolwise.errors import ConfigError
from poolwise.policy.constraints import quarantine

SETTINGS = quarantine.Settings()


def history(utilities, arm=1, context=0, state=None, step=1.0):
    """State after a row of outcomes of one arm, and the number of trials until it was first quarantined."""
    state = quarantine.start(3, 4, np) if state is None else state
    for trial, utility in enumerate(utilities):
        time = trial * step
        state = quarantine.observe(SETTINGS, state, context, arm, np.float64(utility), 0.2, time, 0)
        if not quarantine.allowed(SETTINGS, state, time, 0)[context, arm]:
            return state, trial + 1
    return state, None


def test_a_catastrophic_arm_is_quarantined_within_five_trials():
    draws = np.random.default_rng(0)
    trials = [history(np.append(draws.normal(0.2, 0.2, 50), draws.normal(np.log(0.5), 0.2, 20)))[1] for _ in range(100)]
    assert np.median(trials) <= 55


def test_one_absurd_measurement_changes_nothing():
    assert history([0.1, -1e6, 0.1, 0.1])[1] is None


def test_arms_as_good_as_the_baseline_are_left_alone():
    """200 arms, 300 trials each at utility 0: a false alarm every 10^4 trials or rarer, so 20 of 200 is far off."""
    draws = np.random.default_rng(1)
    alarms = sum(history(draws.normal(0.0, 0.2, 300))[1] is not None for _ in range(200))
    assert alarms <= 20


def test_the_baseline_is_never_quarantined():
    state, caught = history([-5.0] * 30, arm=0)
    assert caught is None
    assert quarantine.allowed(SETTINGS, state, 30.0, 0)[:, 0].all()


def test_quarantine_holds_in_its_context_only_and_ends():
    state, trial = history([-1.0] * 9)
    assert quarantine.reasons(SETTINGS, state, trial, 0)[0, 1] == quarantine.QUARANTINED
    assert quarantine.allowed(SETTINGS, state, trial, 0).sum() == 11
    later = quarantine.reasons(SETTINGS, state, trial + SETTINGS.window, 0)
    assert later[0, 1] == quarantine.PROBATION


def test_harm_in_two_contexts_quarantines_everywhere():
    state, _ = history([-1.0] * 9)
    state, trial = history([-1.0] * 9, context=2, state=state)
    np.testing.assert_array_equal(
        quarantine.reasons(SETTINGS, state, trial, 0)[:, 1],
        [quarantine.QUARANTINED, quarantine.QUARANTINED_PROJECT, quarantine.QUARANTINED],
    )


def test_back_off_grows_to_its_limit_and_a_passed_probation_clears():
    state, lengths = quarantine.start(1, 2, np), []
    for _ in range(4):
        while quarantine.allowed(SETTINGS, state, 0.0, 0)[0, 1]:
            state = quarantine.observe(SETTINGS, state, 0, 1, np.float64(-1.0), 0.2, 0.0, 0)
        lengths.append(float(state.until[0, 1]) / SETTINGS.window)
        state = state._replace(until=0.0 * state.until)
    assert lengths == [1.0, 2.0, 2.0, 2.0]
    state, _ = history([0.3] * 3, state=state)
    assert quarantine.reasons(SETTINGS, state, 0.0, 0)[0, 1] == quarantine.OPEN
    assert state.strikes[0, 1] == 0


def test_probation_is_stricter_than_the_first_time():
    state, first = history([-1.0] * 9)
    state = state._replace(until=0.0 * state.until)
    assert history([-1.0] * 9, state=state)[1] < first


def test_a_recovered_arm_is_back_within_two_windows():
    state, trial = history([-1.0] * 9)
    state = state._replace(strikes=state.strikes + 5)
    worst = quarantine.observe(SETTINGS, state, 0, 1, np.float64(-9.0), 0.2, trial, 0)
    assert quarantine.allowed(SETTINGS, worst, trial + 2 * SETTINGS.window + 1, 0)[0, 1]


def test_low_dose_goes_back_to_the_baseline():
    code = np.array([quarantine.OPEN, quarantine.PROBATION, quarantine.OPEN])
    np.testing.assert_allclose(quarantine.dosed(SETTINGS, np.array([0.2, 0.5, 0.3]), code, 0), [0.65, 0.05, 0.3])


def test_the_same_under_scan():
    draws = np.random.default_rng(2)
    events = (draws.integers(0, 3, 80), draws.integers(0, 4, 80), draws.normal(-0.3, 0.5, 80), np.arange(80.0))

    def step(state, event):
        context, arm, utility, time = event
        state = quarantine.observe(SETTINGS, state, context, arm, utility, 0.2, time, 0)
        return state, quarantine.reasons(SETTINGS, state, time, 0)

    state, codes = quarantine.start(3, 4, np), []
    for event in zip(*events, strict=True):
        state, code = step(state, event)
        codes.append(code)
    with jax.enable_x64(True):
        scanned, scanned_codes = jax.lax.scan(step, quarantine.start(3, 4, jnp), tuple(map(jnp.asarray, events)))
    np.testing.assert_array_equal(scanned_codes, codes)
    np.testing.assert_allclose(np.stack(scanned), np.stack(state), atol=1e-12)
    assert np.max(codes) >= quarantine.QUARANTINED


@pytest.mark.parametrize(("name", "value"), [("window", 0.0), ("growth", 0.5), ("dose", 2.0), ("threshold", np.nan)])
def test_bad_settings_are_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        quarantine.Settings(**{name: value}).checked()
