"""A prior pack as a file: what is written is read, and what is no sound pack is refused."""

import json

import numpy as np
import pytest

from poolwise.errors import DataError
from poolwise.meta import packs


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
