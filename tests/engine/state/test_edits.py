"""A store whose space changes: it opens, arms stay what they were and go on telling, undoing gives the beliefs back."""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poolwise import policy
from poolwise.engine import Engine, Safety, Settings
from poolwise.engine.indexing.arms import Axes, aligned, arm_index, indexed
from poolwise.engine.state import checkpoint
from poolwise.errors import PoolwiseError
from poolwise.space import ArmSpace, Family
from poolwise.space.memory import remembered
from poolwise.space.parameters import Choice, Integer, Real
from poolwise.store import open_store
from poolwise.store.base import DecisionColumns

GRID = {"n": Integer(1, 64, log=True, levels=7), "r": Real(0.0, 1.0, levels=5), "k": Choice(["a", "b"])}
INLINE = Settings(estimate="inline", domain_priors=(("f", 3.0, 1.0),), utility_priors=(("f", 0.1, 0.2),))


def space(parameters=GRID, baseline="d", more=(), **rules):
    return ArmSpace([Family("d"), Family("f", parameters, **rules), *more], baseline)


EDITS = {
    "parameter added": space({**GRID, "z": Choice([1, 2, 3])}, limit=500),
    "parameter without a choice added": space({**GRID, "z": Choice([1])}),
    "parameter removed": space({"n": GRID["n"], "r": GRID["r"]}),
    "value added": space({**GRID, "k": Choice(["a", "b", "c"])}),
    "value renamed": space({**GRID, "k": Choice(["a", "B"])}),
    "narrowed to one value": space({**GRID, "k": Choice(["a"])}),
    "log scale taken off": space({**GRID, "n": Integer(1, 64, levels=7)}),
    "log scale put on": space({**GRID, "r": Real(0.01, 1.0, log=True, levels=5)}),
    "range widened": space({**GRID, "n": Integer(1, 1024, log=True, levels=11)}),
    "range narrowed": space({**GRID, "n": Integer(4, 16, log=True, levels=3)}),
    "number became a choice": space({**GRID, "n": Choice(["x", "y"])}),
    "choice became a number": space({**GRID, "k": Integer(1, 4)}),
    "no parameters any more": ArmSpace([Family("d"), Family("f")], "d"),
    "parameters reordered": space(dict(reversed(GRID.items()))),
    "large family added": ArmSpace([Family("aa", {"q": Integer(0, 99, levels=60)}), *space().families], "d"),
    "family gone": ArmSpace([Family("d"), Family("e")], "d"),
    "another baseline": space(baseline="f(k=a,n=1,r=0)"),
    "condition added": space(conditions={"k": {"n": [1, 2, 4]}}),
    "thinned": space(limit=30),
    "forbidden": space(forbidden=[{"k": "b"}]),
}
BEGINNINGS = {"smooth": space(), "few": space({"k": Choice(["a", "b", 3])}), "plain": EDITS["no parameters any more"]}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A file with 40 outcomes for each beginning, and what is believed when it is opened, once scales are estimated."""
    folder, found = tmp_path_factory.mktemp("stores"), {}
    for name, arms in BEGINNINGS.items():
        path, random = folder / f"{name}.db", np.random.default_rng(0)
        with Engine.open(f"sqlite:///{path}", arms, seed=1, settings=INLINE) as engine:
            for k in range(40):
                made = engine.decide(f"p{k % 2}", f"c{k % 3}")
                engine.observe(made.id, utility=float(random.normal(0.1 * len(made.params), 0.2)))
        believed(path, arms)
        found[name] = path, believed(path, arms)
    return found


def believed(path, arms):
    said = INLINE if any(family.name == "f" for family in arms.families) else Settings(estimate="inline")
    with Engine.open(f"sqlite:///{path}", arms, settings=said) as engine:
        return engine.beliefs().set_index(["project", "context", "arm"])[["mean", "sd", "n"]].to_numpy()


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("edit", EDITS)
def test_a_store_opens_with_any_space_and_undoing_gives_its_beliefs_back(stores, tmp_path, beginning, edit):
    original, before = stores[beginning]
    path = shutil.copy(original, tmp_path / "events.db")
    assert np.isfinite(believed(path, EDITS[edit])).all()
    np.testing.assert_allclose(believed(path, BEGINNINGS[beginning]), before, rtol=0, atol=1e-9)


values = st.lists(st.sampled_from(["a", "b", "c", 1, 2, True, 0.5]), min_size=1, max_size=3, unique_by=repr).map(Choice)
numbers = st.builds(lambda low, width: Integer(low, low + width, levels=3), st.integers(1, 5), st.integers(0, 9))
edited = st.dictionaries(st.sampled_from(["k", "n", "z"]), values | numbers, max_size=3)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parameters=edited, surface=st.sampled_from(["auto", "always"]))
def test_any_edit_and_its_undoing(stores, tmp_path_factory, parameters, surface):
    """Also with decisions and outcomes in between: then what the first space offers is still believed, and finite."""
    original, before = stores["few"]
    path = shutil.copy(original, tmp_path_factory.mktemp("edit") / "events.db")
    between = space(parameters)
    believed(path, between)
    np.testing.assert_allclose(believed(path, BEGINNINGS["few"]), before, rtol=0, atol=1e-9)
    with Engine.open(f"sqlite:///{path}", between, settings=INLINE._replace(surface=surface)) as engine:
        for _ in range(4):
            engine.observe(engine.decide("p0", "c0").id, utility=0.1)
    assert np.isfinite(believed(path, BEGINNINGS["few"])).all()
    store = open_store(f"sqlite:///{path}")
    found = remembered(store.names("arm"), store.records("space"))
    store.close()
    assert {arm.id: arm.params for arm in found}.items() >= {arm.id: arm.params for arm in between.arms}.items()


def test_an_arm_tells_of_its_neighbours_in_the_space_that_came_later(tmp_path):
    """All that is known of 60 configurations was learned before a parameter came and another one was narrowed."""
    path, random = tmp_path / "events.db", np.random.default_rng(2)
    with Engine.open(f"sqlite:///{path}", space(), seed=3, policy=policy.uniform(), settings=INLINE) as engine:
        for _ in range(80):
            made = engine.decide("p", "c")
            worth = 2 * made.params.get("r", 0.5) - 1 + float(random.normal(0, 0.1))
            engine.observe(made.id, utility=worth)
    later = space({"r": Real(0.1, 0.9, levels=5), "k": GRID["k"], "n": GRID["n"], "new": Choice(["x", "y"])})
    with Engine.open(f"sqlite:///{path}", later, settings=INLINE) as engine:
        table = engine.beliefs()
    table = table[table["family"] == "f"]
    place = table["arm"].str.extract(r"r=([0-9.]+)")[0].astype(float)
    assert (table["n"] == 0).all()
    assert np.corrcoef(place, table["mean"])[0, 1] > 0.9


def names_and_records(store):
    return [store.names("arm"), store.records("space"), store.records("snapshot"), store.counts()]


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": policy.safe(policy.thompson()), "settings": Settings(safety=Safety())},
        {"settings": Settings(safety=Safety(ban=("nobody",)))},
        {"settings": Settings(surface="sometimes")},
        {"settings": Settings(domain_priors=(("nobody", 1.0, 1.0),))},
    ],
    ids=["policy with a safety of its own", "unknown arm banned", "unknown setting", "prior of an unknown family"],
)
def test_an_open_that_fails_writes_nothing(stores, tmp_path, wrong):
    path = shutil.copy(stores["few"][0], tmp_path / "events.db")
    store = open_store(f"sqlite:///{path}")
    before = names_and_records(store)
    with pytest.raises(PoolwiseError):
        Engine.open(f"sqlite:///{path}", EDITS["value added"], **wrong)
    assert names_and_records(store) == before
    store.close()


def test_old_records_that_would_be_refused_today_do_not_keep_a_store_closed(tmp_path):
    """A choice of lists, conditions in a circle, two values written alike, a family without a name, no table at all."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    store = open_store(url, seed=1)
    family = {
        "name": "f",
        "parameters": {
            "a": {"type": "choice", "values": [[1, 2], 3]},
            "b": {"type": "choice", "values": [1, "1"]},
            "c": {"type": "integer", "low": 1, "high": 9, "more": 1},
            "d": {"type": "real", "low": 0, "high": 1},
        },
        "conditions": {"a": {"b": [1]}, "b": {"a": [3]}},
    }
    store.append_record("space", {"families": [family, {"name": "d"}], "baseline": "d"})
    store.intern("arm", ["d", "f(a=[1, 2],b=1,c=2,d=0.25)", "f(a=3", "never described"])
    store.close()
    with Engine.open(url, space()) as engine:
        assert engine.decide("p", "c").arm in engine.space.index
        found = remembered(["f(a=[1, 2],b=1,c=2,d=0.25)", "f(a=3", "x(y=1)"], engine.store.records("space"))
    assert [arm.params for arm in found] == [{"d": 0.25}, {}, {}]
    assert [arm.family for arm in found] == ["f", "f", "x"]


def test_a_checkpoint_serves_a_space_that_has_an_arm_more_in_between(tmp_path, monkeypatch):
    """k = 3 was dropped before the checkpoint was written and came back afterwards: only new events are folded."""
    monkeypatch.setattr(checkpoint, "AT_CLOSE", 1)
    url, said = f"sqlite:///{tmp_path / 'events.db'}", Settings(estimate="inline", log_views=False)
    whole, fewer = (space({"k": Choice(values), "n": Choice(["x"])}) for values in ([3, 1, 2], [1, 2]))
    Engine.open(url, whole, seed=1).close()
    with Engine.open(url, fewer, settings=said) as engine:
        for k in range(30):
            engine.observe(engine.decide("p", "c").id, utility=0.01 * k)
        expected = engine.beliefs().set_index("arm")
    with Engine.open(url, whole, settings=said) as engine:
        assert engine._upkeep.current().saved == 30
        found = engine.beliefs().set_index("arm")
    np.testing.assert_array_equal(found["n"][expected.index], expected["n"])
    assert found["n"]["f(k=3,n=x)"] == 0
    np.testing.assert_allclose(found["mean"][expected.index], expected["mean"], atol=0.02)


def test_rows_of_a_store_by_index():
    index = arm_index(["d", "gone", "old", "f"], ["f", "d", "new"], chosen=[2])
    assert index.known == ["d", "old", "f", "new"]
    np.testing.assert_array_equal(index.codes, [0, 2, 3, 4])
    arms = np.array([0, 1, 2, 3, 4, 9, -1])
    rows = DecisionColumns(*[arms] * len(DecisionColumns._fields))
    np.testing.assert_array_equal(indexed(index, rows).arm, [0, 4, 1, 2, 3, 4, -1])


def test_hyperparameters_go_with_their_arms_families_and_parameters():
    before = Axes((0, 2, 3), ("d", "f", "f"), {"f": ["x", "y"]})
    body = {
        "gaussian": {"noise": [0.1, 0.2, 0.3]},
        "expert": [[0.0, 1.0, 1.0], [None, 0.5, 0.5], [1.0, 0.7, 0.7]],
        "success_prior": [[[1, 1], [3, 1], [3, 1]], [[1, 1], [2, 1], [2, 1]]],
        "factors": {"rank": 1, **{name: [[1.0, 2.0, 3.0]] for name in ("level", "variance", "loadings")}},
        "smooth": {"tier": [1, 1, 1, 1], "length": [[0.4, 0.5]], "rho": [[0.1, 0.2]]},
        "coordinates": [1.0],
        **before.labels(),
    }
    body["separate"] = {"projects": [1], **{name: body[name] for name in ("gaussian", "smooth", "coordinates")}}
    assert aligned(body, before) == body
    fewer = aligned(body, Axes((0, 3), ("d", "f"), before.surfaces))
    assert fewer["gaussian"]["noise"] == [0.1, 0.3]
    assert fewer["factors"]["level"] == [[1.0, 3.0]]
    assert fewer["coordinates"] == []
    more = aligned(body, Axes((0, 2, 5, 6), ("d", "f", "f", "g"), {"f": ["y", "z"]}))
    assert more["gaussian"]["noise"] == [0.1, 0.2, 0.3, 0.2]
    assert more["arms"] == [0, 2, 5, 6]
    assert more["separate"]["projects"] == [1]
    assert more["separate"]["gaussian"]["noise"] == more["gaussian"]["noise"]
    assert more["separate"]["coordinates"] == []
    assert more["factors"] is None
    assert more["expert"][2][:3] == [1.0, 0.7, 0.7]
    assert np.isnan(more["expert"][2][3])
    assert more["success_prior"][1][2] == [2, 1]
    assert (more["smooth"]["length"][0][0], more["smooth"]["rho"][0][0]) == (0.5, 0.2)
    assert np.isnan(more["smooth"]["length"][0][1])
    assert aligned({name: one for name, one in body.items() if name not in before.labels()}, before) == body


def test_status_says_how_many_allowed_arms_the_limit_leaves_out():
    with Engine.open("memory://", EDITS["thinned"]) as engine:
        assert engine.status()["left_out"] == 70 - 30
    with Engine.open("memory://", space()) as engine:
        assert "left_out" not in engine.status()
