"""A place to call commands in: what they print, and with which status they end."""

import pytest

from poolwise.cli import main
from poolwise.workloads import WORKLOADS
from tests.toy import CONFIG, Toy


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """An empty folder to work in, and a workload that costs nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(WORKLOADS, "toy", Toy)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Run a command; returns exit status, stdout and stderr."""

    def run(*arguments):
        status = main(list(map(str, arguments)))
        caught = capsys.readouterr()
        return status, caught.out, caught.err

    return run


@pytest.fixture
def finished(place, call):
    """A finished run and its configuration as the default one."""
    (place / "poolwise.toml").write_text(CONFIG.format(store="sqlite:///run.db"))
    status, _, errors = call("run", "poolwise.toml")
    assert (status, errors) == (0, "")
    return call
