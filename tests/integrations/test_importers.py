"""Files of other tools, written by us in their documented form, become tables that replay, evaluate and refit read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poolwise import ope
from poolwise.cli import main
from poolwise.errors import DataError
from poolwise.integrations import importers
from poolwise.ope import files
from poolwise.replay import read, replay
from poolwise.table import utility

FILES = Path(__file__).parent / "files"
TABLES = {
    "hyperfine": ("hyperfine.json", {"jobs": ["file"]}, "gzip(level=6)", (3, 3)),
    "pytest-benchmark": ("pytest_benchmark.json", {"jobs": ["size"]}, "test_sort(algorithm=quick)", (2, 3)),
    "benchexec": ("benchexec.table.csv", {}, "solver-a 1.2", (4, 2)),
    "aslib": ("aslib", {"context": "^[^/]+"}, "solver_one", (4, 2)),
    "kernel-tuner": ("kernel_tuner", {}, "vector_add(block_size_x=64,tile=1)", (2, 6)),
}
"""Kind -> file, options, baseline, units and arms."""
PATHS = {**{kind: row[0] for kind, row in TABLES.items()}, "dsjson": "small.dsjson"}


def imported(kind, **options):
    name, usual, _, _ = TABLES[kind]
    return importers.read(kind, FILES / name, **{**usual, **options})


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_replays_and_judges_policies(kind, tmp_path):
    found = imported(kind)
    path = tmp_path / "table.parquet"
    found.frame.to_parquet(path)
    table = read(path)
    assert (found.baseline, (len(table.units), len(table.arms))) == TABLES[kind][2:]
    assert len(replay(table, "greedy", seeds=1).log) == len(table.units)
    log, arms = ope.from_frame(files.read_log(path), "uniform", model=False)
    assert arms == tuple(sorted(table.arms))
    np.testing.assert_allclose(ope.ips(log).value, found.frame["utility"].mean())


def test_the_value_of_an_arm_by_the_log_is_its_mean_gain():
    """A table is the log of a uniform policy: inverse propensities give back the mean of every arm."""
    frame = imported("pytest-benchmark").frame
    log, _ = ope.from_frame(frame, "test_sort(algorithm=merge)", model=False)
    mine = frame[frame["arm"] == "test_sort(algorithm=merge)"]
    assert ope.snips(log).value == pytest.approx(mine["utility"].mean())


def test_hyperfine_keeps_as_many_runs_of_every_arm():
    found = imported("hyperfine")
    assert found.notes == ["4 repetitions of every arm kept, 3 left out"]
    assert set(found.frame.groupby(["unit", "arm"]).size()) == {4}
    assert set(found.frame["unit"]) == {"logs.txt", "book.txt", "image.bmp"}


def test_hyperfine_without_parameters_names_arms_by_command(tmp_path):
    for job in ("a", "b"):
        body = [{"command": f"{tool} {job}", "mean": 1.0, "times": [1.0, 2.0]} for tool in ("gzip", "xz -9")]
        body[1]["exit_codes"] = [1, 0]
        (tmp_path / f"{job}.json").write_text(json.dumps({"results": body}).replace(f" {job}", ""))
    found = importers.read("hyperfine", tmp_path, project="packing")
    assert list(found.frame["arm"].unique()) == ["gzip", "xz -9"]
    assert set(found.frame["project"]) == {"packing"}
    assert (found.frame["status"] == "failed").sum() == 2


def test_benchexec_unsolved_costs_ten_times_the_longest():
    frame = imported("benchexec").frame.set_index(["unit", "arm"])
    wrong = frame.loc[("arith/product.yml unreach-call", "solver-b 0.9")]
    late = frame.loc[("bits/shift.yml unreach-call", "solver-a 1.2")]
    assert (wrong["status"], wrong["cost"], late["status"], late["cost"]) == ("failed", 602.0, "timeout", 602.0)
    assert set(frame["context"]) == {"arith", "bits"}


def test_aslib_by_hand():
    found = imported("aslib")
    table = found.frame.pivot(index="unit", columns="arm", values="cost")
    assert table.loc["crafted/a, one.cnf"].tolist() == [50.0, 5.0]
    assert table.loc["crafted/b.cnf"].tolist() == [20.0, 1000.0]
    assert table.loc["industrial/d.cnf"].tolist() == [1000.0, 1.0]
    assert set(found.frame["context"]) == {"crafted", "industrial"}
    assert set(found.frame["project"]) == {"SMALL-SAT"}


def test_aslib_has_the_features_of_its_instances(tmp_path):
    found = imported("aslib").frame.drop_duplicates("unit").set_index("unit")
    assert found["f_nvars"].dropna().to_dict() == {
        "crafted/a, one.cnf": 100,
        "crafted/b.cnf": 2_500,
        "industrial/c.cnf": 90_000,
    }
    assert found["f_clause_ratio"].dropna().to_dict() == {"crafted/a, one.cnf": 4.2}
    imported("aslib").frame.to_parquet(tmp_path / "table.parquet")
    assert read(tmp_path / "table.parquet").feature_names == ("nvars", "clause_ratio")


def test_aslib_that_maximises_has_rewards(tmp_path):
    shutil.copytree(FILES / "aslib", tmp_path / "aslib")
    about = tmp_path / "aslib" / "description.txt"
    about.write_text(about.read_text().replace("- false", "- true"))
    found = importers.read("aslib", tmp_path / "aslib")
    assert found.baseline == "solver two"
    gain = found.frame.pivot(index="unit", columns="arm", values="utility")["solver_one"]
    assert gain["crafted/b.cnf"] == pytest.approx(80.0)


def test_kernel_tuner_launches_and_failures(tmp_path):
    found = imported("kernel-tuner")
    path = tmp_path / "table.parquet"
    found.frame.to_parquet(path)
    table = read(path)
    assert table.projects == ("NVIDIA A100", "AMD W6600")
    assert table.repeats.shape == (2, 6, 7)
    assert (table.status == 1).sum(axis=1).tolist() == [1, 1]
    assert utility(table)[:, table.arms.index("vector_add(block_size_x=64,tile=2)")] == pytest.approx(0.69, abs=0.03)


def test_kernel_tuner_t4_and_a_cache_that_was_not_closed_say_the_same(tmp_path):
    whole = (FILES / "kernel_tuner" / "A100.json").read_text().rstrip()
    (tmp_path / "A100.json").write_text(whole.removesuffix("}").rstrip().removesuffix("}").rstrip() + ",\n")
    cache = importers.read("kernel-tuner", tmp_path / "A100.json").frame
    results = importers.read("kernel-tuner", FILES / "T4.json").frame
    np.testing.assert_allclose(cache["cost"], results["cost"])


def test_dsjson_is_a_log_of_its_own_probabilities():
    found = importers.read("dsjson", FILES / "small.dsjson", context="GUser.id", family="TAction.topic")
    assert found.notes == ["1 lines without a decision and its cost left out"]
    assert set(found.frame["context"]) == {"anna", "ben"}
    assert set(found.frame["arm"]) == {"politics", "sports", "music"}
    log, _ = ope.from_frame(found.frame, "uniform", model=False, behaviour=files.behaviour(found.frame))
    assert not ope.evaluate(log).diagnosis.veto
    weighted = found.frame["utility"] / 3 / found.frame["probability"]
    assert ope.ips(log).value == pytest.approx(weighted.mean())


@pytest.mark.parametrize("other", PATHS)
@pytest.mark.parametrize("kind", importers.KINDS)
def test_a_file_of_another_tool_is_refused_with_the_kind_that_it_is(kind, other):
    if kind != other:
        with pytest.raises(DataError, match=f"poolwise import {other} "):
            importers.read(kind, FILES / PATHS[other])


def changed(change, name="hyperfine.json"):
    """The text of a file with something else in it."""
    text = (FILES / name).read_text()
    assert change[0] in text
    return text.replace(*change)


LINE = (FILES / "small.dsjson").read_text().splitlines()[0]
BAD = {
    ("hyperfine", "x.json", changed(('"command": "gzip -6 -c logs.txt"', '"command": 3'))): "'command' is 3",
    ("hyperfine", "x.json", changed(('"level": "6"', '"lvl": "6"', 1))): "every unit lacks some arm",
    ("hyperfine", "x.json", "{"): "is no file that hyperfine exported",
    ("benchexec", "x.csv", changed(("\tcputime (s)", "\tcores"), "benchexec.table.csv").replace("walltime", "x")): (
        "none of cputime and walltime"
    ),
    ("benchexec", "x.csv", "tool\ta\nrun set\tb\n"): "three lines of names",
    ("kernel-tuner", "x.json", (FILES / "kernel_tuner" / "T1.json").read_text()): "is no cache or T4 file",
    ("kernel-tuner", "x.json", changed(('"tile": 2', '"tyle": 2'), "kernel_tuner/A100.json")): "no parameter 'tile'",
    ("dsjson", "x.json", LINE + "\n{"): "line 2 is no JSON",
    ("dsjson", "x.json", LINE.replace('"_labelIndex":', '"_labelIndex":9')): "the action taken is 9",
    ("dsjson", "x.json", LINE.replace('"_label_probability":0.', '"_label_probability":0.0')): "_label_probability",
    ("dsjson", "x.json", LINE.replace("_label_cost", "_cost")): "no line has a label",
    ("dsjson", "x.json", LINE.replace("_multi", "_slots").replace('"p":', '"p":')): "no `_multi`",
}


@pytest.mark.parametrize(("case", "message"), BAD.items(), ids=[f"{kind}-{said}" for (kind, *_), said in BAD.items()])
def test_a_damaged_file_is_refused_in_one_line(case, message, tmp_path):
    kind, name, text = case
    (tmp_path / name).write_text(text)
    options = {"jobs": ["file"]} if kind == "hyperfine" else {}
    with pytest.raises(DataError, match=message) as found:
        importers.read(kind, tmp_path / name, **options)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": ["size"]}, "no parameter 'size'"),
        ({"baseline": "gzip(level=7)"}, "is no arm here; name one of gzip"),
        ({"context": "("}, "is no regular expression"),
        ({"project": ""}, "project must be"),
    ],
)
def test_wishes_that_cannot_be_meant(options, message):
    with pytest.raises(Exception, match=message):
        imported("hyperfine", **options)


CONFIG = """
[run]
store = "sqlite:///store.db"
[space]
baseline = "gzip(level=6)"
families.gzip.parameters.level = { type = "choice", values = [1, 6, 9] }
"""


def test_commands_work_on_what_was_imported(tmp_path, monkeypatch, capsys):
    """import -> replay, evaluate and refit --from, by the shell's own commands."""
    pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    Path("poolwise.toml").write_text(CONFIG)
    assert main(["import", "hyperfine", str(FILES / "hyperfine.json"), "--job", "file", "-o", "table.parquet"]) == 0
    assert "3 units, 1 projects, 1 contexts, 3 arms; baseline gzip(level=6)" in capsys.readouterr().out
    assert main(["replay", "table.parquet", "--seeds", "1", "--log", "log.parquet"]) == 0
    assert main(["evaluate", "table.parquet", "--policy", "gzip(level=1)"]) in (0, 1)
    assert main(["decide", "--project", "hyperfine", "--context", "all"]) == 0
    assert main(["refit", "--from", "table.parquet"]) in (0, 1)
    assert "from 36 outcomes" in capsys.readouterr().out


def test_json_says_what_was_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["import", "aslib", str(FILES / "aslib"), "-o", "table.parquet", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["baseline"], len(said["notes"])) == (8, "solver_one", 2)
    assert len(pd.read_parquet("table.parquet")) == 8


def test_the_commands_of_the_page_run(tmp_path, monkeypatch):
    """Line by line, in a folder with the file that they name."""
    page = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text()
    block = page.partition("```sh\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    shutil.copy(FILES / "hyperfine.json", "packing.json")
    statuses = [main(line.split()[1:]) for line in block.splitlines()]
    assert statuses[:2] == [0, 0]
    assert statuses[2] in (0, 1)
