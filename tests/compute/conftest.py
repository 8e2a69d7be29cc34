"""One Ray cluster of two workers for all tests that ask for it; skipped where Ray is not installed."""

from importlib.util import find_spec

import pytest

from poolwise import compute

NEEDS_RAY = "Ray is not installed: pip install 'poolwise[ray]'"


@pytest.fixture(scope="session")
def ray_pool():
    if find_spec("ray") is None:
        pytest.skip(NEEDS_RAY)
    with compute.opened("ray://local", workers=2) as pool:
        yield pool


@pytest.fixture(params=["here", "processes", pytest.param("ray", marks=pytest.mark.cluster)])
def pool(request):
    """A pool of every kind."""
    if request.param == "ray":
        yield request.getfixturevalue("ray_pool")
        return
    with compute.opened("local", workers={"here": 1, "processes": 2}[request.param]) as found:
        yield found
