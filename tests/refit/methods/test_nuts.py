"""Full Bayes by NUTS: it agrees with the closed form, goes on where it was stopped, and serves only if it mixed."""

import jax
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from poolwise.errors import RefitError
from poolwise.refit.gate_thresholds import GateThresholds
from poolwise.refit.propose import propose
from tests.refit.problems import engine
from tests.refit.test_user_models import EXAMPLE

FEW_DRAWS = GateThresholds(r_hat=1.3, bulk_ess=10, tail_ess=10)
"""A test has no time for more; what it looks at is not how well chains mix."""
SHORT = {"method": "nuts", "chains": 1, "draws": 150, "warmup": 200, "limits": FEW_DRAWS, "seed": 4}


@pytest.fixture(scope="module")
def made():
    found = engine(200, projects=2)
    found.refit()
    return found


@pytest.fixture(scope="module")
def refitted(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nuts")
    stop_at = 250

    def stopping(part, done, _):
        if part == "chain 2 of 2" and done == stop_at:
            raise KeyboardInterrupt

    asked = SHORT | {"chains": 2, "folder": folder / "work", "save": folder / "nuts.nc"}
    with pytest.raises(KeyboardInterrupt):
        made.refit(**asked, progress=stopping)
    seen = []
    snapshot = made.refit(**asked, progress=lambda part, done, total: seen.append((part, done)))
    return snapshot, xr.open_datatree(folder / "nuts.nc"), seen, folder


@pytest.mark.slow
def test_it_serves_and_agrees_with_the_closed_form(made, refitted):
    snapshot = refitted[0]
    assert (snapshot.status, snapshot.method) == ("serving", "nuts"), snapshot.reason
    checks = {check["name"]: check["value"] for check in snapshot.diagnostics["checks"]}
    assert checks["served, median gap"] < 0.2
    assert 0.9 < checks["served, sd ratio"] < 1.1
    assert {"divergent transitions", "E-BFMI", "R-hat", "bulk ESS", "tail ESS"} <= set(checks)
    assert made.status()["snapshot"] == snapshot.id


@pytest.mark.slow
def test_its_file_is_complete(refitted):
    data = refitted[1]
    assert data.posterior["theta"].dims == ("chain", "draw", "project", "context", "arm")
    assert data.posterior["tau_cell"].shape == (2, 150)
    assert {"energy", "diverging", "lp", "n_steps"} <= set(data.sample_stats)
    assert {"log_likelihood", "prior", "prior_predictive", "posterior_predictive", "observed_data"} <= set(data)
    assert not any(name.endswith("_decentered") for name in data.posterior)


@pytest.mark.slow
def test_what_was_done_is_not_done_again(refitted):
    _, _, seen, folder = refitted
    done = {part: [steps for name, steps in seen if name == part] for part, _ in seen}
    assert done["chain 1 of 2"] == done["chain 2 of 2"] == [0, 250, 300, 350]
    assert not (folder / "work").exists()


def broken(tmp_path, old, new):
    assert old in EXAMPLE
    path = tmp_path / "my_model.py"
    path.write_text(EXAMPLE.replace(old, new))
    return path


@pytest.mark.slow
def test_a_model_of_the_users_own_serves(made, tmp_path):
    snapshot = made.refit(**SHORT, model=broken(tmp_path, "", ""))
    assert snapshot.status == "serving", snapshot.reason
    assert max(snapshot.hyper["gaussian"]["globe"][1:]) < 1e-3


EDGE = (
    "return summarised(",
    'x = numpyro.sample("x", dist.Normal(0, 1))\n'
    '    numpyro.factor("edge", jnp.where(x > 0.3, -1e5, 0.0))\n'
    "    return summarised(",
)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(
            "sigma, data,",
            "sigma, data and data._replace(mean=-data.mean),",
            "would serve differs",
            id="costs for utility",
        ),
        pytest.param(*EDGE, "divergent transitions", id="diverging", marks=pytest.mark.slow),
    ],
)
def test_a_broken_model_is_rejected_and_the_old_snapshot_keeps_serving(made, tmp_path, old, new, reason):
    before, beliefs = made.status()["snapshot"], made.beliefs()
    rejected = made.refit(**SHORT, model=broken(tmp_path, old, new))
    assert rejected.status == "rejected"
    assert reason in rejected.reason
    assert made.status()["snapshot"] == before
    assert reason in made.status()["rejected"]
    pd.testing.assert_frame_equal(made.beliefs(), beliefs, rtol=1e-9)
    assert np.isfinite(made.decide("project-0", "context-0").probability)


def test_nothing_to_sample_from():
    with pytest.raises(RefitError, match="no outcome to sample from"):
        engine(0).refit(method="nuts")


def test_no_gpu_is_said():
    if jax.default_backend() == "gpu":
        pytest.skip("there is one")
    with pytest.raises(RefitError, match="--device cpu"):
        engine(20).refit(method="nuts", device="gpu")


@pytest.mark.slow
def test_processes_side_by_side_draw_the_same(made):
    asked = SHORT | {"chains": 2, "draws": 50, "warmup": 50}
    problem = made.problem()
    alone, together = propose(problem, **asked), propose(problem, **asked, workers=2)
    for name in ("arm", "family", "globe", "noise", "spread"):
        np.testing.assert_allclose(together.hyper["gaussian"][name], alone.hyper["gaussian"][name], rtol=1e-6)
