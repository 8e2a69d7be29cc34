"""Directions of features: what changes nothing, what is refused an influence, and that nothing is lost on disk."""

import json

import numpy as np
import pytest

from poolwise.posterior.features import estimation, feature_map, normal_scores
from poolwise.posterior.features.rows import FeatureRows


def rows(raw, utility=None, seed=0):
    size, rng = len(raw), np.random.default_rng(seed)
    utility = rng.normal(size=size) if utility is None else utility
    index = np.zeros(size, int)
    return FeatureRows(raw, index, index, rng.integers(3, size=size), utility, np.ones(size), np.full(size, np.nan),
                       np.ones(size))  # fmt: skip


def raw(jobs=200, features=5, seed=0):
    return np.random.default_rng(seed).normal(size=(jobs, features))


def test_monotone_transformations_change_nothing():
    plain = raw()
    bent = np.column_stack([np.exp(plain[:, 0]), plain[:, 1] ** 3, 1e12 * plain[:, 2], plain[:, 3:]])
    one, other = (normal_scores.apply(normal_scores.fit(part), part) for part in (plain, bent))
    np.testing.assert_allclose(one, other, atol=0.12)  # between two of 33 knots, evenly spaced in the score


@pytest.mark.parametrize("jobs", [100, 1_000])
def test_ranks_tell_normal_scores_as_well_as_the_belief_allows_for(jobs):
    """n times the variance of their error at usual jobs, but for mean and spread, over 100 data sets: 1 by half."""
    random, found = np.random.default_rng(0), []
    for _ in range(100):
        seen, new = random.normal(size=(jobs, 1)), np.clip(random.normal(size=400), -2, 2)
        error = normal_scores.apply(normal_scores.fit(seen), new[:, None])[:, 0] - new
        left = error - np.polyval(np.polyfit(new, error, 1), new)
        found.append(jobs * float((left**2).mean()))
    assert estimation._RANKS / 1.5 < np.mean(found) < 1.5 * estimation._RANKS


@pytest.mark.parametrize("bad", [np.full(200, 3.0), np.full(200, np.nan)], ids=["constant", "missing"])
def test_what_never_varies_has_no_direction(bad):
    plain = raw()
    wide = np.column_stack([plain, bad])
    assert 5 not in normal_scores.fit(wide).column
    assert np.isfinite(feature_map.apply(feature_map.fit(rows(wide)), wide)).all()


def test_nothing_that_varies_is_no_map():
    assert feature_map.fit(rows(np.ones((50, 3)))) is None


def test_equal_features_are_one_direction():
    plain = raw(features=1)
    assert feature_map.fit(rows(np.hstack([plain, plain]))).blocks[0] == 1


@pytest.mark.parametrize("features", [1, 5, 300])
def test_a_block_gives_a_usual_job_the_variance_one(features):
    plain = raw(features=features)
    known = feature_map.fit(rows(plain))
    square = feature_map.apply(known, plain) ** 2
    ends = np.cumsum(known.blocks)
    assert known.size <= feature_map.MOST
    assert square[:, : ends[0]].sum(1).mean() == pytest.approx(1.0, abs=0.05)
    if known.blocks[1]:
        assert square[:, ends[0] :].sum(1).mean() == pytest.approx(1.0, abs=0.05)


def test_a_missing_number_is_the_usual_one():
    plain = raw()
    known = normal_scores.fit(plain)
    assert normal_scores.apply(known, np.full(5, np.nan))[:5] == pytest.approx(np.zeros(5))


def test_numbers_beyond_those_seen_stay_at_the_ends():
    plain = raw()
    known = feature_map.fit(rows(plain))
    far = feature_map.apply(known, np.full(5, 1e300))
    assert np.isfinite(far).all()
    assert np.abs(far).max() < 10


def test_columns_of_noise_get_a_small_part_of_the_directions():
    wide = raw(jobs=600, features=21)
    useful = wide[:, 0] + 0.5 * np.random.default_rng(1).normal(size=600)
    known = feature_map.fit(rows(wide, useful))
    before = feature_map.apply(known, wide)[:, : known.blocks[0]]
    part = np.linalg.lstsq(before, wide[:, 0] - wide[:, 0].mean(), rcond=None)[0]
    assert np.corrcoef(before @ part, wide[:, 0])[0, 1] > 0.95
    assert known.share[0] ** 2 > 0.8


def test_it_comes_back_from_json_bit_for_bit():
    wide = raw(features=7)
    wide[::3, 2] = np.nan
    known = feature_map.fit(rows(wide))
    again = feature_map.from_dict(json.loads(json.dumps(feature_map.to_dict(known))))
    np.testing.assert_array_equal(feature_map.apply(known, wide), feature_map.apply(again, wide))
