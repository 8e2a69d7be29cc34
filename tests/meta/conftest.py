"""A store that has learned, and the pack that it gives; neither is changed by a test."""

import pytest

from tests.meta.stores import learned


@pytest.fixture(scope="session")
def source():
    return learned()


@pytest.fixture(scope="session")
def pack(source):
    return source.priors.exported("community")
