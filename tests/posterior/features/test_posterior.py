"""The posterior with features: it learns them, tells of them, forgets nothing, and is as before without them."""

import json

import numpy as np
import pytest

from poolwise.posterior import serving
from poolwise.posterior.hyperparameters.estimation import from_dict, init_hyperparameters, to_dict
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive import compiled
from tests.posterior.failing import Failing

ARMS, FEATURES = 4, 3


def start(features=FEATURES, **options):
    begin = init_hyperparameters(np.arange(ARMS), np.tile((3.0, 0.6), (ARMS, 1)), baseline=0)
    return Posterior(begin, -0.7, contexts=2, baseline=0, backend="numpy", features=features, **options)


def outcomes(number=300, seed=0, slope=1.0):
    """Arm 1 gains with the first feature, arm 2 loses; the others are noise."""
    rng = np.random.default_rng(seed)
    raw, arm = rng.normal(size=(number, FEATURES)), rng.integers(1, ARMS, size=number)
    utility = slope * raw[:, 0] * np.array([0.0, 1.0, -1.0, 0.0])[arm] + 0.2 * rng.normal(size=number)
    return raw, np.zeros(number, int), rng.integers(2, size=number), arm, utility


def learned(own, rows, many=True):
    raw, project, context, arm, utility = rows
    ok = np.ones(len(arm), bool)
    if many:
        own.update_many(project, context, arm, utility, ok, raw=raw if own.features else None)
    else:
        for i in range(len(arm)):
            own.update(0, int(context[i]), int(arm[i]), float(utility[i]), True, raw=raw[i] if own.features else None)
    return own


@pytest.fixture(scope="module")
def known():
    own = learned(start(), outcomes())
    own.reestimate()
    return own


def test_what_a_feature_decides_is_found(known):
    high, low = known.predict(0, 0, [1.5, 0, 0]).mean, known.predict(0, 0, [-1.5, 0, 0]).mean
    assert high[1] > 1 > -1 > high[2]
    assert low[2] > 1 > -1 > low[1]


@pytest.mark.parametrize("projects", [1, 3])
def test_what_projects_have_in_common_is_not_lost_among_several(projects):
    """Of 4 standard deviations of what an arm gains at most 0.2: a project by itself would have no slopes."""
    raw, _, context, arm, utility = outcomes()
    own = learned(start(), (raw, np.arange(len(arm)) % projects, context, arm, utility))
    own.reestimate()
    for project in range(projects):
        wide = own.predict(project, 0, [2, 0, 0]).mean - own.predict(project, 0, [-2, 0, 0]).mean
        np.testing.assert_allclose(wide[1:3], [4, -4], atol=0.2)


def test_which_features_matter_is_told(known):
    found = known.feature_effects()
    assert found.relevance[0] > 0.8
    assert found.relevance.sum() == pytest.approx(1.0)
    assert found.mean[0, 1] == pytest.approx(1.0, abs=0.2)
    assert found.mean[0, 2] == pytest.approx(-1.0, abs=0.2)
    assert found.mean[0, 0] == 0
    assert (found.sd[0, 1:] > 0).all()


def test_columns_of_noise_are_not_told_to_matter_and_decide_next_to_nothing():
    own = learned(start(), outcomes(slope=0.0))
    own.reestimate()
    assert own.hyperparameters.features.probability < 0.05
    assert not own.feature_effects().relevance.any()
    wide = own.predict(0, 0, [2, 2, 2]).mean - own.predict(0, 0, [-2, -2, -2]).mean
    np.testing.assert_allclose(wide, 0, atol=0.28, err_msg="two standard errors of least squares, 100 jobs an arm")


def test_without_features_nothing_changes():
    rows = outcomes(80)
    plain, never = learned(start(0), rows), learned(start(), (np.full((80, FEATURES), np.nan), *rows[1:]))
    for own in (plain, never):
        own.reestimate()
    for part, other in zip(plain.predict(0, 1), never.predict(0, 1), strict=True):
        np.testing.assert_array_equal(part, other)


def test_one_by_one_is_at_once(known):
    rows = outcomes(40, seed=3)
    own = start()
    learned(own, outcomes())
    own.set_hyperparameters(known.hyperparameters)
    learned(own, rows, many=False)
    before = own.predict(0, 1, [0.3, 1.0, -0.2]).mean
    own.recompute()
    np.testing.assert_allclose(before, own.predict(0, 1, [0.3, 1.0, -0.2]).mean, rtol=1e-8)


def test_it_is_taken_up_again(known):
    again = start()
    body = json.loads(json.dumps(to_dict(known.hyperparameters)))
    again.resume(known.saved())
    again.set_hyperparameters(from_dict(body, start().hyperparameters))
    known.recompute()
    for part, other in zip(known.predict(0, 1, [1.0, 2.0, 3.0]), again.predict(0, 1, [1.0, 2.0, 3.0]), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-12)


def test_outcomes_that_were_cut_off_are_judged_with_features():
    raw, project, context, arm, utility = outcomes()
    cut = utility > 0.5
    own = start()
    own.update_many(project, context, arm, np.minimum(utility, 0.5), np.ones(300, bool), cut, raw=raw)
    own.reestimate()
    assert own.predict(0, 0, [1.5, 0, 0]).mean[2] < -0.8
    assert np.isfinite(own.predict(0, 0, [1.5, 0, 0]).mean).all()


def test_rows_beyond_the_declared_projects_make_room(known):
    found = known.predict(5, 7, [1.5, 0.0, 0.0])
    assert found.mean[1] > 0.5
    assert np.isfinite(found.scale).all()


def test_outcomes_folded_under_known_slopes_are_those_of_one_pass(known):
    own = start()
    own.set_hyperparameters(known.hyperparameters)
    learned(own, outcomes(), many=False)
    np.testing.assert_allclose(own.predict(0, 1, [1.0, 2.0, 3.0]).mean, known.predict(0, 1, [1.0, 2.0, 3.0]).mean)


@pytest.mark.parametrize("families", [None, (0, 0, 1, 1)], ids=["alone", "families"])
def test_numpy_is_jax(families, known):
    """Beliefs after every outcome, recent jobs' rows included: of successes, failures, cut ones and the baseline's."""
    rng = np.random.default_rng(7)
    begin = init_hyperparameters(
        np.arange(ARMS) if families is None else np.array(families), np.tile((3.0, 0.6), (ARMS, 1)), baseline=0
    )
    rows = outcomes(150)
    first = learned(Posterior(begin, -0.7, contexts=2, baseline=0, backend="numpy", features=FEATURES), rows)
    first.reestimate()
    assert first.hyperparameters.features is not None
    own = [
        Posterior(first.hyperparameters, -0.7, projects=2, contexts=2, baseline=0, backend=backend, features=FEATURES)
        for backend in ("numpy", "jax")
    ]
    for one in own:
        learned(one, rows)
        one.recompute()
    for _ in range(40):
        raw = np.where(rng.random(FEATURES) < 0.1, np.nan, rng.normal(size=FEATURES))
        place = int(rng.integers(2)), int(rng.integers(2)), int(rng.integers(ARMS))
        kind = rng.integers(4)
        for one in own:
            one.update(*place, 0.3 * float(raw[1] > 0) - 0.1, bool(kind != 1), bool(kind == 2), raw)
            one.counts()  # learned now, and what was cut off is judged before the next look
        asked = rng.normal(size=FEATURES)
        for part, other in zip(*(one.predict(*place[:2], asked) for one in own), strict=True):
            np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-11)
    assert [one.backend for one in own] == ["numpy", "jax"]
    for part, other in zip(own[0].feature_effects(), own[1].feature_effects(), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-8, atol=1e-11)


def test_a_padded_shape_is_compiled_once_and_no_part_of_the_state_is_copied(known):
    own = Posterior(known.hyperparameters, -0.7, contexts=2, baseline=0, backend="jax", features=FEATURES)
    learned(own, outcomes())
    own.predict(0, 0, [1.0, 0.0, 0.0])
    before = len(compiled._PROGRAMS)
    for at in np.ndindex(4, 4):
        own.update(*at, 1, 0.1, True, raw=np.ones(FEATURES))
        own.predict(*at[:2], [0.0, np.nan, 2.0])
    own.recompute()
    own.predict(0, 0, [1.0, 0.0, 0.0])
    assert len(compiled._PROGRAMS) == before
    lines = own._serving.program.text.splitlines()
    parts = (*own._serving.form.state.tiers, *own._serving.form.state[1:])
    for shape in (f"f64[{','.join(map(str, part.shape))}]" for part in parts):
        assert any(shape in line for line in lines)
        assert not [line for line in lines if " copy(" in line and shape in line]
    assert any("xla_cpu_small_call" in line for line in lines)


@pytest.mark.parametrize("times", [0, 7])
@pytest.mark.parametrize("kept", [4, 2_048])
def test_numpy_goes_on_where_a_compiled_call_fails(times, kept, known, monkeypatch):
    monkeypatch.setattr(compiled, "_PROGRAMS", {})
    monkeypatch.setattr(compiled, "_FAILURES", [])
    monkeypatch.setattr(serving, "_SINCE", kept)
    made = compiled.Program
    monkeypatch.setattr(compiled, "Program", lambda call, *rest: made(Failing(call, times), *rest))
    own = [
        Posterior(known.hyperparameters, -0.7, contexts=2, baseline=0, backend=backend, features=FEATURES)
        for backend in ("numpy", "jax")
    ]
    raw, _, context, arm, utility = outcomes(20, seed=5)
    for one in own:
        learned(one, outcomes())
        for i in range(20):
            one.update(0, int(context[i]), int(arm[i]), float(utility[i]), True, raw=raw[i])
            found = one.predict(0, 1, raw[-i])
        assert one.backend == "numpy"
    for part, other in zip(found, own[0].predict(0, 1, raw[-19]), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-11)
    assert compiled.failure()


def test_what_ranks_do_not_tell_of_a_job_is_in_the_interval(known):
    """The slope of arm 1 is 1 and its outcomes are many: with 300 jobs, not less than 1 / sqrt(300)."""
    least = 1.0 / np.sqrt(300)
    found = known.predict(0, 0, [0.5, 0.0, 0.0]).scale
    assert least < found[1] < 3 * least
    assert found[3] < found[1]
