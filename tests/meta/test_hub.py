"""Packs of many sites as one: near what all share, and a tenth that lies moves little."""

import numpy as np
import pytest

from poolwise.errors import InputError
from poolwise.meta import hub, privacy, secure_noise
from poolwise.meta.packs import Pack, from_dict, to_dict

CONTEXTS, ARMS = ("x", "y", "z"), ("base", "a", "b", "c")
TRUTH = np.random.default_rng(3).normal(0, 0.4, (3, 4)) * (np.arange(4) > 0)
BETWEEN, OWN = 0.1, 0.05


def site(random, *, name="s", lie=0.0, claimed=OWN, **changed):
    mean = TRUTH + random.normal(0, BETWEEN, TRUTH.shape) + random.normal(0, OWN, TRUTH.shape) + lie
    full = np.full(TRUTH.shape, 1.0)
    pack = Pack(name, CONTEXTS, ARMS, ARMS, "base", mean * (np.arange(4) > 0), full / claimed**2, 9 * full, 20 * full,
                18 * full, False, {}, (), (9, 90), 3, None, None)  # fmt: skip
    return pack._replace(**changed)


def sites(count, seed=0, liars=0, **lying):
    random = np.random.default_rng(seed)
    return [site(random, **(lying if number < liars else {})) for number in range(count)]


def far(pack):
    """Standardised distance from the truth of what the pack believes of the next site, over nine cells."""
    return (pack.mean - TRUTH)[:, 1:] * np.sqrt(pack.precision[:, 1:])


def test_it_finds_what_sites_share_and_how_far_they_differ():
    """Its interval is that of another site: variance BETWEEN^2 and what forty sites leave open."""
    found = hub.combine(sites(40), "all").pack
    assert np.abs((found.mean - TRUTH)[:, 1:]).max() < 4 * np.sqrt(np.pi / 2 * (BETWEEN**2 + OWN**2) / 40)
    spread = 1 / np.sqrt(found.precision[:, 1:])
    assert 0.6 * BETWEEN < np.median(spread) < 1.6 * BETWEEN
    assert from_dict(to_dict(found)).size == (360, 3600)
    np.testing.assert_allclose(found.successes[:, 1:] / found.amount[:, 1:], 0.9)


@pytest.mark.parametrize(("lie", "claimed"), [(3.0, OWN), (-3.0, 1e-4), (0.5, 1e-6)])
def test_a_tenth_that_lies_moves_little_whatever_it_claims(lie, claimed):
    """The median of 36 honest sites moves by a few of its standard errors; a mean would move by a tenth of the lie."""
    honest = hub.combine(sites(40), "all").pack
    found = hub.combine(sites(40, liars=4, lie=lie, claimed=claimed), "all")
    assert np.abs(found.pack.mean - honest.mean).max() < 0.6 * BETWEEN
    assert np.abs(far(found.pack)).max() < 2.0


def test_who_is_alone_with_its_numbers_counts_little():
    found = hub.combine(sites(20, liars=1, lie=2.0), "all")
    assert found.weights[0] < 0.7 / 20
    assert found.weights[0] == found.weights.min()
    assert found.weights.sum() == pytest.approx(1.0)


def test_contexts_and_arms_are_matched_by_name():
    random = np.random.default_rng(1)
    some = [site(random) for _ in range(4)]
    other = site(random, contexts=("q", "y", "z"), arms=("base", "a", "b", "new"), families=("base", "a", "b", "new"))
    pack = hub.combine([*some, other], "all").pack
    assert pack.contexts == (*CONTEXTS, "q")
    assert pack.arms == (*ARMS, "new")
    assert not pack.precision[3].any(), "one site alone is too few"
    assert not pack.precision[:, 4].any()
    assert (pack.precision[:3, 1:4] > 0).all()


def test_what_cannot_be_combined_is_said():
    random = np.random.default_rng(1)
    with pytest.raises(InputError, match="too few"):
        hub.combine([site(random)] * 2, "all")
    with pytest.raises(InputError, match="plain and private"):
        hub.combine([site(random), site(random), site(random, whole=True)], "all")


def test_the_promise_is_that_of_the_site_which_promises_least():
    promises = [{"with_earlier_packs": {"mu": mu}} for mu in (0.5, 0.9, 0.7)]
    random = np.random.default_rng(1)
    packs = [site(random, whole=True, promise=promise) for promise in promises]
    assert hub.combine(packs, "all").pack.promise == promises[1]
    assert hub.combine([*packs[:2], site(random, whole=True)], "all").pack.promise is None


@pytest.mark.skipif(not secure_noise.installed(), reason="OpenDP is not installed: pip install 'poolwise[privacy]'")
def test_noise_of_opendp_has_the_scale_that_is_accounted_for():
    """Variance of 4,000 samples within 5 standard errors: a false alarm once in 2 million."""
    told = privacy.Contributions(np.zeros((1, 4_000)), np.zeros((1, 2_000, 2)), np.zeros(2), 1.0, 0.5)
    for part, scale in zip(found := privacy.add_noise(told, 0.5), found.scales, strict=False):
        assert part.var() == pytest.approx(scale**2, rel=5 * (2 / 4_000) ** 0.5)
