"""Every example in a docstring, every Python block and configuration of README and docs is run; commands exist."""

import doctest
import importlib
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from poolwise.cli.app import app
from poolwise.config import parse
from poolwise.run.opening import open_engine

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "poolwise"
WITH_EXAMPLES = sorted(path for path in SOURCE.rglob("*.py") if ">>>" in path.read_text())


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_docstring_examples(path):
    module = importlib.import_module(".".join(("poolwise", *path.relative_to(SOURCE).with_suffix("").parts)))
    result = doctest.testmod(module, extraglobs={"np": __import__("numpy")})
    assert result.attempted > 0
    assert result.failed == 0


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:<!-- needs: (?P<needs>\w+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.S)
"""A fenced block, and the library that it needs beyond those of the development environment."""


def blocks(kind):
    """Every block of a kind, under the name of its page."""
    found = [(page, one) for page in PAGES for one in BLOCK.finditer(page.read_text()) if one["kind"] == kind]
    return [pytest.param(one, id=f"{page.relative_to(ROOT)}-{one.start()}") for page, one in found]


@pytest.mark.parametrize("block", blocks("python"))
def test_python_blocks(block, tmp_path):
    """In a folder that has what a refit left behind."""
    if block["needs"] and find_spec(block["needs"]) is None:
        pytest.skip(f"{block['needs']} is not installed: pip install 'poolwise[{block['needs']}]'")
    if "from_netcdf" in block["text"]:
        draws(tmp_path / "poolwise.db-refits")
    run = subprocess.run(
        [sys.executable, "-c", block["text"]], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 0, run.stderr


def draws(folder):
    """A file as `poolwise refit --method nuts` names it, with two contexts."""
    xarray = pytest.importorskip("xarray")
    folder.mkdir()
    theta, axes = np.zeros((2, 5, 1, 2, 3)), ("chain", "draw", "project", "context", "arm")
    coords = {"project": ["mathlib"], "context": ["linear", "nonlinear"], "arm": ["a", "b", "c"]}
    made = xarray.Dataset({"theta": (axes, theta)}, coords)
    made.to_netcdf(folder / "0012-nuts.nc", group="posterior", engine="h5netcdf")


@pytest.mark.parametrize("block", blocks("toml"))
def test_configurations(block, tmp_path, monkeypatch):
    """Each opens an engine that decides, where it says what there is to choose."""
    (tmp_path / "files").mkdir()
    for name in ("one.txt", "files/two.txt"):
        (tmp_path / name).write_text("text")
    monkeypatch.chdir(tmp_path)
    config = parse(block["text"])
    if config.space is None and config.run.workload is None:
        return
    engine = open_engine(config.model_copy(update={"run": config.run.model_copy(update={"store": "memory://"})}))
    assert engine.decide("project", "context").arm in engine.space.index


COMMAND = re.compile(r"^(?:    )?(poolwise .*)$|`(poolwise [^`]*)`", re.M)
"""A command on a line of its own, or within a sentence."""
PARSERS = {
    f"{name} {inner}".strip(): parser
    for name, command in get_command(app).commands.items()
    for inner, parser in getattr(command, "commands", {"": command}).items()
}


def options(parser):
    """The options that a command knows."""
    return {"--help", *(one for parameter in parser.params for one in (*parameter.opts, *parameter.secondary_opts))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_with_their_options(page):
    """`poolwise A | B` lists commands; in anything else every option must be one of its command."""
    for found in COMMAND.finditer(page.read_text()):
        words = re.sub(r" #.*", "", found[1] or found[2]).split()[1:]
        for part in " ".join(words).split(" | "):
            name, *rest = part.split()
            if name.startswith("-") or not name[0].isalpha() or name.isupper():
                continue
            if name == "prior" and rest:
                name = f"prior {rest[0].partition('/')[0]}"
            assert name in PARSERS, part
            given = {word.partition("=")[0] for word in rest if word.startswith("-") and not word[1:2].isdigit()}
            assert given <= options(PARSERS[name]), part


PROMISES = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "operations.md").read_text())


@pytest.mark.parametrize(("file", "name"), PROMISES, ids=[name for _, name in PROMISES])
def test_every_promise_to_operators_has_its_test(file, name):
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_pages_that_are_named_exist(page):
    text = page.read_text()
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|toml|json|png))`", text):
        assert any((base / name).exists() for base in (ROOT, SOURCE, SOURCE / "posterior")), name
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / name).exists(), name
