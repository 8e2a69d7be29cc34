"""Nothing of another kind is written over, and a path that can be none is refused in one line."""

import pytest

from poolwise.errors import InputError
from poolwise.targets import BEGINNINGS, is_file, target

BODIES = {
    "report": b"<!doctype html><html>",
    "file of draws": b"\x89HDF\r\n\x1a\n",
    "Parquet file": b"PAR1....",
    "pack": b'{"a": 1}',
    "card": b'{"a": 1}',
    "plot": b"\x89PNG",
}
OTHERS = (b"SQLite format 3\x00", b"[run]\nseed = 3", b"\x00\x00")


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_only_a_file_of_the_same_kind_is_written_over(kind, tmp_path):
    path = tmp_path / "there"
    assert target(path, kind) == path
    for body in (b"", BODIES[kind]):
        path.write_bytes(body)
        assert target(str(path), kind) == path
    for body in (*OTHERS, *(body for body in BODIES.values() if body != BODIES[kind])):
        path.write_bytes(body)
        with pytest.raises(InputError, match=f"is no {kind}: name another file"):
            target(path, kind)
        assert path.read_bytes() == body


@pytest.mark.parametrize("path", ["a" * 5_000, "a\x00b", "no/folder/x", ".", 3, None, b"x", "\ud800"], ids=repr)
def test_what_can_be_no_path_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="cannot write the plot") as refused:
        target(path, "plot")
    assert "\n" not in str(refused.value)
    assert not is_file(path)
