"""Unfinished work: what a refit did not write stays where it is, and what it wrote goes."""

import json

import numpy as np
import pytest

from poolwise.errors import InputError, RefitError
from poolwise.refit import checkpoint
from poolwise.refit.options import Options
from tests.refit.problems import engine


@pytest.fixture(scope="module")
def problem():
    return engine(30).problem()


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def begin(problem, folder, **given):
    """A refit with work of every kind in its folder."""
    checkpoint.resumed(problem, Options(folder=folder, **given), "nuts")
    (folder / "utility-0").mkdir(exist_ok=True)
    for name in ("success.npz", "utility-0/state.npz", "utility-0/000003.npz", "utility-0/000004.new.npz"):
        (folder / name).write_bytes(b"")


FOREIGN = {
    "a thesis": {"thesis.tex": b"x"},
    "a hidden file": {".secret": b"x"},
    "a folder": {"deep/er/file.txt": b"x"},
    "a plan of somebody else": {"plan.json": b'{"method": "agile"}'},
    "a plan that is a list": {"plan.json": b"[1]"},
    "a plan that is no text": {"plan.json": b"\xff\xfe"},
    "arrays of the same names": {"problem.npz": b"x", "state.npz": b"y"},
}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("method", ["nuts", "svi"])
@pytest.mark.parametrize("files", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_of_somebody_else_is_refused_and_left_as_it_was(tmp_path, files, method, fresh):
    for name, body in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(body)
    with pytest.raises(InputError, match="no refit left there"):
        engine(20).refit(method=method, folder=tmp_path, fresh=fresh)
    assert tree(tmp_path) == files


@pytest.mark.parametrize("again", [{"fresh": True}, {"seed": 7}], ids=["fresh", "another seed"])
def test_what_others_put_beside_unfinished_work_stays(problem, tmp_path, again):
    folder = tmp_path / "work"
    begin(problem, folder)
    theirs = {"notes.txt": b"mine", "utility-0/notes.npz": b"mine", "utility-x/000001.npz": b"mine"}
    for name, body in theirs.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)
    checkpoint.resumed(problem, Options(folder=folder, **again), "nuts")
    assert set(tree(folder)) == {*theirs, "plan.json", "problem.npz"}
    checkpoint.clear(folder)
    assert tree(folder) == theirs


def test_links_are_not_followed(problem, tmp_path):
    folder, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    begin(problem, folder)
    elsewhere.mkdir()
    (elsewhere / "state.npz").write_bytes(b"mine")
    (folder / "success-1").symlink_to(elsewhere)
    checkpoint.clear(folder)
    assert tree(elsewhere) == {"state.npz": b"mine"}


@pytest.mark.parametrize("existed", [False, True])
def test_a_folder_goes_only_if_a_refit_made_it(problem, tmp_path, existed):
    folder = tmp_path / "work"
    if existed:
        folder.mkdir()
    begin(problem, folder)
    begin(problem, folder, fresh=True)
    checkpoint.clear(folder)
    assert folder.exists() == existed
    assert not tree(tmp_path)


def test_the_same_refit_goes_on_with_its_problem(problem, tmp_path):
    begin(problem, tmp_path)
    later = problem._replace(tried=problem.tried + 1)
    restored, _ = checkpoint.resumed(later, Options(folder=tmp_path), "nuts")
    np.testing.assert_array_equal(restored.tried, problem.tried)
    assert (tmp_path / "utility-0" / "state.npz").exists()


def test_damaged_work_is_named(problem, tmp_path):
    begin(problem, tmp_path)
    (tmp_path / "problem.npz").write_bytes(b"PK damaged")
    with pytest.raises(RefitError, match="left by an interrupted refit, cannot be read: start anew"):
        checkpoint.resumed(problem, Options(folder=tmp_path), "nuts")


def test_a_refit_killed_before_its_statistics_were_written_begins_again(problem, tmp_path):
    begin(problem, tmp_path)
    (tmp_path / "problem.npz").unlink()
    checkpoint.resumed(problem, Options(folder=tmp_path), "nuts")
    assert json.loads((tmp_path / "plan.json").read_text())["method"] == "nuts"
    assert (tmp_path / "problem.npz").exists()
    assert not (tmp_path / "utility-0").exists()
