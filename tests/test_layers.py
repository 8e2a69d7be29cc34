"""The house: what may import what, one door for each heavy library, small files."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "poolwise"
ORDER = [
    "errors", "extras", "lazy", "progress", "names", "targets", "inputs", "compute", "models", "arrays", "space",
    "schema", "objective", "table", "config", "posterior", "policy", "views", "replay",
    "simulate", "ope", "meta", "store", "engine", "refit", "workloads", "run", "report", "plot", "integrations",
    "service", "client", "cli",
]  # fmt: skip
STRANGERS = {("posterior", "policy"), ("policy", "posterior"), ("store", "posterior"), ("store", "policy")}
DOORS = {
    "numpyro": {"refit"},
    "arviz_stats": {"report"},
    "matplotlib": {"report", "plot"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "sqlite3": {"store"},
    "typer": {"cli"},
    "rich": {"cli"},
    "z3": {"workloads"},
    "duckdb": {"refit"},
    "pydantic": {"config", "service"},
    "fastapi": {"service"},
    "httpx": {"client", "service"},
    "tenacity": {"client"},
    "uvicorn": {"service"},
    "prometheus_client": {"service"},
    "jinja2": {"service"},
    "optuna": {"integrations"},
    "kernel_tuner": {"integrations"},
    "mlflow": {"integrations"},
    "psycopg": {"store"},
    "ray": {"compute"},
    "opendp": {"meta"},
}
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    parts = ("poolwise", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


GRAPH = {dotted(path): imports(path) for path in MODULES}


def module_of(name: str) -> str | None:
    while name and name not in GRAPH:
        name = name.rpartition(".")[0]
    return name or None


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py" or p.parent != SOURCE], ids=dotted)
def test_a_module_imports_only_from_earlier_rooms(path):
    own = room(path)
    assert own in ORDER, f"{own} has no place in the house: add it to ORDER where it belongs"
    used = {name.split(".")[1] for name in imports(path) if name.startswith("poolwise.")} - {own}
    later = {other for other in used if ORDER.index(other) > ORDER.index(own)}
    assert not later, f"{own} must not import {sorted(later)}, which stand below it"
    assert not {other for other in used if (own, other) in STRANGERS}


@pytest.mark.parametrize("library", DOORS)
def test_each_heavy_library_has_one_door(library):
    users = {room(path) for path in MODULES if any(name.split(".")[0] == library for name in imports(path))}
    assert users <= DOORS[library]


def test_there_are_no_import_cycles():
    edges = {
        name: {module_of(one) for one in used if one.startswith("poolwise")} - {name} for name, used in GRAPH.items()
    }
    edges.pop("poolwise", None)
    done: set[str] = set()
    while len(done) < len(edges):
        ready = {name for name, used in edges.items() if name not in done and used - {None, "poolwise"} <= done}
        assert ready, f"import cycle among {sorted(set(edges) - done)}"
        done |= ready


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 65, f"{node.name} has {length} lines: split it"


def test_models_import_nothing_of_ours():
    models = sorted((ROOT / "models").rglob("*.py"))
    assert models
    for path in models:
        assert not any(name.startswith("poolwise") for name in imports(path)), path


def test_import_stays_light():
    heavy = ["jax", "numpyro", "arviz_stats", "matplotlib", "sqlalchemy", "typer", "pandas", "z3"]
    code = f"import sys, poolwise; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
