"""Compiled calls on disk: the next process runs the same machine code, or makes it anew."""

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from poolwise.posterior.posterior import _NO_TAIL
from poolwise.posterior.recursive import compiled, executables
from poolwise.posterior.recursive.types import Structure

NAME = Structure(2, 2, 2, None, False, None, 0), *_NO_TAIL[1:]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where calls are kept; JAX's own cache is off, which may have compiled them before."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    monkeypatch.setattr(executables, "folder_of_user", lambda: tmp_path)
    yield tmp_path / "poolwise"
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


def made():
    program = compiled._compiled(jax, NAME, _NO_TAIL[0], compiled.ORDINARY)
    compiled._WORKER.submit(int).result()  # what is saved beside is saved
    return program


def answers(program):
    random = np.random.default_rng(0)
    state, constants = program.placed(compiled.shapes(NAME[0], lambda *shape: random.uniform(0.5, 1.0, shape)))
    row = np.array([0, 1, 1, 0.2, 1, -1, 1, 1, -1])
    state, answer = program(state, constants, row)
    return [*compiled.fetched(state.effects), np.concatenate(answer.belief, axis=None)]


def never(*_):
    raise AssertionError("it was compiled again")


def test_the_next_process_runs_the_same_code(folder, monkeypatch):
    first = answers(made())
    monkeypatch.setattr(compiled, "_executable", never)
    for part, again in zip(first, answers(made()), strict=True):
        np.testing.assert_array_equal(part, again)


@pytest.mark.parametrize("content", [b"", b"poolwise", None], ids=["empty", "of another", "torn"])
def test_a_damaged_file_is_made_anew(folder, content):
    made()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] if content is None else content)
    made()
    assert len(path.read_bytes()) > len(whole) // 2


def test_other_names_sources_and_tails_have_files_of_their_own(folder, monkeypatch):
    device = compiled._device(jax)
    first = executables._path(jax, NAME, device)
    assert executables._path(jax, (*NAME[:2], 1), device) != first
    monkeypatch.setattr(executables, "_origin", lambda: ("another source",))
    assert executables._path(jax, NAME, device) != first
    compiled._compiled(jax, NAME, lambda seen, _: seen.count[:0], compiled.ORDINARY)
    compiled._WORKER.submit(int).result()
    assert not folder.exists()  # what a tail of others does is not known by its name


def test_few_are_kept_and_nothing_where_jax_keeps_nothing(folder, monkeypatch):
    monkeypatch.setattr(executables, "_MOST", 2)
    folder.mkdir()
    for number in range(4):
        (folder / str(number)).write_bytes(b"")
    made()
    assert len(list(folder.iterdir())) == 2
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        assert executables._path(jax, NAME, compiled._device(jax)) is None
    finally:
        jax.config.update("jax_enable_compilation_cache", True)


def test_what_does_not_run_is_neither_kept_nor_served(folder, monkeypatch):
    """As a call that JAX had from its own cache, once it is written again: it is whole, and lacks its functions."""
    tried = executables._tried
    monkeypatch.setattr(executables, "_tried", lambda *_: 1 / 0)
    made()
    assert not folder.exists()
    monkeypatch.setattr(executables, "_tried", tried)
    made()
    monkeypatch.setattr(executables, "_tried", lambda *_: 1 / 0)
    answers(made())
