"""Which arms a family gives: all that its rules allow, or an even selection; judged by brute force."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.errors import SpaceError
from poolwise.space import ArmSpace, Family, diagram
from poolwise.space.parameters import Choice, Integer
from poolwise.space.thinning import low_discrepancy


@st.composite
def families(draw):
    """Up to five parameters of up to four levels, conditions on earlier ones, rules of up to three parameters."""
    sizes = draw(st.lists(st.integers(1, 4), max_size=5))
    names = draw(st.permutations([f"p{k}" for k in range(len(sizes))]))
    values = {name: list(range(size)) for name, size in zip(names, sizes, strict=True)}
    some = lambda name: st.lists(st.sampled_from(values[name]), min_size=1, unique=True)
    conditions = {
        name: {other: draw(some(other)) for other in draw(st.lists(st.sampled_from(names[:k]), max_size=2))}
        for k, name in enumerate(names)
        if k and draw(st.booleans())
    }
    rule = st.lists(st.sampled_from(names or ["-"]), min_size=1, max_size=3, unique=True) if names else st.nothing()
    forbidden = draw(st.lists(rule, max_size=4)) if names else []
    forbidden = [{name: draw(st.sampled_from(values[name])) for name in one} for one in forbidden]
    declared = {name: Choice(values[name]) for name in sorted(values)}
    return {"parameters": declared, "conditions": conditions, "forbidden": forbidden, "limit": draw(st.integers(1, 40))}


def allowed(parameters, conditions, forbidden, **_):
    """Every distinct allowed combination, the slow and plain way."""

    def active(name, values):
        return all(active(o, values) and values[o] in wanted for o, wanted in conditions.get(name, {}).items())

    found = set()
    for combination in itertools.product(*(parameter.grid() for parameter in parameters.values())):
        values = dict(zip(parameters, combination, strict=True))
        params = {name: value for name, value in values.items() if active(name, values)}
        if not any(rule.items() <= params.items() for rule in forbidden):
            found.add(frozenset(params.items()))
    return found


def built(body):
    """The family, or None where its rules contradict themselves, or allow nothing."""
    try:
        family = Family("f", **body)
        family.arms()
    except SpaceError as caught:
        error = str(caught)
    else:
        return family
    assert "can never hold" in error or ("forbids every" in error and not allowed(**body))
    return None


@given(families())
def test_a_family_gives_what_brute_force_finds_up_to_its_limit(body):
    if (family := built(body)) is None:
        return
    oracle, arms = allowed(**body), family.arms()
    found = {frozenset(arm.params.items()) for arm in arms}
    assert family.size == len(oracle)
    assert found <= oracle
    assert len(found) == len(arms) == len({arm.id for arm in arms}) == min(len(oracle), family.limit)
    assert all(family.arm(arm.params) == arm == family.read(arm.id) for arm in arms)


@given(families())
def test_every_level_is_there_where_the_limit_has_room(body):
    """A limit of all levels together is always room enough."""
    if (family := built(body)) is None:
        return
    levels = set().union(*allowed(**body))
    family = Family("f", **{**body, "limit": max(1, len(levels))})
    assert set().union(*(arm.params.items() for arm in family.arms())) == levels


@given(families(), st.data())
def test_an_arm_is_allowed_where_brute_force_allows_it(body, data):
    if (family := built(body)) is None:
        return
    params = {
        name: data.draw(st.sampled_from(parameter.values))
        for name, parameter in family.parameters.items()
        if data.draw(st.booleans())
    }
    if frozenset(params.items()) in allowed(**body):
        assert family.arm(params).params == params
    else:
        with pytest.raises(SpaceError):
            family.arm(params)


SWITCHES = {f"b{k:02d}": Choice([0, 1]) for k in range(20)}


@pytest.mark.parametrize(
    ("forbidden", "size"),
    [
        ([{f"b{k:02d}": 1} for k in range(14)], 2**6),
        ([{f"b{k:02d}": 1, f"b{k + 10:02d}": 1} for k in range(10)], 3**10),
        ([{f"b{k:02d}": 1, f"b{k + 1:02d}": 1} for k in range(19)], 17711),
        ([{f"b{k:02d}": k % 2} for k in range(20)], 1),
        ([], 2**20),
    ],
)
def test_few_allowed_of_many_are_found_at_once(forbidden, size):
    """3^10: each pair has 3 of 4; 17711: no two neighbours are on, Fibonacci's 22nd number."""
    began = time.process_time()
    family = Family("f", SWITCHES, forbidden=forbidden, limit=300)
    assert (family.size, len(family.arms())) == (size, min(size, 300))
    assert time.process_time() - began < 2


def test_many_allowed_are_counted_without_being_listed():
    family = Family("f", {f"x{k}": Choice(list(range(10))) for k in range(60)}, limit=500)
    assert family.size == 10**60
    assert len({arm.id for arm in family.arms()}) == 500
    assert ArmSpace([Family("d"), family], "d").left_out == {"f": (10**60 - 500, 10**60)}
    assert ArmSpace([Family("d")], "d").left_out == {}


def test_rules_too_wide_to_count_are_refused(monkeypatch):
    """Every parameter is bound to every other: 2^n sets of rules may be half met."""
    monkeypatch.setattr(diagram, "MOST_NODES", 20_000)
    random = np.random.default_rng(0)
    wide = [dict.fromkeys([f"x{k}" for k in random.choice(60, 8, replace=False)], 1) for _ in range(400)]
    with pytest.raises(SpaceError, match="split the family"):
        Family("f", {f"x{k}": Choice([0, 1, 2]) for k in range(60)}, forbidden=wide).arms()


def test_a_large_grid_is_thinned_evenly():
    family = Family("big", {f"x{i}": Integer(0, 9, levels=10) for i in range(6)}, limit=200)
    points = np.array([list(arm.params.values()) for arm in family.arms()]) / 9
    assert points.shape == (200, 6)
    assert abs(points.mean(axis=0) - 0.5).max() < 0.06
    assert abs(np.corrcoef(points.T) - np.eye(6)).max() < 0.2
    assert low_discrepancy(5, 2).shape == (5, 2)


def test_thinning_weighs_allowed_arms_alike_and_leaves_no_level_out():
    """Ten of 1,010 arms are fast: a few of them are among 100, all else is deep."""
    family = Family(
        "f", {"mode": Choice(["fast", "deep"]), "depth": Integer(1, 100, levels=100), "seed": Integer(0, 9, levels=10)},
        conditions={"depth": {"mode": ["deep"]}}, limit=110,
    )  # fmt: skip
    arms = family.arms()
    fast = [arm for arm in arms if arm.params["mode"] == "fast"]
    assert 1 <= len(fast) <= 10
    assert {arm.params["depth"] for arm in arms if "depth" in arm.params} == set(range(1, 101))
    assert {arm.params["seed"] for arm in arms} == set(range(10))


def test_a_condition_looks_at_active_parameters_only():
    """Among them one whose value is None, which an absent parameter must not be taken for."""
    family = Family(
        "f",
        {"a": Choice(["p", "q"]), "b": Choice([None, 1]), "c": Choice([7, 8])},
        conditions={"b": {"a": ["p"]}, "c": {"b": [None]}},
        forbidden=[{"b": None, "c": 8}],
    )
    assert [arm.id for arm in family.arms()] == ["f(a=p,b=None,c=7)", "f(a=p,b=1)", "f(a=q)"]


def test_rules_may_name_values_off_the_grid():
    family = Family(
        "f", {"n": Integer(0, 100), "m": Choice([1, 2])}, conditions={"m": {"n": [7]}}, forbidden=[{"n": 9}]
    )
    assert [arm.params for arm in family.arms()] == [{"n": n} for n in (0, 25, 50, 75, 100)]
    assert family.arm({"n": 7, "m": 2}).id == "f(m=2,n=7)"
    with pytest.raises(SpaceError, match="is forbidden"):
        family.arm({"n": 9})


def test_the_order_of_decisions_keeps_rules_closed():
    """Pairs that stand far apart are decided together: ten times fewer nodes than as declared."""
    forbidden = [{f"b{k:02d}": 1, f"b{k + 10:02d}": 1} for k in range(10)]
    found = Family("f", SWITCHES, forbidden=forbidden)._diagram
    assert sum(map(len, found.layers)) < 60
