"""The same laws for every executor; a worker that is killed costs its task; errors in one line."""

import os
import signal
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from poolwise import compute
from poolwise.errors import ComputeError, InputError, MissingLibrary
from tests.compute.conftest import NEEDS_RAY

pytestmark = pytest.mark.xdist_group("ray")  # One cluster, not one for every process of tests.


def square(number):
    return number**2


def refuse(number):
    if number == 3:
        raise InputError(f"{number} is too many: give fewer")
    return number


def die_once(folder, number):
    """Kills its own process in the middle of every third task, the first time."""
    mark = Path(folder) / str(number)
    if number % 3 == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def wait_long(folder):
    if folder is not None:
        (Path(folder) / str(os.getpid())).touch()
        time.sleep(120)


def test_every_task_has_its_result_and_progress_counts_them(pool):
    seen = []
    found = compute.mapped(pool, square, range(7), progress=lambda *told: seen.append(told), part="squares")
    assert found == [number**2 for number in range(7)]
    assert seen == [("squares", done, 7) for done in range(1, 8)]


def test_an_error_of_a_task_arrives_as_it_is_and_the_pool_works_on(pool):
    with pytest.raises(InputError) as caught:
        compute.mapped(pool, refuse, range(6))
    assert str(caught.value) == "3 is too many: give fewer"
    assert compute.mapped(pool, square, [4]) == [16]


def test_no_task_is_no_work(pool):
    assert compute.mapped(pool, square, []) == []


@pytest.mark.parametrize("kind", ["processes", pytest.param("ray", marks=pytest.mark.cluster)])
def test_a_killed_worker_costs_its_task_only(kind, request, tmp_path):
    with compute.opened("local", workers=2) as processes:
        pool = processes if kind == "processes" else request.getfixturevalue("ray_pool")
        found = compute.mapped(pool, partial(die_once, str(tmp_path)), range(8))
    assert found == list(range(8))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("kind", ["processes", pytest.param("ray", marks=pytest.mark.cluster)])
def test_a_task_that_kills_every_worker_is_an_error(kind, request):
    with compute.opened("local", workers=2) as processes:
        pool = processes if kind == "processes" else request.getfixturevalue("ray_pool")
        with pytest.raises(ComputeError, match="task 1 "):
            compute.mapped(pool, die, [0], retries=1)


def test_a_worker_killed_while_it_waits_costs_nothing():
    with compute.opened("local", workers=2) as pool:
        (pid,) = compute.mapped(pool, pid_of, [0])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid))
        assert compute.mapped(pool, square, range(4)) == [0, 1, 4, 9]


def pid_of(_):
    return os.getpid()


def test_who_stops_listening_ends_what_is_running(tmp_path):
    with compute.opened("local", workers=2) as pool:
        running = compute.completed(pool, wait_long, [None, tmp_path])
        next(running)
        wait_until(lambda: list(tmp_path.iterdir()))
        running.close()
    assert not any(alive(int(path.name)) for path in tmp_path.iterdir())


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("address", ["spark", "ray", "ray://", "ray://host", "ray://local:1:2", 3, "local "])
def test_an_unknown_executor_is_named(address):
    with pytest.raises(InputError, match="use 'local', 'ray://local' or 'ray://HOST:PORT'"):
        compute.parsed(address)


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr("poolwise.extras.find_spec", lambda name: None)
    with pytest.raises(MissingLibrary, match=r"pip install 'poolwise\[ray\]'"), compute.opened("ray://local"):
        pass


@pytest.mark.skipif(find_spec("ray") is None, reason=NEEDS_RAY)
@pytest.mark.parametrize("port", [1, 99_999])
def test_a_cluster_that_does_not_answer_is_named(port):
    with (
        pytest.raises(ComputeError, match=rf"ray://127.0.0.1:{port} does not answer .*ray start --head"),
        compute.opened(f"ray://127.0.0.1:{port}"),
    ):
        pass


@pytest.mark.cluster
def test_versions_that_differ_are_named(ray_pool, monkeypatch):
    monkeypatch.setattr("poolwise.__version__", "0.0")
    with (
        pytest.raises(ComputeError, match=r"differ: Poolwise .* there, 0\.0 here: install the same"),
        compute.opened("ray://local", workers=2),
    ):
        pass
    assert compute.mapped(ray_pool, square, [2]) == [4]
