"""docs/settings.md is what the settings say, and says it of every key."""

import pytest

from docs.tools.settings import NUMBER, OUTSIDE, PAGE, PARTS, UNITS, page, rows, top, written
from poolwise.config import parse


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "python -m docs.tools.settings --write makes them agree"


def test_every_table_is_there():
    assert {part.name.partition(".")[0] for part in PARTS} == top()
    assert {"workload"} == OUTSIDE


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_key_has_an_effect_and_every_number_a_unit(part):
    assert [key.name for key in rows(part) if not key.effect] == []
    assert [key.name for key in rows(part) if NUMBER in key.unit] == []


def test_every_unit_belongs_to_a_key():
    assert set(UNITS) <= {f"{part.name}.{key.name}" for part in PARTS for key in rows(part)}


@pytest.mark.parametrize(
    ("value", "text"), [(None, "none"), (True, "`true`"), (0.5, "`0.5`"), ("a", '`"a"`'), (((50, 10),), "`[[50, 10]]`")]
)
def test_defaults_are_written_as_in_a_file(value, text):
    assert written(value) == text


def test_a_default_of_the_page_can_be_written_down():
    """What the page calls a default is one: a file that says so changes nothing."""
    keys = [key for part in PARTS if part.name == "run" for key in rows(part) if key.default.startswith("`")]
    text = "[run]\n" + "".join(f"{key.name} = {key.default.strip('`')}\n" for key in keys)
    assert parse(text).run == parse("").run
