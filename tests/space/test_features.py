"""Features of jobs: what is declared, what is refused and in which words, and rows of numbers that come back."""

import math
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolwise.errors import InputError, PoolwiseError, SpaceError
from poolwise.space.features import Feature, contradiction, declared, feature_from_dict
from poolwise.space.jobs import JobFeatures

FEATURES = declared(
    {
        "clauses": {"type": "integer", "log": True},
        "ratio": Feature(),
        "sorted": {"type": "boolean"},
        "logic": {"type": "choice", "values": ["sat", "unsat", 3]},
    }
)
JOBS = JobFeatures(FEATURES)
WHOLE = {"clauses": 12_000, "ratio": -0.25, "sorted": True, "logic": "unsat"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner),
    max_leaves=6,
)


def test_a_job_is_a_row_and_comes_back():
    row = JOBS.row(WHOLE)
    assert row.tolist() == [12_000, -0.25, 1, 0, 1, 0]
    assert JOBS.columns == ("clauses", "ratio", "sorted", "logic=sat", "logic=unsat", "logic=3")
    assert JOBS.shown(row) == WHOLE
    np.testing.assert_allclose(JOBS.encoded(row[None])[0], [math.log(12_000), -0.25, 1, 0, 1, 0])


def test_what_is_not_known_is_missing():
    assert JOBS.row(None) is JOBS.row({}) is JOBS.row({"ratio": None, "clauses": math.nan, "logic": pd.NA}) is None
    row = JOBS.row({"ratio": 2})
    assert np.isnan(row).tolist() == [True, False, True, True, True, True]
    assert JOBS.shown(row) == {"ratio": 2.0}
    assert JOBS.shown(None) == {}


def test_zero_has_a_logarithm_below_all_others():
    rows = JOBS.encoded(np.array([JOBS.row({"clauses": 0}), JOBS.row({"clauses": 1})]))
    assert -math.inf < rows[0, 0] < rows[1, 0] == 0


BAD = {
    "unknown": ({"clausses": 1}, "did you mean 'clauses'"),
    "text": ({"clauses": "12000"}, "'clauses' must be a finite number, got str '12000'"),
    "infinite": ({"ratio": math.inf}, "'ratio' must be a finite number"),
    "beyond floating point": ({"ratio": 10**400}, "'ratio' must be a finite number"),
    "truth for a number": ({"ratio": True}, "'ratio' must be a finite number"),
    "number for a truth": ({"sorted": 2}, "'sorted' must be true or false"),
    "half": ({"clauses": 0.5}, "whole number"),
    "too large to be exact": ({"clauses": 2**60}, "whole number up to 2^53"),
    "negative logarithm": ({"clauses": -1}, "log = true: it cannot be negative"),
    "no value of the choice": ({"logic": "qbf"}, "none of its values (sat, unsat, 3)"),
    "no value at all": ({"logic": object()}, "'logic'"),
    "no names": ([1, 2], "given by name"),
    "a text": ("clauses=3", "given by name"),
}


@pytest.mark.parametrize(("given_", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused_and_said(given_, words):
    with pytest.raises(InputError) as found:
        JOBS.row(given_)
    assert words in str(found.value)


@given(st.dictionaries(st.sampled_from([*FEATURES]) | st.text(max_size=5), ANYTHING, max_size=5) | ANYTHING)
@settings(max_examples=300, deadline=None)
def test_anything_is_a_finite_row_or_an_error_of_ours(features):
    try:
        row = JOBS.row(features)
    except InputError:
        return
    assert row is None or not np.isinf(row).any()


@given(st.lists(st.fixed_dictionaries({}, optional={
    "clauses": st.none() | st.integers(0, 10**12), "ratio": st.none() | st.floats(allow_infinity=False),
    "sorted": st.none() | st.booleans(), "logic": st.none() | st.sampled_from(["sat", "unsat", 3]),
}), min_size=1, max_size=6))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_columns_say_what_single_jobs_say(jobs):
    rows = [JOBS.row(job) for job in jobs]
    single = np.array([np.full(6, np.nan) if row is None else row for row in rows])
    columns = {name: [job.get(name) for job in jobs] for name in FEATURES}
    for table in (columns, pd.DataFrame(columns, dtype=object)):
        found = JOBS.rows(table, len(jobs))
        np.testing.assert_array_equal(np.full_like(single, np.nan) if found is None else found, single)


def test_one_value_stands_for_all_jobs_and_others_come_one_by_one():
    found = JOBS.rows({"ratio": np.array([0.5, np.nan]), "logic": "sat"}, 2)
    np.testing.assert_array_equal(found[:, [1, 3]], [[0.5, 1], [np.nan, 1]])
    with pytest.raises(InputError, match="has 3 values for 2 jobs"):
        JOBS.rows({"ratio": [1, 2, 3]}, 2)
    with pytest.raises(InputError, match="row 1: feature 'ratio' must be a finite number"):
        JOBS.rows({"ratio": np.array([1.0, np.inf])}, 2)
    with pytest.raises(InputError, match="row 0: feature 'ratio'"):
        JOBS.rows({"ratio": np.array([[1.0], [2.0]])}, 2)


def test_what_must_be_there_is_asked_for():
    jobs = JobFeatures(declared({"size": {"missing": "refused"}}))
    for absent in (None, {}, {"size": None}):
        with pytest.raises(InputError, match="'size' is missing, and declared with missing = 'refused'"):
            jobs.row(absent)
    with pytest.raises(InputError, match="missing"):
        jobs.rows(None, 3)
    with pytest.raises(InputError, match=r"row 0.*missing"):
        jobs.rows({"size": np.array([np.nan])}, 1)


def test_without_features_any_name_is_refused():
    assert JobFeatures({}).row(None) is JobFeatures({}).row({}) is None
    with pytest.raises(InputError, match=r"unknown feature 'size': none are declared, see \[features\]"):
        JobFeatures({}).row({"size": 1})


def test_five_hundred_features_and_a_range_of_a_trillion():
    wide = JobFeatures(declared({f"f{k}": {"log": True} for k in range(500)}))
    row = wide.row({f"f{k}": 10.0 ** (k % 13) for k in range(500)})
    assert row.shape == (500,)
    assert np.isfinite(wide.encoded(row[None])).all()


def test_rows_of_earlier_and_later_declarations_are_read():
    more = declared({**FEATURES, "logic": {"type": "choice", "values": ["sat", "unsat", 3, "qbf"]}, "depth": Feature()})
    wider = JobFeatures(more, (*JOBS.columns, "logic=qbf", "depth"))
    row = wider.encoded(np.array([JOBS.row(WHOLE)]))[0]
    assert row[6] == 0, "a choice that is known is none of the values that were declared since"
    assert np.isnan(row[7])
    narrow = JOBS.padded(np.array([wider.row({**WHOLE, "depth": 3})]))[0]
    assert JOBS.shown(narrow) == WHOLE
    assert wider.shown(JOBS.row(WHOLE)) == WHOLE


def test_costs_count_where_a_feature_was_found_out():
    jobs = JobFeatures(declared({"probe": {"cost": 0.5}, "logic": {"type": "choice", "values": [1, 2], "cost": 0.25}}))
    rows = np.array([jobs.row({"probe": 1}), jobs.row({"probe": 1, "logic": 2}), np.full(3, np.nan)])
    assert jobs.costs(rows).tolist() == [0.5, 0.75, 0.0]


def test_texts_are_read_as_declared():
    texts = {"clauses": "1e3", "ratio": "", "sorted": "True", "logic": "3"}
    assert JOBS.read(texts) == {"clauses": 1000.0, "ratio": None, "sorted": True, "logic": 3}
    with pytest.raises(InputError, match="'ratio' = 'many' is no number"):
        JOBS.read({"ratio": "many"})
    with pytest.raises(InputError, match="unknown feature"):
        JOBS.read({"size": "1"})


WRONG = {
    "no type": ({"type": "text"}, "none of real, integer, boolean, choice"),
    "logarithm of a truth": ({"type": "boolean", "log": True}, "log = True"),
    "a choice of nothing": ({"type": "choice"}, "a choice has values"),
    "values of a number": ({"values": [1]}, "no other feature has"),
    "values twice": ({"type": "choice", "values": [1, "1"]}, "differ"),
    "too many": ({"type": "choice", "values": list(range(101))}, "at most 100 values"),
    "a key": ({"kind": "real"}, "unknown key 'kind'"),
    "missing": ({"missing": "never"}, "'allowed' or 'refused'"),
    "cost": ({"cost": -1}, "0 or more"),
    "no table": (3, "a feature is a table"),
}


@pytest.mark.parametrize(("body", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_declaration_is_refused_with_its_name(body, words):
    with pytest.raises(SpaceError) as found:
        declared({"size": body})
    assert "'size'" in str(found.value)
    assert words in str(found.value)


def test_names_are_names_and_there_is_room_for_so_many():
    for name in ("", "a=b", "a\nb", 3):
        with pytest.raises(InputError):
            declared({name: {}})
    with pytest.raises(SpaceError, match="2100 columns"):
        declared({f"f{k}": {"type": "choice", "values": list(range(100))} for k in range(21)})
    with pytest.raises(SpaceError, match="table by name"):
        declared(["size"])


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_no_declaration_raises_but_errors_of_ours(body):
    for wrong in (body, {"size": body}, {"size": {"type": "choice", "values": body}}, {"size": {"cost": body}}):
        with suppress(PoolwiseError):
            assert all(feature.width > 0 for feature in declared(wrong).values())


@pytest.mark.parametrize("feature", FEATURES.values())
def test_a_declaration_comes_back_from_its_table(feature):
    assert feature_from_dict(feature.to_dict()) == feature


def test_a_declaration_may_grow_and_not_turn_into_another():
    assert contradiction(Feature("real"), Feature("integer", missing="refused", cost=1.0)) is None
    assert contradiction(Feature("choice", values=[1]), Feature("choice", values=[2, 1])) is None
    assert contradiction(Feature("real"), Feature("boolean")) == "type = 'real'"
    assert contradiction(Feature("real", log=True), Feature("real")) == "log = true"
