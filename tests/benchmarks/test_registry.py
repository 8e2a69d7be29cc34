"""README and docs say what the result files hold, and every figure has its command."""

import re
from pathlib import Path

import pytest

from benchmarks.claims.documents import PHRASES, ROWS
from benchmarks.claims.rows import rewritten
from benchmarks.harness.machine import ROOT
from benchmarks.harness.result import RESULTS, dumps
from benchmarks.registry import BENCHMARKS, PICTURES

LIMIT = 300_000
"""Bytes of results in the repository: summaries, and the pictures that README shows."""


@pytest.mark.parametrize("document", ROWS)
def test_tables_hold_the_figures_of_the_files(document):
    text = (ROOT / document).read_text()
    assert text == rewritten(text, ROWS[document]), "python -m benchmarks.registry --write makes them agree"


@pytest.mark.parametrize(("document", "made"), [(name, made) for name, all in PHRASES.items() for made in all])
def test_phrases_hold_the_figures_of_the_files(document, made):
    assert made() in " ".join((ROOT / document).read_text().split())


def test_a_figure_that_is_changed_in_a_document_is_put_right():
    text = (ROOT / "README.md").read_text()
    assert rewritten(text.replace("| worst set | 1", "| worst set | 2"), ROWS["README.md"]) == text


def test_every_row_of_figures_in_readme_comes_from_a_file():
    rows = re.findall(r"^\| (.*?) \|(.*)\|$", (ROOT / "README.md").read_text(), re.M)
    figures = [label for label, cells in rows if re.search(r"\d", cells)]
    assert figures
    assert [label for label in figures if not any(label.startswith(row.label) for row in ROWS["README.md"])] == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_command_is_a_module(name):
    module = BENCHMARKS[name].command.split()[0]
    text = (ROOT / "benchmarks" / f"{module.replace('.', '/')}.py").read_text()
    assert '__name__ == "__main__"' in text
    assert f"-m benchmarks.{module}" in text  # its docstring says how it is run


def test_every_result_and_picture_has_a_command():
    results = {path.stem for path in RESULTS.glob("*.json")}
    assert results <= {one.result for one in BENCHMARKS.values()}
    shown = {
        str((path.parent / name).relative_to(ROOT))
        for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", path.read_text())
    }
    assert shown == set(PICTURES)


def test_results_stay_small():
    assert sum(path.stat().st_size for path in Path(RESULTS).iterdir()) <= LIMIT


def test_no_result_names_a_path_of_a_machine():
    for path in Path(RESULTS).glob("*.json"):
        assert not re.search(r"/(tmp|work|root|home|Users)/", path.read_text()), path.name


def test_results_are_written_so_that_two_can_be_compared():
    assert dumps({"a": {"b": [1.23456789, 2]}, "c": "d"}) == '{\n "a": { "b": [ 1.2346, 2 ] },\n "c": "d"\n}\n'
