"""Every example in a docstring, every Python block of README and docs, and every configuration in docs is run."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from poolwise.config import parse
from poolwise.run.setup import open_engine

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "poolwise"
WITH_EXAMPLES = sorted(path for path in SOURCE.rglob("*.py") if ">>>" in path.read_text())
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_docstring_examples(path):
    module = importlib.import_module(".".join(("poolwise", *path.relative_to(SOURCE).with_suffix("").parts)))
    result = doctest.testmod(module, extraglobs={"np": __import__("numpy")})
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("block", BLOCKS)
def test_readme_blocks(block, tmp_path):
    run = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


DOCS = "".join((ROOT / "docs" / name).read_text() for name in ("exploration.md", "configurations.md", "workloads.md"))


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", DOCS, re.S))
def test_blocks_of_docs(block, tmp_path):
    test_readme_blocks(block, tmp_path)


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", DOCS, re.S))
def test_configurations_of_docs(block):
    """Each opens an engine that decides."""
    config = parse(block)
    engine = open_engine(config.model_copy(update={"run": config.run.model_copy(update={"store": "memory://"})}))
    assert engine.decide("project", "context").arm in engine.space.index


PROMISES = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "operations.md").read_text())


@pytest.mark.parametrize(("file", "name"), PROMISES, ids=[name for _, name in PROMISES])
def test_every_promise_to_operators_has_its_test(file, name):
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.M)


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_pages_that_are_named_exist(page):
    text = page.read_text()
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|toml|json|png))`", text):
        assert any((base / name).exists() for base in (ROOT, SOURCE, SOURCE / "posterior")), name
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / name).exists(), name
