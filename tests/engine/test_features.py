"""Features of jobs in an engine: stored with the decision, learned with its outcome, the same after opening again."""

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.errors import ConfigError, InputError, SpaceError, StoreLocked
from poolwise.posterior.features import estimation
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Real
from tests.stores import URLS

SPACE = ArmSpace([Family("default"), Family("fast"), Family("small")], "default")
FEATURES = {"size": {"type": "integer", "log": True}, "logic": {"type": "choice", "values": ["sat", "unsat"]}}
INLINE = Settings(estimate="inline", backend="numpy")


@pytest.fixture(params=URLS)
def url(request):
    return URLS[request.param](request)


def opened(url, features=None, **changes):
    return Engine.open(url, SPACE, seed=3, settings=INLINE._replace(**changes), features=features)


def reported(engine, seed=0, jobs=40):
    """Jobs of two contexts, with and without features, one by one and together."""
    random = np.random.default_rng(seed)
    for k in range(jobs):
        known = {"size": int(random.integers(1, 10**6)), "logic": "sat"} if k % 3 else None
        made = engine.decide("p", "c" if k % 2 else "d", features=known)
        engine.observe(made.id, utility=float(random.normal()))
    many = engine.decide_many("p", ["c", "d"] * 5, features={"size": [*range(1, 10), None], "logic": "unsat"})
    engine.observe_many(many.id, utility=random.normal(size=10))
    return many


def raw_rows(engine):
    """What the posterior was told of jobs, in the order of the store."""
    rows = engine.store.outcomes()
    return engine.serving.name_index.features.encoded(engine.store.features(rows.decision))


def test_what_is_known_of_a_job_is_stored_with_its_decision(url):
    with opened(url, FEATURES) as engine:
        made = engine.decide("p", "c", features={"size": 12_000, "logic": "unsat"})
        assert made.features == (12_000.0, 0.0, 1.0)
        assert engine.store.decision(made.id).features == made.features
        assert engine.features.shown(made.features) == {"size": 12_000, "logic": "unsat"}
        assert engine.decide("p", "c").features is None
        many = engine.decide_many("p", ["c", "d"], features={"size": [5, np.nan]})
        known = [[5, np.nan, np.nan], [np.nan] * 3]
        np.testing.assert_array_equal(engine.store.features(many.id), known)


def test_jobs_of_different_features_have_views_of_their_own():
    engine = opened("memory://", FEATURES)
    many = engine.decide_many("p", "c", features={"size": [1, 1, 2, None, None]})
    views = many.view.tolist()
    assert views[0] == views[1] != views[2] != views[3] == views[4]
    assert engine.decide("p", "c").view == views[4]
    assert engine.explain(int(many.id[0]), replay=True)["replay"]["same"]


def test_a_store_opened_again_has_learned_the_same(url):
    if url == "memory://":
        pytest.skip("it ends with its process")
    with opened(url, FEATURES) as engine:
        reported(engine)
        before, columns = engine.beliefs(), engine.features.columns
        told = raw_rows(engine)
    with opened(url) as again:
        assert again.features.columns == columns
        assert again.features.declared == engine.features.declared
        np.testing.assert_array_equal(raw_rows(again), told)
        np.testing.assert_allclose(again.beliefs()["mean"], before["mean"], atol=1e-8)


@pytest.mark.parametrize("slope", [0.0, 1.0], ids=["noise", "slopes"])
def test_a_store_opened_again_judges_by_the_same_slopes_and_the_same_recent_jobs(slope, tmp_path):
    """Without estimating anything: whether slopes serve, and for which jobs knowledge is worth something, is stored."""
    url, features = f"sqlite:///{tmp_path / 'poolwise.db'}", {"size": {"type": "real"}, "other": {}}
    random, engine = np.random.default_rng(1), opened(url, features)
    for _ in range(90):
        size, other = random.normal(size=2).tolist()
        made = engine.decide("p", f"c{random.integers(3)}", features={"size": size, "other": other})
        gain = {"default": 0.0, "fast": slope, "small": -slope}[made.arm] * size
        engine.observe(made.id, utility=gain + 0.3 * random.normal() * (made.arm != "default"))
    again = opened(url)
    here, there = (one.serving.belief for one in (engine, again))
    assert here.snapshot == there.snapshot
    known = here.posterior.hyperparameters.features
    assert (known.probability < estimation.TOLD) == (slope == 0)
    assert bool(here.posterior.feature_effects().relevance.any()) == (slope != 0)
    found = [one.predict(0, 1, np.array([0.5, -1.0])) for one in (here, there)]
    for name in ("mean", "scale", "wider_mean", "wider_share"):
        one, other = (getattr(part, name) for part in found)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10, err_msg=name)


def test_the_posterior_is_told_of_every_outcome_with_its_features(monkeypatch):
    engine = opened("memory://", FEATURES)
    told = []
    posterior = engine.serving.belief.posterior
    one, several = type(posterior).update, type(posterior).update_many
    monkeypatch.setattr(type(posterior), "update", lambda *a: told.append(a[7:]) or one(*a))
    monkeypatch.setattr(type(posterior), "update_many", lambda *a: told.append(a[7:]) or several(*a))
    for known in ({"size": 20}, None):
        engine.observe(engine.decide("p", "c", features=known).id, utility=0.1)
        engine.decide("p", "c")
    engine.observe_many(engine.decide_many("p", ["c"], features={"size": 7}).id, utility=0.1)
    engine.decide("p", "c")
    (plain,), nothing, (together,) = told[:3]
    np.testing.assert_allclose(plain, [np.log(20), np.nan, np.nan])
    assert nothing == ()
    np.testing.assert_allclose(together, [[np.log(7), np.nan, np.nan]])


def test_withdrawn_outcomes_are_as_if_they_had_never_been():
    engine, other = (opened("memory://", FEATURES) for _ in range(2))
    for one in (engine, other):
        reported(one)
    extra = engine.decide("p", "c", features={"size": 3})
    engine.observe(extra.id, utility=2.0)
    engine.withdraw(decisions=(extra.id, extra.id))
    np.testing.assert_allclose(engine.beliefs()["mean"], other.beliefs()["mean"], atol=1e-8)


def test_a_feature_that_appears_later_was_missing_before(url):
    if url == "memory://":
        pytest.skip("it ends with its process")
    with opened(url) as engine:
        engine.observe(engine.decide("p", "c").id, utility=0.1)
    with opened(url, {"size": FEATURES["size"]}) as engine:
        engine.observe(engine.decide("p", "c", features={"size": 3}).id, utility=0.1)
    with opened(url, {**FEATURES, "depth": {}}) as engine:
        engine.observe(engine.decide("p", "c", features={"depth": 2, "size": 9}).id, utility=0.1)
        nan = np.nan
        known = [[nan] * 4, [np.log(3), nan, nan, nan], [np.log(9), nan, nan, 2]]
        np.testing.assert_allclose(raw_rows(engine), known)


def test_a_feature_that_is_no_longer_declared_is_refused_and_stays_with_its_jobs(url):
    if url == "memory://":
        pytest.skip("it ends with its process")
    with opened(url, FEATURES) as engine:
        engine.observe(engine.decide("p", "c", features={"size": 3}).id, utility=0.1)
    with opened(url, {"logic": FEATURES["logic"]}) as engine:
        with pytest.raises(InputError, match="unknown feature 'size'"):
            engine.decide("p", "c", features={"size": 3})
        np.testing.assert_allclose(raw_rows(engine), [[np.log(3), np.nan, np.nan]])
        assert engine.decide("p", "c", features={"logic": "sat"}).features[1:] == (1.0, 0.0)
    with opened(url, {}) as engine, pytest.raises(InputError, match="none are declared"):
        engine.decide("p", "c", features={"logic": "sat"})


def test_a_feature_cannot_turn_into_another_one(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    opened(url, FEATURES).close()
    wrong = {"size": {"type": "boolean"}}, {"size": {"type": "integer"}}, {"logic": {}}
    for declared in wrong:
        with pytest.raises(ConfigError, match="its decisions rest on that"):
            opened(url, {**FEATURES, **declared})
    more = {**FEATURES, "logic": {"type": "choice", "values": ["qbf", "sat"]}}
    with opened(url, more) as engine:
        assert engine.features.columns == ("size", "logic=sat", "logic=unsat", "logic=qbf")
        with pytest.raises(InputError, match="none of its values"):
            engine.decide("p", "c", features={"logic": "unsat"})


BAD = [{"size": "3"}, {"size": -1}, {"size": np.inf}, {"siz": 1}, {"logic": "qbf"}, [3], "size=3"]


@pytest.mark.parametrize("features", BAD, ids=repr)
def test_a_refusal_changes_nothing(features):
    engine = opened("memory://", FEATURES)
    before = engine.status()
    with pytest.raises(InputError):
        engine.decide("new", "cell", features=features)
    with pytest.raises(InputError):
        engine.decide_many("new", ["cell"], features=features)
    assert engine.status() == before
    assert engine.store.names("project") == []


def test_a_refused_declaration_opens_nothing(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with pytest.raises(SpaceError, match="'size'"):
        opened(url, {"size": {"type": "text"}})
    with opened(url) as engine:
        assert engine.features.columns == ()
        assert engine.store.records("features") == []


def test_what_must_be_there_is_asked_for_every_time():
    engine = opened("memory://", {"size": {"missing": "refused"}})
    engine.decide("p", "c", features={"size": 1})
    for _ in range(2):
        with pytest.raises(InputError, match="missing"):
            engine.decide("p", "c")
    with pytest.raises(InputError, match="missing"):
        engine.decide_many("p", ["c"])
    assert engine.leases.grant([("p", "c")], 8) == []


def test_without_features_nothing_is_asked_of_the_store(monkeypatch):
    engine = opened("memory://")
    monkeypatch.setattr(engine.store, "features", lambda ids: pytest.fail("asked"))
    for _ in range(3):
        engine.observe(engine.decide("p", "c").id, utility=0.1)
    many = engine.decide_many("p", ["c"] * 3)
    engine.observe_many(many.id, utility=0.1)
    assert engine.decide("p", "c", features={}).features is None
    assert engine.serving.belief.posterior.features == 0


def test_an_unlogged_decision_knows_the_job_too(monkeypatch):
    engine = opened("memory://", FEATURES)
    engine.decide("p", "c")

    def locked(*_):
        raise StoreLocked("in use")

    monkeypatch.setattr(engine.store, "append_decision", locked)
    assert engine.decide("p", "c", features={"size": 4}).features[0] == 4.0


CONFIGURATIONS = [Family("default"), Family("tuned", {"level": Real(0.0, 1.0)})]


@pytest.mark.parametrize(("size", "why"), [(None, "resemble each other"), (3, "too many for slopes")])
def test_where_features_decide_nothing_that_is_said(size, why, monkeypatch, caplog):
    """Once in the log, in `status`, and by `explain` of decisions with features alone."""
    if size is not None:
        monkeypatch.setattr(estimation, "_LARGEST", size)
    space = SPACE if size is not None else ArmSpace(CONFIGURATIONS, "default")
    settings = INLINE if size is not None else INLINE._replace(surface="always")
    engine = Engine.open("memory://", space, settings=settings, features=FEATURES)
    made = [engine.decide("p", "c", features=known) for known in ({"size": 12}, None)]
    engine.observe(made[0].id, utility=0.1)
    engine.refit()
    assert why in engine.status()["features_idle"]
    said = [any(why in text for text in engine.explain(one.id)["sentences"]) for one in made]
    assert said == [True, False]
    assert caplog.text.count("decide nothing") == 1


def test_where_features_may_decide_nothing_is_said(caplog):
    engine = opened("memory://", FEATURES)
    made = engine.decide("p", "c", features={"size": 12})
    assert "features_idle" not in engine.status()
    assert not any("decide nothing" in text for text in engine.explain(made.id)["sentences"])
    assert not caplog.text


def odd(kind, sizes, random):
    """Columns beside one that decides."""
    if kind == "constant":
        return {"always": np.full(len(sizes), 7.0), "never": np.full(len(sizes), np.nan)}
    if kind == "equal":
        return {"twin": sizes, "opposite": -sizes}
    if kind == "wide":
        return {"tiny": 1e-12 * random.random(len(sizes)), "huge": 1e12 ** random.uniform(-1, 1, len(sizes))}
    return {f"noise{k}": random.normal(size=len(sizes)) for k in range(500)}


@pytest.mark.parametrize("kind", ["constant", "equal", "wide", "many"])
def test_odd_columns_beside_one_that_decides_do_no_harm(kind):
    random = np.random.default_rng(4)
    sizes = random.normal(size=120)
    given = {"size": sizes, **odd(kind, sizes, random)}
    engine = opened("memory://", {name: {} for name in given})
    known = {name: values.tolist() for name, values in given.items()}
    made = engine.decide_many("p", ["c"] * 120, features=known)
    fast, small = (engine.serving.name_index.ids.index(name) for name in ("fast", "small"))
    slope = np.select([made.arm == fast, made.arm == small], [1.0, -1.0], 0.0)
    engine.observe_many(made.id, utility=slope * sizes + 0.1 * random.normal(size=120) * (slope != 0))
    engine.refit()
    for size, best in ((2.0, "fast"), (-2.0, "small")):
        again = engine.decide("p", "c", features={name: known[name][0] for name in known} | {"size": size})
        view = engine.store.view(again.view)
        assert np.isfinite(view.arrays["mean"]).all()
        if kind not in ("equal", "many"):  # whose other columns speak, too
            assert view.arms[int(np.argmax(view.arrays["mean"]))] == best


def test_features_that_appear_after_ten_thousand_decisions_and_disappear(tmp_path):
    url, random = f"sqlite:///{tmp_path / 'poolwise.db'}", np.random.default_rng(5)
    with opened(url, log_views=False) as engine:
        made = engine.decide_many("p", ["c"] * 10_000)
        engine.observe_many(made.id, utility=0.3 * random.normal(size=10_000) * (made.arm != 0))
    with opened(url, {"size": {}}, log_views=False) as engine:
        for _ in range(100):
            size = float(random.normal())
            one = engine.decide("p", "c", features={"size": size})
            slope = {"default": 0.0, "fast": 1.0, "small": -1.0}[one.arm]
            engine.observe(one.id, utility=slope * size + 0.1 * random.normal() * (slope != 0))
        engine.refit()
        assert engine.overview()["features"][0]["relevance"] > 0
    with opened(url, {"other": {}}, log_views=False) as engine:
        with pytest.raises(InputError, match="size"):
            engine.decide("p", "c", features={"size": 1.0})
        assert 0 < engine.decide("p", "c").probability <= 1
