"""The site is built from docs/ without a complaint, with a page for every public name; examples run."""

import pkgutil
import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, tmp_path, monkeypatch, capsys):
    """Notebooks are scripts in jupytext's percent form: what is executed is what one reads."""
    monkeypatch.chdir(tmp_path)
    assert path.read_text().startswith("# %% [markdown]\n")
    runpy.run_path(str(path))
    assert capsys.readouterr().out


BRIDGES = ("optuna", "kernel_tuner", "mlflow")
REFERENCE = sorted(
    {
        name
        for page in (ROOT / "docs" / "api").glob("*.md")
        for name in re.findall(r"^::: (\S+)", page.read_text(), re.M)
    }
)


@pytest.mark.parametrize("name", REFERENCE)
def test_what_the_reference_names_exists_and_says_what_it_is(name):
    library = name.split(".")[-2]
    if library in BRIDGES and find_spec(library) is None:
        pytest.skip(f"{library} is not installed: pip install 'poolwise[docs]'")
    found = pkgutil.resolve_name(name)
    assert found.__doc__


@pytest.mark.slow
@pytest.mark.skipif(not all(map(find_spec, ("mkdocs", "mkdocstrings"))), reason="pip install 'poolwise[docs]' for this")
def test_the_site_is_built(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for page, name in (("engine", "decide"), ("integrations", "PoolwiseSampler"), ("errors", "StoreLocked")):
        assert name in (tmp_path / "site" / "api" / f"{page}.html").read_text()
