"""Slopes on features in prior packs: what they say, that they help another store, and what is refused."""

import json

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.errors import DataError
from poolwise.meta import packs
from poolwise.meta.packs import checksum, from_dict, to_dict
from poolwise.posterior.features import borrowed, feature_prediction
from poolwise.posterior.features.serving import FeatureEffectsFilter
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.posterior import Posterior
from poolwise.space import ArmSpace, Family

SLOPES = {"default": 0.0, "fast": 1.0, "slow": -1.0, "other": 0.1}
SPACE = ArmSpace([Family(name) for name in SLOPES], "default")
FEATURES = {"size": {"type": "real"}, "other": {"type": "integer"}}
INLINE = Settings(backend="numpy", estimate="inline")


def opened(seed, features=FEATURES):
    return Engine.open("memory://", SPACE, seed=seed, features=features, settings=INLINE)


def lost(engine, seed, jobs, projects=("p",)):
    """Regret of so many jobs whose size decides."""
    random, total = np.random.default_rng(seed), 0.0
    for k in range(jobs):
        size, other = float(random.normal()), int(random.integers(100))
        known = {name: value for name, value in (("size", size), ("other", other)) if name in engine.features.declared}
        made = engine.decide(projects[k % len(projects)], f"c{random.integers(2)}", features=known)
        noise = 0.2 * random.normal() * (made.arm != "default")
        engine.observe(made.id, utility=SLOPES[made.arm] * size + noise)
        total += max(slope * size for slope in SLOPES.values()) - SLOPES[made.arm] * size
    return total


@pytest.fixture(scope="module")
def pack():
    engine = opened(1)
    lost(engine, 0, 200, ("a", "b", "c"))
    found = engine.priors.exported("first")
    assert found.slopes is not None
    return found


def test_a_store_that_begins_with_a_pack_loses_less_in_its_first_50_jobs(pack):
    """By more than 4 standard errors of the mean of the pairs: 5 of them, t with 4 degrees, false alarm below 1 %."""
    pairs = []
    for seed in range(5):
        mine, other = opened(10 + seed), opened(10 + seed)
        mine.priors.adopt([pack])
        pairs.append(lost(other, 50 + seed, 50) - lost(mine, 50 + seed, 50))
    assert np.mean(pairs) > 5
    assert min(pairs) > 0


def test_a_pack_that_lies_is_left(pack):
    """Slopes of the other sign: after 100 jobs, those of this store decide."""
    lent = pack.slopes.slopes
    liar = pack._replace(slopes=pack.slopes._replace(slopes=lent._replace(information=-lent.information)))
    engine = opened(3)
    engine.priors.adopt([liar])
    lost(engine, 5, 100)
    assert lost(engine, 6, 50) < 10
    assert not engine.serving.belief.posterior.hyperparameters.features.borrowed


def test_it_comes_back_from_its_file(pack, tmp_path):
    packs.write(tmp_path / "pack.json", pack)
    again = packs.read(tmp_path / "pack.json").slopes
    assert again.columns == pack.slopes.columns == (("size", "real", False), ("other", "real", False))
    for name in ("scales", "precision", "information"):
        np.testing.assert_array_equal(getattr(again.slopes, name), getattr(pack.slopes.slopes, name))


def test_the_largest_and_the_smallest_number_of_all_jobs_are_not_in_its_file(pack):
    every = pack.slopes.slopes.map.scores.value[:, 0]
    every = every[np.isfinite(every)]
    assert to_dict(pack)["slopes"]["map"]["knots"][0][1] == every[1:-1].tolist()


def test_features_that_a_store_does_not_have_are_told_and_left(pack):
    engine = opened(4, {"size": {"type": "real"}})
    (used,) = engine.priors.adopt([pack])
    assert used["unused"]["features"] == ["other"]
    assert lost(engine, 7, 50) < 6
    plain = opened(4, {"size": {"type": "real", "log": True}})
    assert plain.priors.adopt([pack])[0]["unused"]["features"] == ["size", "other"]
    assert plain.serving.belief.posterior.hyperparameters.features is None


def test_whoever_opens_the_store_again_believes_the_same(pack, tmp_path):
    url = f"sqlite:///{tmp_path / 'poolwise.db'}"
    one = Engine.open(url, SPACE, features=FEATURES, settings=INLINE)
    one.priors.adopt([pack])
    other = Engine.open(url, SPACE, settings=INLINE)
    found = [e.serving.belief.posterior.predict(0, 0, [1.0, 3.0]).mean for e in (one, other)]
    np.testing.assert_allclose(*found, rtol=1e-10)
    assert found[0][1] > found[0][2] + 1


def _damaged(body, *path, value):
    part = body
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("precision", 1, 0, 0), "x"),
        (("precision", 1, 0, 0), -1e9),
        (("precision", 1, 0, 1), 1e9),
        (("precision", 1, 0, 0), 1e300),
        (("precision",), []),
        (("information", 0), [1.0]),
        (("scales",), [[-1.0, 1.0]] * 3),
        (("jobs",), 0),
        (("jobs",), 10**400),
        (("columns",), []),
        (("columns",), [["a", "real"]]),
        (("columns",), [["x" * 10_000, "real", False]] * 2),
        (("map", "knots", 0, 1), [3.0, 2.0, 1.0]),
        (("map", "knots", 0, 0), 7),
        (("map", "knots", 0, 2), [99.0] * 31),
        (("map", "knots"), []),
        (("map", "axes"), [[1.0]]),
        (("map", "share"), [1e300]),
        (("map", "smooth"), 99),
        (("map",), None),
    ],
)
def test_what_is_no_evidence_is_refused(path, value, pack):
    body = json.loads(json.dumps(to_dict(pack)))
    body = _damaged(body, "slopes", *path, value=value)
    with pytest.raises(DataError):
        from_dict({**body, "checksum": checksum(body)})


def test_evidence_and_prior_are_the_posterior_of_one_arm():
    """Of one arm, nothing comes from others: what is exported, joined with the prior of slopes, is what serves."""
    random = np.random.default_rng(3)
    own = Posterior(init_hyperparameters(np.zeros(1, int), np.tile((3.0, 0.6), (1, 1))), -0.7, contexts=2, features=2)
    raw, context = random.normal(size=(120, 2)), random.integers(2, size=120)
    utility = raw @ [1.0, -0.5] + 0.3 * random.normal(size=120)
    own.update_many(np.zeros(120, int), context, np.zeros(120, int), utility, np.ones(120, bool), raw=raw)
    own.reestimate()
    known, stats, *_, rows = own.estimation_arguments()
    features = known.features
    given = features.map, features.scales, features.jobs, known.weight
    found = borrowed.exported(known.gaussian, *given, stats, rows)
    form = FeatureEffectsFilter(known.gaussian, features, known.weight, stats, rows)
    mean, covariance = feature_prediction.slopes_of_arms(form.structure, form.state)
    tiers = features.scales[[0, 2]] if not known.gaussian.families else features.scales
    prior = np.repeat((np.maximum(tiers, 1e-5) ** 2).sum(0), features.map.blocks)
    size = features.map.size
    expected = np.linalg.inv(found.precision[0] + np.diag(1 / prior))
    np.testing.assert_allclose(covariance[0, :size, :size], expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mean[0, :size], expected @ found.information[0], rtol=1e-6, atol=1e-8)
