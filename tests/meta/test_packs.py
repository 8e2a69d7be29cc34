"""Prior packs: out of one store, into another; what is refused; what a private one keeps to itself."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from poolwise.engine import Engine, Settings
from poolwise.errors import DataError, InputError
from poolwise.meta import packs, privacy
from poolwise.meta.combine import Names, joined, log_predictive, matched, stacked
from poolwise.meta.pooling import pooled
from poolwise.parameters import Choice
from poolwise.posterior.crossed import Cells
from poolwise.posterior.gaussian import Statistics
from poolwise.posterior.joint import prior_scales
from poolwise.space import ArmSpace, Family

ARMS = ("default", "fast", "slow")
TRUE = np.array([[0.0, 0.6, -0.4], [0.0, -0.3, -0.6]])
SPACE = ArmSpace([Family(arm) for arm in ARMS], "default")


def learned(projects=6, seed=1, space=SPACE, store="memory://", true=TRUE, tries=4):
    """An engine whose projects have tried every arm in every context."""
    engine = Engine.open(store, space, seed=seed, settings=Settings(log_views=False))
    rng = np.random.default_rng(seed)
    for p in range(projects):
        shift = rng.normal(0, 0.1, true.shape)
        for c, k in np.ndindex(true.shape):
            for _ in range(tries):
                made = engine.decide(f"secret-{p}", f"kind-{c}", available=["default", space.arms[k].family])
                a = [arm.id for arm in space.arms].index(made.arm)
                engine.observe(made.id, utility=float(true[c, a] + shift[c, a] + 0.1 * rng.normal()))
    return engine


@pytest.fixture(scope="module")
def source():
    return learned()


@pytest.fixture(scope="module")
def pack(source):
    return source.priors.exported("community")


def belief(engine, project="new"):
    """Mean utility [context, arm] in a project without outcomes."""
    for c in range(2):
        engine.decide(project, f"kind-{c}")
    table = engine.beliefs().query("project == @project")
    return table.pivot_table("mean", "context", "arm")[list(ARMS)].to_numpy()


def test_written_and_read_it_is_the_same(pack, tmp_path):
    packs.write(tmp_path / "x.json", pack)
    again = packs.read(tmp_path / "x.json")
    assert packs.to_dict(again) == packs.to_dict(pack)
    assert again.scales == pack.scales


def test_a_card_goes_along(source, tmp_path):
    (tmp_path / "card.json").write_text('{"policy": "thompson", "temperature": 0.5}')
    sent = source.priors.exported("x", card=packs.read_card(tmp_path / "card.json"))
    packs.write(tmp_path / "x.json", sent)
    assert packs.read(tmp_path / "x.json").card == {"policy": "thompson", "temperature": 0.5}
    (tmp_path / "card.json").write_text("[1]")
    with pytest.raises(DataError, match="is no card"):
        packs.read_card(tmp_path / "card.json")


def test_no_project_and_no_event_is_in_it(pack):
    text = json.dumps(packs.to_dict(pack))
    assert "secret" not in text
    assert "decision" not in text


def test_the_pooled_mean_is_that_of_equal_projects():
    """Many outcomes per project, all equally informative: the mean of the projects' means; its variance by hand."""
    random = np.random.default_rng(0)
    rows = np.indices((4, 2, 3)).reshape(3, -1).repeat(50, 1)
    y = random.normal(0.2, 0.3, rows.shape[1])
    stats, scales = Statistics.of(*rows, y, shape=(4, 2, 3)), prior_scales(np.arange(3), np.ones((3, 2)))
    found = pooled(stats, scales, stats.count, stats.count, 3, None)
    np.testing.assert_allclose(found.mean, (stats.total / 50).mean(0))
    # Every arm is a family of its own: no effects of families along a project.
    between = sum(t.project**2 + t.cell**2 for t in scales.gaussian.hyper[:3]) - scales.gaussian.hyper.family.project**2
    variance = (between + scales.gaussian.hyper.noise**2 / 50) / 4
    np.testing.assert_allclose(1 / found.precision, np.broadcast_to(variance, (2, 3)))
    assert (found.projects == 4).all()


def test_nothing_rests_on_fewer_projects_than_the_minimum(source):
    rare = learned(3)
    for p in range(2):
        made = rare.decide(f"secret-{p}", "rare")
        rare.observe(made.id, utility=0.1)
    found = rare.priors.exported("x", minimum=3)
    assert "rare" not in found.contexts
    assert ((found.precision == 0) == (found.projects < 3)).all()
    with pytest.raises(InputError, match="3 projects with outcomes are too few"):
        rare.priors.exported("x", minimum=4)
    with pytest.raises(InputError, match="1 project with outcomes is too few"):
        learned(1, tries=1).priors.exported("x")


def test_clipping_bounds_what_one_project_can_do():
    """Four projects, one of them at 4: no more than a quarter of the bound comes from it."""
    count, total = np.full((4, 1, 2), 5.0), np.zeros((4, 1, 2))
    total[0] = 20.0
    stats, scales = Statistics(count, total, total**2 / 5), prior_scales(np.arange(2), np.ones((2, 2)))
    free, tame = (pooled(stats, scales, count, count, 3, clip).mean for clip in (None, 0.4))
    np.testing.assert_allclose(free, 1.0)
    np.testing.assert_allclose(tame, 0.1)


def test_a_new_store_starts_from_it(pack):
    engine = Engine.open("memory://", SPACE, seed=3)
    nothing = belief(engine)
    report = engine.priors.adopt([pack])
    assert report[0]["arms"] == list(ARMS)
    assert report[0]["new_contexts"] == []
    assert np.abs(belief(engine) - TRUE).mean() < 0.15
    assert np.abs(nothing - TRUE).mean() > 0.25


def test_whoever_opens_the_store_again_believes_the_same(pack, tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    first = Engine.open(url, SPACE, seed=3)
    other = Engine.open(url, SPACE)
    first.priors.adopt([pack])
    expected = belief(first)
    other.refresh()
    np.testing.assert_allclose(belief(other), expected, atol=0.1)  # only the first has estimated its scales again
    first.close()
    again = Engine.open(url, SPACE)
    np.testing.assert_allclose(belief(again), expected, rtol=1e-9)
    again.refit()
    made = again.decide("new", "kind-0", available=["default", "fast"])
    assert made.arm == "fast"
    told = again.explain(made.id)
    assert told["packs"][0]["pack"] == "community"
    assert any("The pack community" in sentence for sentence in told["sentences"])


def test_own_outcomes_outweigh_a_pack_that_is_wrong(pack):
    wrong = pack._replace(mean=-pack.mean, name="wrong")
    engine = learned(3, seed=5)
    weight = {one["pack"]: one["weight"] for one in engine.priors.adopt([pack, wrong])}
    assert weight["community"] > 0.6 > 0.3 > weight["wrong"]
    assert np.abs(belief(engine) - TRUE).mean() < 0.2


def test_packs_weigh_the_same_before_any_outcome(pack):
    engine = Engine.open("memory://", SPACE, seed=3)
    assert [one["weight"] for one in engine.priors.adopt([pack, pack])] == pytest.approx([0.475, 0.475])


def names(arms=ARMS, families=None, contexts=("kind-0", "kind-1"), baseline="default"):
    return Names(contexts, arms, families or arms, baseline, np.tile((3.0, 0.6), (len(arms), 1)), -0.7)


def test_two_packs_that_say_the_same_are_not_twice_the_evidence(pack):
    one = matched(pack, names())
    alone, both = joined([one], np.array([1.0, 0.0]))[0], joined([one, one], np.array([0.5, 0.5, 0.0]))[0]
    np.testing.assert_allclose(both.median.pooled.precision, alone.median.pooled.precision)
    np.testing.assert_allclose(both.median.pooled.information, alone.median.pooled.information)


def test_a_pack_that_speaks_alone_keeps_its_weight(pack):
    one = matched(pack, names())
    silent = one._replace(precision=one.precision * [[1, 1, 0]] * 1.0)
    found = joined([one, silent], np.array([0.5, 0.5, 0.0]))[0].median.pooled
    np.testing.assert_allclose(found.precision[:, 2], one.precision[:, 2])


def test_stacking_finds_the_pack_that_predicts(pack):
    good = matched(pack, names())
    bad = good._replace(mean=good.mean + 1.0)
    count = np.full((5, 2, 3), 8.0)
    data = Cells(count, np.broadcast_to(TRUE, count.shape), np.zeros_like(count))
    weights = stacked(log_predictive([bad, good], data, np.full((2, 3), 0.2)))
    assert weights[1] > 0.8
    assert weights.sum() == pytest.approx(1)


def test_arms_are_matched_by_name_and_strangers_by_family():
    space = ArmSpace([Family("default"), Family("fast", {"level": Choice([1, 2])})], "default")
    source = learned(4, space=space, true=np.array([[0.0, 0.5, 0.7], [0.0, 0.3, 0.5]]), tries=6)
    sent = source.priors.exported("x")
    other = ArmSpace([Family("default"), Family("fast", {"level": Choice([2, 3])}), Family("new")], "default")
    engine = Engine.open("memory://", other, seed=1)
    report = engine.priors.adopt([sent])[0]
    assert report["arms"] == ["default", "fast(level=2)"]
    assert report["by_family"] == ["fast(level=3)"]
    assert report["unused"]["arms"] == ["fast(level=1)"]
    engine.decide("p", "kind-0")
    rows = engine.beliefs().query("context == 'kind-0'").set_index("arm")
    assert rows.loc["fast(level=2)", "sd"] < rows.loc["fast(level=3)", "sd"] < rows.loc["new", "sd"]
    assert rows.loc["fast(level=3)", "mean"] > 0.2


def test_another_baseline_shifts_all_utilities(pack):
    found = matched(pack, names(baseline="slow"))
    known = pack.precision[:, 2] > 0  # only where something is known of the new baseline
    assert known.any()
    np.testing.assert_allclose(found.mean[known], (pack.mean - pack.mean[:, [2]])[known])
    assert not found.precision[~known].any()
    assert (found.precision[known][:, 1:] < pack.precision[known][:, 1:]).all()
    np.testing.assert_allclose(found.precision[known][:, 0], pack.precision[known][:, 2])  # the old one is worth 0
    lost = matched(pack, names(arms=("default", "fast", "plain"), baseline="plain"))
    assert not lost.precision.any()
    assert "plain" in lost.unused["effects"]


def test_a_pack_for_another_arm_space_is_refused(pack):
    stranger = ArmSpace([Family("x"), Family("y")], "x")
    with pytest.raises(InputError, match="for another arm space, nothing of it can be used"):
        Engine.open("memory://", stranger, seed=1).priors.adopt([pack._replace(scales={})])


BROKEN = {
    "is no prior pack": lambda body: [1, 2],
    "is no prior pack: write": lambda body: {**body, "format": "else"},
    "has schema 2": lambda body: {**body, "schema": 2},
    "was changed since": lambda body: {**body, "minimum": 1},
    "lacks or garbles": lambda body: _dropped(body, "arms"),
    "lacks or garbles could not": lambda body: _with(body, mean="many"),
    "more successes than outcomes": lambda body: _with(body, successes=[[9e9] * 3] * 2),
    "holds a scale": lambda body: _with(body, scales={"arm.level": [-1.0, 0.1]}),
    "holds a precision": lambda body: _with(body, precision=[[-1.0] * 3] * 2),
    "twice": lambda body: _with(body, arms=["default", "fast", "fast"]),
}


def _with(body, **fields):
    body = {**body, **fields}
    return {**body, "checksum": packs.checksum(body)}


def _dropped(body, name):
    return _with({key: value for key, value in body.items() if key != name})


@pytest.mark.parametrize("message", BROKEN)
def test_what_is_no_sound_pack_is_refused(pack, message):
    with pytest.raises(DataError, match=message):
        packs.from_dict(BROKEN[message](packs.to_dict(pack)))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(pack, tmp_path, value):
    text = json.dumps({**packs.to_dict(pack), "minimum": "@"}).replace('"@"', value)
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match="cannot be read as JSON"):
        packs.read(tmp_path / "x.json")


@pytest.mark.parametrize(("text", "message"), [("", "as JSON"), ("{", "as JSON"), ("{}", "is no prior pack")])
def test_files_that_are_no_packs(tmp_path, text, message):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=message):
        packs.read(tmp_path / "x.json")
    with pytest.raises(DataError, match="cannot read"):
        packs.read(tmp_path / "none.json")
    with pytest.raises(DataError, match="cannot write"):
        packs.write(tmp_path / "no" / "x.json", packs.from_dict(packs.to_dict(_EMPTY)))


_EMPTY = packs.Pack("p", (), ("a",), ("a",), "a", *[np.zeros((0, 1))] * 5, False, {}, (), (0, 0), 3, None, None)


def rows(projects=5, contexts=3, arms=4, seed=0, n=30):
    rng = np.random.default_rng(seed)
    index = [rng.integers(0, size, projects * n) for size in (projects, contexts, arms)]
    return (*index, rng.normal(0, 2, projects * n), rng.random(projects * n) < 0.8)


PUBLIC = prior_scales(np.arange(4), np.tile((3.0, 0.6), (4, 1)))


def test_no_project_gives_more_than_its_bound():
    told = privacy.given(rows(), (5, 3, 4), PUBLIC, -0.7, bound=0.6)
    assert (np.linalg.norm(told.counts, axis=1) <= 1 + 1e-9).all()
    norms = np.linalg.norm(told.values.reshape(5, -1), axis=1)
    assert (norms <= 0.6 + 1e-9).all()
    assert norms.max() > 0.3


def test_what_a_project_gives_rests_on_its_own_outcomes_alone():
    every = rows()
    without = tuple(column[every[0] != 4] for column in every)
    whole, part = (privacy.given(r, (5, 3, 4), PUBLIC, -0.7, 1.0) for r in (every, without))
    np.testing.assert_allclose(whole.values[:4], part.values[:4])
    assert not part.values[4].any()


@pytest.mark.parametrize("mu", [0.3, 0.5, 1.0])
def test_noise_is_what_the_accountant_says(mu):
    """mu^2 = (1 / scale of counts)^2 + (bound / scale of values)^2, and the noise has these scales."""
    told = privacy.given(
        rows(contexts=40, arms=30, projects=2), (2, 40, 30), prior_scales(np.arange(30), np.ones((30, 2))), -0.7, 0.8
    )
    found = privacy.noisy(told, mu, np.random.default_rng(1))
    assert np.hypot(1 / found.scales[0], 0.8 / found.scales[1]) == pytest.approx(mu)
    assert (found.values - told.values.sum(0)).std() == pytest.approx(found.scales[1], rel=0.1)
    assert (found.counts - told.counts.sum(0)).std() == pytest.approx(found.scales[0], rel=0.5)


def test_epsilon_is_where_the_two_densities_cross():
    """delta(epsilon) by integration of max(0, p - e^eps q) for p = N(mu, 1), q = N(0, 1)."""
    mu, e = 0.7, privacy.epsilon(0.7, 1e-3)
    x = np.linspace(-10, 10, 400_001)
    gap = np.maximum(norm.pdf(x, mu) - np.exp(e) * norm.pdf(x), 0).sum() * (x[1] - x[0])
    assert gap == pytest.approx(1e-3, rel=1e-3)


def test_the_best_attacker_is_right_as_often_as_promised_and_no_more():
    """A project that gives all it may, against one who knows all others: likelihood ratio of the noisy sums."""
    counts, values = np.zeros((2, 3)), np.zeros((2, 3, 4))
    counts[1], values[1] = 1 / np.sqrt(3), 1 / np.sqrt(12)
    told = privacy.Given(counts, values, np.zeros(4), 1 / np.sqrt(3), 1.0)
    rng, right, trials = np.random.default_rng(3), 0, 4000
    for trial in range(trials):
        present = trial % 2
        world = told._replace(counts=counts[: 1 + present], values=values[: 1 + present])
        seen = privacy.noisy(world, privacy.MU, rng)
        score = sum(
            ((part - other / 2) * other).sum() / scale**2
            for part, other, scale in zip(seen[:2], (counts[1], values[1]), seen.scales, strict=True)
        )
        right += (score > 0) == bool(present)
    error = 0.5 / np.sqrt(trials)
    assert right / trials == pytest.approx(norm.cdf(privacy.MU / 2), abs=3.3 * error)


def test_a_private_pack_of_many_projects_tells_the_truth():
    """With little noise, what it says of utility is what the projects expect, and a new store starts from it."""
    sent = learned(8, tries=3).priors.exported_privately("x", mu=9.9, bound=3.0, seed=1)
    assert sent.promise["mu"] == 9.9
    assert not sent.scales
    engine = Engine.open("memory://", SPACE, seed=3)
    nothing = belief(engine)
    engine.priors.adopt([sent])
    found = belief(engine)
    assert (found[0].argmax(), found[1].argmax()) == (1, 0)
    assert np.abs(found - TRUE).mean() < 0.9 * np.abs(nothing - TRUE).mean()


def test_private_packs_of_one_store_add_up():
    engine = learned(4, tries=1)
    first = engine.priors.exported_privately("x", mu=0.3)
    second = engine.priors.exported_privately("x", mu=0.4)
    assert first.promise["with_earlier_packs"]["mu"] == pytest.approx(0.3)
    assert second.promise["with_earlier_packs"]["mu"] == pytest.approx(0.5)
    again = engine.priors.exported_privately("x", mu=9.0, minimum=1)
    other = engine.priors.exported_privately("x", mu=9.0, minimum=1)
    assert again.mean.tolist() != other.mean.tolist()
