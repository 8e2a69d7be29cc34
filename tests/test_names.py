"""One rule of what is a name, an id, a record: what it lets in, and that nothing else leaves the door."""

import numpy as np
import pytest

from poolwise import ArmSpace, Engine, Family, ope
from poolwise.errors import InputError, UnknownDecision
from poolwise.names import LONGEST, checked, escaped, shown
from poolwise.table import flags, names, numbers

pd = pytest.importorskip("pandas")
TEXT = [
    "NA",
    "null",
    "None",
    "01",
    "1e5",
    "[bold]",
    "[/x]",
    "$\\foo{$",
    "<b>",
    "é",
    "👩‍👩‍👧",
    " a",
    "x" * LONGEST,
    "--help",
]
NONE = [
    "",
    " ",
    "\x00",
    "a\nb",
    "\x1b[31m",
    "\u202e",
    "\u2028",
    "\ud800",
    "x" * (LONGEST + 1),
    1,
    None,
    b"p",
    ["p"],
    np.array("p"),
]


@pytest.fixture(scope="module")
def engine():
    return Engine.open("memory://", ArmSpace([Family("default"), Family("fast")], "default"), seed=1)


@pytest.mark.parametrize("name", TEXT)
def test_text_is_text(engine, name):
    made = engine.decide(name, np.str_(name), job=name)
    assert (made.project, made.context, made.job) == (name, name, name)
    assert type(made.context) is str
    assert names(pd.Series([name])).text[0] == name


@pytest.mark.parametrize("name", NONE, ids=range(len(NONE)))
def test_what_is_no_name_is_refused_before_anything_changes(engine, name):
    before = engine.status()
    for call in (
        lambda: engine.decide(name, "c"),
        lambda: engine.decide("new", name),
        lambda: engine.decide("new", "c", job=name) if name is not None else checked("job", name),
        lambda: engine.decide_many(["new", name], "c"),
        lambda: engine.decide("new", "c", available=["default", name]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
    assert engine.status() == before


@pytest.mark.parametrize("id", [True, 1.0, "1", None, [1], np.float64(1), np.bool_(1)])
def test_what_is_no_id_is_refused(engine, id):
    for call in (lambda: engine.observe(id, utility=0.0), lambda: engine.explain(id)):
        with pytest.raises(InputError, match="whole number"):
            call()


@pytest.mark.parametrize("id", [0, -1, 2**63, 10**400, np.uint64(2**64 - 1)])
def test_ids_that_no_store_can_hold_are_unknown(engine, id):
    with pytest.raises(UnknownDecision, match="unlogged" if id == -1 else "not in this store"):
        engine.observe(id, utility=0.0)


def test_numpy_ids_are_welcome(engine):
    made = engine.decide_many(["p"] * 3, "c")
    assert engine.observe(made.id[0], utility=np.float32(0.5))
    assert engine.explain(made.id[1])["decision"]["id"] == int(made.id[1])


def test_a_terminal_obeys_nothing():
    assert escaped("a\x1b[31m\ud800b") == "a\\x1b[31m\\ud800b"
    assert len(shown("x" * 10_000)) <= 80


@pytest.mark.parametrize("yes", ["True", "yes", "1", 1, True, "T", 1.0])
@pytest.mark.parametrize("no", ["", "no", "0", 0, False, None, "FALSE", np.nan])
def test_yes_and_no_in_every_spelling(yes, no):
    found, neither = flags(pd.Series([yes, no], dtype=object))
    assert (found.tolist(), neither.any()) == ([True, False], False)


def test_numbers_are_what_is_a_number():
    given = pd.Series(["1.5", 2, True, pd.Timestamp(0), None, "x", 1 + 2j, np.float32(0.5)], dtype=object)
    np.testing.assert_array_equal(numbers(given), [1.5, 2, np.nan, np.nan, np.nan, np.nan, np.nan, 0.5])
    assert np.isnan(numbers(pd.Series([True, False]))).all()


def made_up(chance, rows=400, arms=("a", "b")):
    return pd.DataFrame(
        {
            "project": "p",
            "context": "c",
            "arm": np.resize(arms, rows),
            "probability": chance,
            "utility": np.linspace(0, 1, rows),
        }
    )


@pytest.mark.parametrize(
    ("frame", "policy"),
    [
        (made_up(0.1), "a"),
        (made_up(0.1, arms=("a",)), "a"),
        (made_up(0.5, arms=(*["a"] * 19, "b")), "uniform"),
        (made_up(1e-320), "a"),
        (made_up(0.5).assign(utility=1e308), "a"),
    ],
    ids=["constant", "one arm", "not the frequencies", "overflow", "rewards that overflow"],
)
def test_vetoes_fail_closed(frame, policy):
    found = ope.evaluate(ope.from_frame(frame, policy, model=False)[0])
    assert found.diagnosis.veto
    assert not found.estimates
