"""Every command: its help, and that wrong input is one line on stderr and exit status 2."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from poolwise.cli.app import app

GROUPS = [
    f"{group.name} {command.name or command.callback.__name__}"
    for group in app.registered_groups
    for command in group.typer_instance.registered_commands
]


COMMANDS = sorted([*(one.name or one.callback.__name__ for one in app.registered_commands), *GROUPS])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_json_for_machines(call, command):
    status, out, _ = call(*command.split(), "--help")
    assert status == 0
    assert f"poolwise {command}" in out.partition("Example:")[2]
    assert "--json" in out


HEAVY = ("jax", "pandas", "scipy.optimize", "sqlalchemy", "alembic", "rich", "matplotlib")
if version("scipy") < "1.18":
    HEAVY += ("scipy.linalg",)  # Later, scipy.special loads it itself.
STARTING = """
import sys
from poolwise.cli import main
for line in {lines!r}:
    assert main(line.split()) == 0, line
print("loaded", [name for name in {names!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ((), ("numpy", "pydantic")),
        (("--help",), ("numpy", "pydantic")),
        (("decide --project p --context c",), ()),
        (("observe ID --cost 1 --baseline-cost 2",), ("scipy",)),
    ],
)
def test_a_command_loads_nothing_heavy(call, lines, more):
    """A store that is there, and is up to date, is opened without what made it."""
    call("init")
    made = json.loads(call("decide", "--project", "p", "--context", "c", "--json")[1])
    code = STARTING.format(lines=[line.replace("ID", str(made["id"])) for line in lines], names=[*HEAVY, *more])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"


WRONG = {
    ("init", "poolwise.toml"): "is there already",
    ("init", "no/folder/x.toml"): "cannot write",
    ("run",): "Missing argument",
    ("run", "none.toml"): "no configuration file",
    ("run", "poolwise.toml", "--decisions", "0"): "greater than or equal to 1",
    ("run", "poolwise.toml", "--decisoins", "5"): "decisoins",
    ("run", "poolwise.toml", "--seed", "9"): "holds a run with seed = 3",
    ("run", "poolwise.toml", "--report", "no/folder/x.html"): "cannot write the report",
    ("run", "poolwise.toml", "--store", "postgres:x"): "known kind",
    ("decide",): "Missing option",
    ("decide", "--project", "p", "--context", ""): "context must be a non-empty string",
    ("decide", "--project", "p", "--context", "c", "--available", "fsat"): "unknown arm or family 'fsat'",
    ("decide", "--project", "p", "--context", "c", "--available", "fast"): "baseline",
    ("observe", "x"): "valid integer",
    ("observe", "1"): "needs utility=, cost= with baseline_cost=",
    ("observe", "1", "--cost", "-1", "--baseline-cost", "1"): "must be finite and not negative",
    ("observe", "1", "--cost", "nan", "--baseline-cost", "1"): "must be finite",
    ("observe", "1", "--utility", "inf"): "no measurement",
    ("observe", "1", "--utility", "9", "--status", "okay"): "status 'okay'",
    ("observe", "999999", "--utility", "0"): "is not in this store",
    ("observe", "1", "--utility", "0.123"): "report each decision once",
    ("explain", "999999"): "is not in this store",
    ("beliefs", "--project", "q"): "no project 'q'",
    ("beliefs", "--top", "0"): "greater than or equal to 1",
    ("status", "--store", "sqlite:///poolwise.toml"): "poolwise.toml",
    ("status", "--config", "none.toml"): "no configuration file",
    ("refit", "--config", "none.toml"): "no configuration file",
    ("report", "none.nc"): "there is no file none.nc",
    ("report", "poolwise.toml"): "is no file of a refit",
    ("report", "--store", "sqlite:///mistyped.db"): "there is no store",
    ("log", "--project", "q"): "no project 'q'",
    ("log", "--last", "0"): "greater than or equal to 1",
    ("report", "--output", "no/folder/x.html"): "cannot write the report",
    ("refit", "--method", "mcmc"): "use one of fast, nuts, svi",
    ("refit", "--chains", "0"): "greater than or equal to 1",
    ("refit", "--device", "tpu"): "use 'cpu' or 'gpu'",
    ("refit", "--from", "none.parquet"): "cannot be read as Parquet",
    ("refit", "--save", "poolwise.toml/x.nc"): "name another file",
    ("control", "halt"): "unknown order 'halt'",
    ("control", "pin"): "'pin' needs an arm",
    ("control", "ban", "fsat"): "unknown arm or family 'fsat'",
    ("control", "ban", "default"): "cannot be banned",
    ("control", "resume"): "would change nothing",
    ("control", "pin", "fast", "--project", "p"): "no project 'p'",
    ("export",): "Missing argument",
    ("export", "poolwise.toml"): "is a file",
    ("replay", "none.csv", "--baseline", "default"): "there is no such file",
    ("replay", "none.csv", "--log", "log.txt"): "ends in .parquet",
    ("replay", "none.csv", "--seeds", "0"): "greater than or equal to 1",
    ("evaluate", "none.parquet", "--policy", "uniform"): "none.parquet",
    ("evaluate", "run.db"): "name the policy to evaluate",
    ("evaluate", "run.db", "--policy", "best"): "neither one of the log's arms",
    ("backup", "run.db"): "exists",
    ("backup", "no/folder/x.db"): "does not exist",
    ("archive",): "Missing argument",
    ("archive", "out", "--store", "sqlite://"): "lives in memory",
    ("archive", "none", "--verify"): "holds no partition",
    ("refit", "--executor", "spark"): "use 'local', 'ray://local' or 'ray://HOST:PORT'",
    ("prior", "combine", "out.json", "none.json"): "none.json",
    ("retention",): "say what may leave",
    ("retention", "--views", "soon"): "for instance 30d",
    ("retention", "--events", "2y"): "no checkpoint",
    ("forget",): "Missing option",
    ("forget", "--project", "q"): "no project 'q'",
    ("forget", "--project", "simulation", "--store", "sqlite:///mistyped.db"): "there is no store",
    ("withdraw",): "say what is withdrawn",
    ("withdraw", "--decisions", "9..1"): "the first comes first",
    ("withdraw", "--decisions", "a..b"): "for instance 1200..1450",
    ("withdraw", "--since", "yesterday"): "must be a time such as",
    ("withdraw", "--since", "nan"): "since",
    ("withdraw", "--project", "q"): "no project 'q'",
    ("withdraw", "--pack", "q"): "no pack 'q' was imported",
    ("withdraw", "--pack", "q", "--since", "1"): "one at a time",
    ("restore", "none.db"): "there is no store",
    ("restore", "poolwise.toml", "--store", "sqlite:///new.db"): "no SQLite file",
    ("migrate", "sqlite:///none.db", "sqlite:///new.db"): "there is no store",
    ("migrate", "sqlite:///run.db", "sqlite:///run.db"): "exists",
    ("migrate", "sqlite:///run.db", "memory://"): "ends with its process",
    ("migrate", "sqlite:///run.db", "postgres://me:secret@db/x"): "of no known kind",
    ("migrate", "sqlite:///run.db"): "Missing argument",
    ("projects", "--project", "q"): "no project 'q'",
    ("projects", "--top", "0"): "greater than or equal to 1",
    ("similar", "q"): "no project 'q'",
    ("similar",): "Missing argument",
    ("prior",): "Missing command",
    ("prior", "export", "x.json"): "2 projects with outcomes are too few for a pack that rests on at least 3",
    ("prior", "export", "x.json", "--private"): "2 projects with outcomes are too few",
    ("prior", "export", "x.json", "--minimum", "0"): "greater than or equal to 1",
    ("prior", "export", "x.json", "--minimum", "2", "--clip", "-1"): "must be a positive utility",
    ("prior", "export", "x.json", "--minimum", "2", "--private", "--mu", "0"): "needs mu from 1e-6",
    ("prior", "export", "x.json", "--private", "--clip", "1"): "takes --bound",
    ("prior", "export", "x.json", "--minimum", "2", "--card", "none.json"): "cannot read the card",
    ("prior", "export", "no/folder/x.json"): "cannot write the pack",
    ("prior", "import", "none.json"): "cannot read the pack",
    ("prior", "import", "poolwise.toml"): "cannot be read as JSON",
    ("prior", "inspect", "none.json"): "cannot read the pack",
    ("learn", "--config", "none.toml"): "no configuration file",
    ("learn", "--minutes", "0"): "greater than or equal to 0.01",
    ("learn", "--out", "no/folder/card.json"): "cannot write the card",
    ("learn", "--store", "sqlite:///mistyped.db"): "there is no store",
    ("learn", "--device", "abacus"): "device 'abacus' cannot be used",
    ("import", "hyperfine", "none.json", "-o", "t.parquet"): "there is no such file or folder",
    ("import", "hyperfine", "poolwise.toml", "-o", "t.parquet"): "is no file that hyperfine exported",
    ("import", "hyprfine", "poolwise.toml", "-o", "t.parquet"): "did you mean 'hyperfine'?",
    ("import", "hyperfine", "poolwise.toml", "-o", "t.csv"): "ends in .parquet",
    ("import", "hyperfine", "poolwise.toml"): "Missing option",
    ("serve", "-c", "none.toml"): "none.toml",
    ("serve", "-c", "poolwise.toml", "-c", "poolwise.toml"): "two files are called 'poolwise'",
    ("serve", "--private-key", "key.pem"): "TLS needs both",
    ("serve", "--certificate", "none.pem", "--private-key", "none.pem"): "none.pem cannot be read",
    ("keys", "--add", "farm", "--role", "king"): "role 'king' is unknown",
    ("keys", "--add", "farm", "--project", "p"): "a key for one project names its workspace",
    ("keys", "--revoke", "none"): "there is no key 'none'",
    ("frobnicate",): "No such command",
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.items(), ids=" ".join)
def test_wrong_input_is_one_line_and_exit_2(finished, arguments, message):
    status, out, errors = finished(*arguments)
    assert (status, out) == (2, "")
    assert message in errors
    assert errors.startswith("poolwise: ")
    assert errors.count("\n") == 1
    assert json.loads(finished("status", "--json")[1])["outcomes"] == 60


def test_every_command_is_tried_with_wrong_input():
    tried = {arguments[0] for arguments in WRONG} | {" ".join(arguments[:2]) for arguments in WRONG}
    assert tried >= set(COMMANDS)
