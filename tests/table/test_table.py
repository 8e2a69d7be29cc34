"""The tidy table: what goes in, what comes out, what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolwise.errors import DataError
from poolwise.table import ABSENT, Table, available, from_rows, read_rows, take, utility

NAN = float("nan")
ROWS = {
    "unit": ["u", "u", "v", "v"],
    "project": ["p", "p", "q", "q"],
    "context": ["c", "c", "c", "c"],
    "family": ["f", "g", "f", "g"],
    "arm": ["a", "b", "a", "b"],
    "cost": [1.0, 2.0, 3.0, 6.0],
}


def table(**changed) -> Table:
    """The table of ROWS with some columns changed; None drops one."""
    rows = {name: values for name, values in {**ROWS, **changed}.items() if values is not None}
    return from_rows(pd.DataFrame(rows), name="t", source="t.csv", baseline="a")


def test_codes_and_utilities_by_hand() -> None:
    found = table(status=["ok", "timeout", "ok", "failed"], importance=[2.0, 2.0, 5.0, 5.0])
    np.testing.assert_allclose(utility(found), [[0, -np.log(2)], [0, -np.log(2)]])
    np.testing.assert_array_equal(found.status, [[0, 2], [0, 1]])
    np.testing.assert_array_equal(found.importance, [2, 5])
    assert (found.projects, found.families, found.arms) == (("p", "q"), ("f", "g"), ("a", "b"))
    assert found.project.tolist() == [0, 1]


def test_rewards_need_not_be_costs() -> None:
    found = table(cost=None, reward=[0.0, 1.0, -1.0, 2.0])
    assert found.cost is None
    np.testing.assert_array_equal(utility(found), [[0, 1], [0, 3]])


def test_arms_may_be_absent_from_whole_projects() -> None:
    rows = {name: values[:3] for name, values in ROWS.items()}
    found = from_rows(pd.DataFrame(rows), name="t", source="t.csv", baseline="a")
    np.testing.assert_array_equal(available(found), [[True, True], [True, False]])
    assert found.status[1, 1] == ABSENT
    assert np.isnan(found.reward[1, 1])


def test_repetitions_are_averaged_and_kept() -> None:
    rows = pd.concat(
        [pd.DataFrame(ROWS).assign(repetition=k, cost=lambda r, k=k: r["cost"] * (1 + 2 * k)) for k in (0, 1)]
    )
    found = from_rows(rows, name="t", source="t.csv", baseline="a")
    np.testing.assert_allclose(found.cost, [[2, 4], [6, 12]])
    np.testing.assert_allclose(found.repeats[0, 0], [0.0, -np.log(3)])


def test_taking_units_keeps_their_outcomes() -> None:
    some = take(table(), np.array([1]), "later")
    assert (some.name, some.units) == ("later", ("v",))
    np.testing.assert_array_equal(some.cost, [[3, 6]])


def test_features_are_numbers_of_units() -> None:
    found = table(f_size=[3, 3, 5, 5], f_big=[True, True, False, False], f_age=["", "", "1e3", "1e3"])
    assert found.feature_names == ("size", "big", "age")
    np.testing.assert_array_equal(found.features, [[3, 1, NAN], [5, 0, 1e3]])
    np.testing.assert_array_equal(take(found, np.array([1])).features, [[5, 0, 1e3]])
    assert (table().features, table().feature_names) == (None, ())


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([None, None, 1.5, 1.5], [NAN, 1.5]),
        (pd.array([None, None, True, True], dtype="boolean"), [NAN, 1]),
        (pd.array([7, 7, None, None], dtype="Int64"), [7, NAN]),
        (["true", "true", " False", "False"], [1, 0]),
        ([None, NAN, np.True_, True], [NAN, 1]),
        (np.array([1, 1, 2, 2], dtype=np.float32), [1, 2]),
    ],
)
def test_a_feature_is_read_from_any_kind_of_column(given, read) -> None:
    np.testing.assert_array_equal(table(f_x=given).features[:, 0], read)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"f_x": [1, 1, 2, np.inf]}, "t.csv, row 3, column f_x: inf is infinite"),
        ({"f_x": ["1", "1", "big", "big"]}, r"t.csv, row 2, column f_x: 'big' is no number.*\(2 such rows\)"),
        ({"f_x": pd.to_datetime(["2026-01-01"] * 4)}, "row 0, column f_x.*is no number"),
        ({"f_x": [1, 1, 2, None]}, "row 3, column f_x: nan changes within one unit"),
        ({"f_x": [1, 2, 3, 3]}, "row 1, column f_x: 2 changes within one unit"),
        ({"f_": [1, 1, 1, 1]}, "the feature's name in column 'f_' is empty"),
        ({"cost": [1.0, -1.0, 3.0, 6.0]}, "t.csv, row 1, column cost: -1.0 is negative"),
        ({"cost": [0.0] * 4}, "t.csv, row 0, column cost: 0.0 is 0, as all others are"),
        ({"cost": [1.0, 2.0, -3.0, np.inf]}, "row 3, column cost.*finite"),
        ({"cost": [1.0, 2.0, -3.0, -1.0]}, r"row 2, column cost.*\(2 such rows\)"),
        ({"cost": ["1", "x", "3", "6"]}, "row 1, column cost: 'x' is not a finite number"),
        ({"context": ["c", None, "c", "c"]}, "row 1, column context"),
        ({"context": ["c", "d", "c", "c"]}, "row 1, column context.*within one unit"),
        ({"project": ["p", "p", "q", "p"]}, "row 3, column project.*within one unit"),
        ({"family": ["f", "g", "g", "g"]}, "row 2, column family.*within one arm"),
        ({"arm": ["a", "a", "a", "b"], "family": ["f", "f", "f", "g"]}, "row 1, column arm.*twice"),
        ({"project": ["p"] * 4, "unit": ["u", "u", "v", "w"]}, "unit 'v' lacks arm 'b'.*2 such holes"),
        ({"arm": ["a", "b", "b", "c"], "family": ["f", "g", "g", "f"]}, "unit 'v' lacks the baseline 'a'"),
        ({"status": ["ok", "ok", "fine", "ok"]}, "row 2, column status: 'fine' is unknown"),
        ({"importance": [1.0, 1.0, 0.0, 0.0]}, "row 2, column importance"),
        ({"cost_unit": ["s", "s", "ms", "ms"]}, "row 2, column cost_unit: 'ms' differs from 's'"),
        ({"family": None}, "no column 'family'"),
        ({"cost": None}, "no column 'reward'"),
        ({name: [] for name in ROWS}, "no rows"),
    ],
)
def test_malformed_rows_are_refused(changed: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(**changed)


def test_a_cost_of_0_is_half_the_smallest_and_said() -> None:
    found = table(cost=[1.0, 0.0, 3.0, 6.0])
    np.testing.assert_array_equal(found.cost, [[1, 0.5], [3, 6]])
    assert "1 costs of 0 are read as 0.5" in found.notes


def test_one_unit_only_is_reported() -> None:
    rows = {name: values[:2] for name, values in ROWS.items()}
    found = from_rows(pd.DataFrame(rows), name="t", source="t.csv", baseline="a")
    assert found.notes == ("one unit only: nothing can carry over to another",)


def test_unknown_baseline_is_refused() -> None:
    with pytest.raises(DataError, match="baseline 'z' is not in column arm"):
        from_rows(pd.DataFrame(ROWS), name="t", source="t.csv", baseline="z")


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.randoms(use_true_random=False))
def test_order_of_rows_changes_names_only(units: int, arms: int, random) -> None:
    rows = [(f"u{u}", "p", "c", "f", f"a{a}", 1.0 + u + 10 * a) for u in range(units) for a in range(arms)]
    random.shuffle(rows)
    frame = pd.DataFrame(rows, columns=[*KEYS_IN_ORDER, "cost"])
    found = from_rows(frame, name="t", source="t.csv", baseline="a0")
    for i, unit in enumerate(found.units):
        for j, arm in enumerate(found.arms):
            assert found.cost[i, j] == 1.0 + int(unit[1:]) + 10 * int(arm[1:])


KEYS_IN_ORDER = ("unit", "project", "context", "family", "arm")


def test_text_that_is_no_text_is_found_when_it_is_read(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"arm": ["old", "new"] * 20}).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(b"old", b"ol\xff"))
    with pytest.raises(DataError, match="cannot be read as parquet"):
        read_rows(path)


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("baseline", np.zeros((2, 2))),
        ("name", None),
        ("measure", 3),
        ("cutoff", "x"),
        ("params", 1),
        ("columns", {1: 2}),
    ],
)
def test_what_is_said_beside_the_rows_is_checked(option, wrong):
    with pytest.raises(DataError):
        from_rows(pd.DataFrame(ROWS), **({"name": "t", "source": "t", "baseline": "a"} | {option: wrong}))
