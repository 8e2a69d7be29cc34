"""Variational inference: near the closed form, or rejected."""

import pytest

from tests.refit.problems import engine
from tests.refit.test_user_models import EXAMPLE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made():
    found = engine(200, projects=2)
    found.refit()
    return found


def test_it_serves_and_agrees_with_the_closed_form(made, tmp_path):
    snapshot = made.refit(method="svi", folder=tmp_path / "work", save=tmp_path / "svi.nc")
    assert (snapshot.status, snapshot.method) == ("serving", "svi"), snapshot.reason
    checks = {check["name"]: check["value"] for check in snapshot.diagnostics["checks"]}
    assert checks["served, median gap"] < 0.2
    assert (tmp_path / "svi.nc").exists()
    assert not (tmp_path / "work").exists()


def test_a_search_that_was_cut_short_is_rejected(made, tmp_path):
    """Of a model with all its effects: without them the search begins near its end."""
    before, model = made.status()["snapshot"], tmp_path / "my_model.py"
    model.write_text(EXAMPLE)
    rejected = made.refit(method="svi", steps=80, model=model)
    assert rejected.status == "rejected"
    assert "did not settle" in rejected.reason
    assert made.status()["snapshot"] == before
