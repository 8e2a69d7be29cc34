"""Adapters: the reference values that come with the data, and refusals on copies of a small folder."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets, spaces
from poolwise.errors import DataError
from poolwise.table import Table, available, utility

needs_data = pytest.mark.skipif(not DEFAULT_ROOT.exists(), reason=f"no public data at {DEFAULT_ROOT}")


def loaded(prefix: str) -> dict[str, Table]:
    """Tables whose name starts so."""
    return {source.name: source.load() for source in replay_sets(DEFAULT_ROOT, True) if source.name.startswith(prefix)}


def best_by(cost: np.ndarray, group: np.ndarray) -> float:
    """Mean cost of the best arm of every group in hindsight."""
    return sum(cost[group == code].sum(axis=0).min() for code in np.unique(group)) / len(cost)


@needs_data
def test_aslib_reference_values() -> None:
    stated = pd.read_csv(DEFAULT_ROOT / "aslib" / "scenarios.csv").set_index("scenario")
    for name, table in loaded("aslib/").items():
        row = stated.loc[name.removeprefix("aslib/")]
        cost = -table.reward if table.cost is None else table.cost
        found = [cost[:, table.baseline].mean(), best_by(cost, table.context), cost.min(axis=1).mean()]
        np.testing.assert_allclose(
            np.abs(found), row[["sbs_value", "ctx_best_value", "vbs_value"]].astype(float), rtol=2e-5, atol=6e-5
        )
        assert (len(table.units), len(table.arms), len(table.families)) == (row.n_inst, row.n_algo, row.n_algo_families)
        assert table.arms[table.baseline] == row.sbs


@needs_data
def test_aslib_features_are_finite_or_missing() -> None:
    count = {name.removeprefix("aslib/"): table.feature_names for name, table in loaded("aslib/").items()}
    assert {name: len(names) for name, names in count.items() if "SAT" in name} == {
        "MAXSAT-PMS-2016": 37,
        "SAT11-HAND": 115,
        "SAT12-INDU": 115,
    }
    for table in loaded("aslib/").values():
        assert table.features is None or not (np.isinf(table.features) | (table.features == -512)).any()


@needs_data
def test_smtcomp_reference_values() -> None:
    stated = pd.read_csv(DEFAULT_ROOT / "provers" / "smtcomp_logics.csv")
    for name, table in loaded("provers/smtcomp").items():
        season = stated[stated["year"] == int(name[-4:])].set_index("logic")
        for code, logic in enumerate(table.projects):
            cost = table.cost[table.project == code]
            cost = cost[:, ~np.isnan(cost[0])]
            found = [
                table.cost[table.project == code, table.baseline].mean(),
                cost.mean(axis=0).min(),
                cost.min(axis=1).mean(),
            ]
            np.testing.assert_allclose(
                found,
                season.loc[logic, ["default_par2_s", "sbs_par2_s", "vbs_par2_s"]].astype(float),
                rtol=2e-5,
                atol=6e-5,
            )
            assert cost.shape[1] == season.loc[logic, "n_solvers"]


@needs_data
def test_eprover_reference_values() -> None:
    for name, table in loaded("provers/eprover").items():
        stem = "eprover_itp18_full_arms" if name.endswith("full") else "eprover_itp18_arms"
        stated = pd.read_csv(DEFAULT_ROOT / "provers" / f"{stem}.csv")
        np.testing.assert_array_equal(table.reward.sum(axis=0), stated["n_solved"])
        assert stated["is_default"].iloc[table.baseline]


@needs_data
def test_software_reference_values() -> None:
    stated = pd.read_csv(DEFAULT_ROOT / "software" / "systems.csv")
    for table, row in zip(loaded("software/").values(), stated.itertuples(), strict=True):
        gain = utility(table)
        cell = table.project * len(table.contexts) + table.context
        found = [gain.mean(axis=0).max(), -best_by(-gain, cell), gain.max(axis=1).mean()]
        expected = [row.gm_speedup_sbs, row.gm_speedup_ctx_best, row.gm_speedup_oracle]
        np.testing.assert_allclose(np.exp(found), expected, atol=6e-5)


@needs_data
def test_learning_and_kernel_reference_values() -> None:
    (table,) = loaded("ml/").values()
    stated = pd.read_csv(DEFAULT_ROOT / "ml" / "summary.csv").iloc[0]
    found = [table.reward.mean(axis=0).max(), table.reward[:, table.baseline].mean(), table.reward.max(axis=1).mean()]
    np.testing.assert_allclose(
        found, stated[["sbs_value", "default_value", "vbs_value"]].astype(float), rtol=2e-5, atol=6e-5
    )
    kernels = pd.read_csv(DEFAULT_ROOT / "gpu" / "gpu_spaces.csv").set_index(["context", "project"])
    for space in (source.load() for source in spaces(DEFAULT_ROOT)):
        for unit, machine in enumerate(space.units):
            row = kernels.loc[(space.contexts[0], machine)]
            best = [space.cost[unit].min(), space.cost[unit, space.baseline]]
            np.testing.assert_allclose(best, row[["best_ms", "default_ms"]].astype(float), rtol=2e-5, atol=6e-5)
            assert (space.status[unit] == 0).sum() == row["n_ok_sampled"]


@needs_data
@pytest.mark.parametrize(
    "source", replay_sets(DEFAULT_ROOT) if DEFAULT_ROOT.exists() else [], ids=lambda source: source.name
)
def test_every_set_is_a_sound_table(source) -> None:
    table = source.load()
    assert np.isfinite(table.reward[available(table)]).all()
    assert np.isnan(table.reward[~available(table)]).all()
    assert available(table)[:, table.baseline].all()
    assert (utility(table)[:, table.baseline] == 0).all()
    assert len(set(table.units)) == len(table.units)
    assert len(set(table.arms)) == len(table.arms)


def test_empty_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set found"):
        replay_sets(tmp_path)


@pytest.fixture
def software_root(tmp_path: Path) -> Path:
    """A root with one system of 2 inputs and 2 configurations."""
    folder = tmp_path / "software"
    folder.mkdir()
    pd.DataFrame({"system": ["s"], "measure": ["time"], "lower_is_better": [True]}).to_csv(folder / "systems.csv")
    pd.DataFrame({"input_id": [0, 1], "project": ["p", "p"], "context": ["c", "d"]}).to_parquet(
        folder / "s.inputs.parquet"
    )
    configs = {
        "config_id": [0, 1],
        "family": ["f", "f"],
        "is_default": [True, False],
        "params_json": ["{}", '{"x": 2}'],
    }
    pd.DataFrame(configs).to_parquet(folder / "s.configs.parquet")
    runs = {"input_id": [0, 0, 1, 1], "config_id": [0, 1, 0, 1], "time": [1.0, 2.0, 4.0, 1.0]}
    pd.DataFrame(runs).to_parquet(folder / "s.parquet")
    return tmp_path


def change(root: Path, name: str, column: str, row: int, value: object) -> None:
    """Overwrite one cell of a file."""
    frame = pd.read_parquet(root / "software" / name)
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    frame.infer_objects().to_parquet(root / "software" / name)


def test_small_root_by_hand(software_root: Path) -> None:
    (source,) = replay_sets(software_root)
    table = source.load()
    np.testing.assert_allclose(utility(table), [[0.0, -np.log(2)], [0.0, np.log(4)]])
    assert table.params == ({}, {"x": 2})
    assert table.contexts == ("c", "d")


@pytest.mark.parametrize(
    ("name", "column", "row", "value", "message"),
    [
        ("s.parquet", "time", 1, -2.0, r"s.parquet, row 1, column time: -2.0 is negative"),
        ("s.parquet", "time", 3, np.nan, "row 3, column time"),
        ("s.parquet", "config_id", 3, 0, "row 3, column config_id.*twice"),
        ("s.parquet", "input_id", 3, 7, "row 3, column input_id: nothing is known of 7"),
        ("s.inputs.parquet", "context", 1, None, "row 2, column context.*null.*2 such rows"),
        ("s.inputs.parquet", "input_id", 1, 0, "key input_id of row 1: 0 stands there twice"),
        ("s.configs.parquet", "is_default", 1, True, "2 values of is_default"),
    ],
)
def test_malformed_files_are_refused_with_row_and_column(software_root, name, column, row, value, message) -> None:
    change(software_root, name, column, row, value)
    with pytest.raises(DataError, match=message):
        replay_sets(software_root)[0].load()


def test_missing_column_and_file_are_named(software_root: Path) -> None:
    folder = software_root / "software"
    pd.read_parquet(folder / "s.parquet").drop(columns="time").to_parquet(folder / "s.parquet")
    with pytest.raises(DataError, match="no column 'time'"):
        replay_sets(software_root)[0].load()
    shutil.move(folder / "s.configs.parquet", folder / "elsewhere.parquet")
    pd.DataFrame({"input_id": [0], "config_id": [0], "time": [1.0]}).to_parquet(folder / "s.parquet")
    with pytest.raises(DataError, match="no such file"):
        replay_sets(software_root)[0].load()
