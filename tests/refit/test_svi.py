"""Variational inference: near the closed form, or rejected."""

import pytest

from tests.refit.problems import engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made():
    found = engine(200, projects=2)
    found.refit()
    return found


def test_it_serves_and_agrees_with_the_closed_form(made, tmp_path):
    snapshot = made.refit(method="svi", steps=3_000, folder=tmp_path / "work", save=tmp_path / "svi.nc")
    assert (snapshot.status, snapshot.method) == ("serving", "svi"), snapshot.reason
    checks = {check["name"]: check["value"] for check in snapshot.diagnostics["checks"]}
    assert checks["served, median gap"] < 0.2
    assert (tmp_path / "svi.nc").exists()
    assert not (tmp_path / "work").exists()


def test_a_search_that_was_cut_short_is_rejected(made):
    before = made.status()["snapshot"]
    rejected = made.refit(method="svi", steps=80)
    assert rejected.status == "rejected"
    assert "did not settle" in rejected.reason
    assert made.status()["snapshot"] == before
