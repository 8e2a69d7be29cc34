"""The package as its users get it: everything is in the wheel, works without extras, and shows its types."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

import poolwise
from poolwise.extras import EXTRAS
from tests.cli.test_every_command import COMMANDS

ROOT = Path(__file__).parents[1]
EXAMPLE = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[0]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
pytestmark = pytest.mark.xdist_group("package")
ROOTS = {"poolwise": ROOT / "src" / "poolwise", "poolwise/models": ROOT / "models"}


def ran(*command, folder, env=None, typed=None):
    return subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=300, env=env, input=typed
    )


def user(*command, folder, typed=None):
    """As a user who has nothing but what is installed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return ran(*command, folder=folder, env=env, typed=typed)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing that an earlier build left behind comes along."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("src", "models"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    built = ran(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", copy, copy, folder=copy
    )
    assert built.returncode == 0, built.stderr
    return next(copy.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """The `bin` of an environment that holds the wheel and what it requires, in the versions that are tested here."""
    folder = tmp_path_factory.mktemp("installed")
    freeze = ran(sys.executable, "-m", "pip", "freeze", "--exclude-editable", folder=folder)
    (folder / "versions.txt").write_text("".join(one for one in freeze.stdout.splitlines(True) if "==" in one))
    assert ran(sys.executable, "-m", "venv", "--without-pip", folder / "env", folder=folder).returncode == 0
    python = folder / "env" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-compile", "-c", folder / "versions.txt")
    done = ran(*pip, wheel, folder=folder)
    assert done.returncode == 0, done.stderr
    yield python.parent
    shutil.rmtree(folder / "env")


@pytest.fixture(scope="session")
def place(installed, tmp_path_factory):
    """A folder with a finished run, a table and a pack, all made without extras."""
    folder = tmp_path_factory.mktemp("place")
    config = (ROOT / "configs" / "prover_simulation.toml").read_text()
    (folder / "poolwise.toml").write_text(config.replace("sqlite:///prover_simulation.db", "sqlite:///run.db"))
    run = user(installed / "poolwise", "run", "poolwise.toml", "--decisions", 30, folder=folder)
    assert run.returncode == 0, run.stderr
    (folder / "table.csv").write_text(
        "unit,project,context,family,arm,cost,status\n"
        + "".join(f"{unit},p,c,{arm},{arm},{1 + unit % 3}.5,ok\n" for unit in range(30) for arm in ("a", "b"))
    )
    return folder


def test_every_file_is_in_the_wheel(wheel):
    wanted = {
        f"{name}/{path.relative_to(root)}"
        for name, root in ROOTS.items()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = set(ZipFile(wheel).namelist())
    assert wanted <= found, "set package-data in pyproject.toml, or add an __init__.py"
    assert {name for name in found if "dist-info" not in name} <= wanted
    assert any(name.endswith("licenses/LICENSE") for name in found)


def test_models_are_found_in_the_checkout_too():
    import poolwise.models

    assert Path(poolwise.models.__file__).name == "__init__.py"


def test_the_example_of_the_readme(installed, tmp_path):
    done = user(installed / "python", "-W", "error", "-c", EXAMPLE, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_version(installed, tmp_path):
    done = user(installed / "poolwise", "--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"poolwise {poolwise.__version__}\n")


def test_nothing_but_a_library_of_an_extra_is_missing(installed, tmp_path):
    """Every module of the wheel can be imported, but for the script that Alembic runs."""
    code = """
import importlib, pkgutil, sys, poolwise
for module in pkgutil.walk_packages(poolwise.__path__, "poolwise."):
    try:
        module.name.endswith("migrations.env") or importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        print(error.name.partition(".")[0])
"""
    done = user(installed / "python", "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {name for names in EXTRAS.values() for name in names}


CALLS = """
import contextlib, io, json, sys
from poolwise.cli import main

said = []
for line in sys.stdin.read().splitlines():
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
        status = main(line.split())
    said.append((line, status, out.getvalue(), errors.getvalue()))
print(json.dumps(said))
"""


def called(python, lines, folder):
    """Status, output and errors of every command line, one after another in one process."""
    done = user(python, "-c", CALLS, folder=folder, typed="\n".join(lines))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_needs_no_extra(installed, tmp_path):
    for line, status, out, errors in called(installed / "python", [f"{one} --help" for one in COMMANDS], tmp_path):
        assert (status, errors) == (0, ""), line
        assert "Usage" in out, line


BARE = {
    "init other.toml": None,
    "decide --project simulation --context pure_identity_simple": None,
    "observe OPEN --utility 0.1": None,
    "run poolwise.toml --decisions 31": None,
    "run poolwise.toml --decisions 99 --report page.html": "report",
    f"run {ROOT / 'configs' / 'z3.toml'} --store sqlite:///z3.db": "z3",
    "refit": "refit",
    "refit --method nuts": "refit",
    "refit --method svi": "refit",
    "report draws.nc": "report",
    "learn": "refit",
    "control ban moderate": None,
    "backup copy.db": None,
    "restore copy.db --store sqlite:///back.db": None,
    "migrate sqlite:///run.db sqlite:///moved.db": None,
    "migrate sqlite:///run.db postgresql://nowhere/moved": "postgresql",
    "status": None,
    "log": None,
    "beliefs": None,
    "projects": None,
    "similar simulation": None,
    "explain 1": None,
    "export out": None,
    "replay table.csv --baseline a --seeds 1": None,
    "replay table.csv --baseline a --seeds 1 --plot curves.png": "report",
    "evaluate run.db --policy uniform": None,
    f"import hyperfine {ROOT / 'tests/integrations/files/hyperfine.json'} --job file -o hyperfine.parquet": None,
    "prior export pack.json --minimum 1": None,
    "prior import pack.json": None,
    "prior inspect pack.json": None,
    "prior combine all.json pack.json --minimum 1": None,
    "archive partitions": None,
    "retention --views 30d": None,
    "withdraw --decisions 1..2": None,
    "forget --project simulation": None,
    "serve": "service",
    "keys --add farm": None,
}


def test_every_command_is_tried_without_extras():
    assert {command for command in COMMANDS if any(f"{line} ".startswith(f"{command} ") for line in BARE)} == {
        *COMMANDS
    }


def test_commands_without_extras_work_or_name_the_extra_in_one_line(installed, place):
    decide = "decide --project simulation --context pure_identity_simple --json"
    made = json.loads(user(installed / "poolwise", *decide.split(), folder=place).stdout)
    lines = [line.replace("OPEN", str(made["id"])) for line in BARE]
    said = called(installed / "python", lines, place)
    for extra, (line, status, _, errors) in zip(BARE.values(), said, strict=True):
        if extra:
            assert (status, errors.count("\n")) == (2, 1), line
            assert errors.endswith(f"is not installed: pip install 'poolwise[{extra}]'\n"), (line, errors)
        else:
            assert status in (0, 1), (line, errors)


def modules(requirements):
    """Top-level modules of the distributions that a list of requirements names."""
    names = {re.match(r"[\w-]+", one)[0].lower().replace("_", "-") for one in requirements}
    return {
        module
        for module, owners in packages_distributions().items()
        if names & {owner.lower().replace("_", "-") for owner in owners}
    }


def test_everything_imported_is_required():
    used = {
        name.partition(".")[0]
        for root in ROOTS.values()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _named(node)
    }
    extras = {name for names in EXTRAS.values() for name in names}
    strange = used - set(sys.stdlib_module_names) - {"poolwise"} - extras
    # Pydantic's own core comes in the one version that fits it, MarkupSafe with Jinja2; jaxtyping is imported for type
    # checkers alone.
    assert strange <= modules(PROJECT["dependencies"]) | {"pydantic_core", "markupsafe", "jaxtyping"}


def _named(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_installs_the_libraries_that_its_message_names(extra):
    if missing := [name for name in EXTRAS[extra] if find_spec(name) is None]:
        pytest.skip(f"{missing[0]} is not installed: pip install 'poolwise[{extra}]'")
    assert {*EXTRAS[extra]} <= modules(PROJECT["optional-dependencies"][extra])


ONE_EXTRA = """
import sys
from importlib.machinery import PathFinder

class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {hidden!r} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hidden
from poolwise.cli import main
sys.exit(max(main(line.split()) for line in {lines!r}))
"""


@pytest.mark.parametrize(
    ("extra", "lines"),
    [
        ("refit", ["refit --save draws.nc"]),
        ("report", ["run poolwise.toml --decisions 32 --report page.html"]),
        ("z3", [f"run {ROOT / 'configs' / 'z3.toml'} --store sqlite:///z3.db --decisions 2"]),
    ],
)
def test_one_extra_is_enough(extra, lines, place):
    own = modules(PROJECT["optional-dependencies"][extra])
    hidden = {name for names in EXTRAS.values() for name in names} - own
    done = ran(sys.executable, "-c", ONE_EXTRA.format(hidden=hidden, lines=lines), folder=place)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


CHECKED = {
    "engine.decide(project='p', context='c')": "fallback=poolwise.schema.Decision",
    "engine.decide(project='p', contxt='c')": 'Unexpected keyword argument "contxt" for "decide" of "Engine"',
    "engine.observe(decision.id, cost='cheap')": 'Argument "cost" to "observe" of "Engine" has incompatible type "str"',
    "poolwise.Engin": 'Module has no attribute "Engin"',
    **{f"poolwise.{name}": "Revealed type is" for name in poolwise.__all__},
}


@pytest.fixture(scope="session")
def checked(installed, tmp_path_factory):
    """What mypy says of the example and of every expression, by line."""
    folder = tmp_path_factory.mktemp("checked")
    text = f"{EXAMPLE}\nimport poolwise\n" + "".join(f"reveal_type({line})\n" for line in CHECKED)
    (folder / "example.py").write_text(text)
    mypy = ("-m", "mypy", "--strict", "--cache-dir", folder, "--python-executable", installed / "python")
    said = ran(sys.executable, *mypy, "example.py", folder=folder).stdout
    found = dict.fromkeys(range(text.count("\n") + 1), "")
    for line in said.splitlines():
        if line.startswith("example.py:"):
            found[int(line.split(":")[1])] += line + "\n"
    of_example = [found.pop(number) for number in range(text.count("\n") + 1 - len(CHECKED))]
    return "".join(of_example), dict(zip(CHECKED, found.values(), strict=True))


def test_the_example_passes_mypy_strict(checked):
    assert checked[0] == ""


@pytest.mark.parametrize(("expression", "says"), CHECKED.items())
def test_types_reach_the_user(checked, expression, says):
    assert says in checked[1][expression]
    assert "error" in checked[1][expression] or '"Any"' not in checked[1][expression]
