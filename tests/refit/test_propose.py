"""A refit end to end: what is proposed, what is stored, what serves, and what is left for ArviZ."""

import json
import warnings

import numpy as np
import pytest
import xarray as xr

from poolwise import ArmSpace, Engine, Family
from poolwise.errors import InputError, RefitError
from poolwise.refit.gate_thresholds import GateThresholds
from poolwise.refit.propose import propose
from tests.refit.problems import SPACE, engine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import arviz

GROUPS = {
    "posterior", "sample_stats", "prior", "prior_predictive", "posterior_predictive", "log_likelihood",
    "observed_data", "constant_data",
}  # fmt: skip


def test_a_fast_refit_serves_and_says_what_was_checked():
    made = engine()
    snapshot = made.refit()
    assert (snapshot.status, snapshot.method, snapshot.outcomes) == ("serving", "fast", 300)
    assert made.status()["snapshot"] == snapshot.id
    names = {check["name"] for check in snapshot.diagnostics["checks"]}
    assert {"search settled", "cells predicted by the others", "shift against what served"} <= names
    json.dumps(snapshot._asdict(), allow_nan=False)


def test_a_rejected_snapshot_never_serves_and_its_reason_stays():
    made = engine()
    before, beliefs = made.refit(), made.beliefs()
    rejected = made.refit(limits=GateThresholds(surprise=0.0))
    assert rejected.status == "rejected"
    assert "standardised" in rejected.reason
    assert made.status()["snapshot"] == before.id
    assert rejected.reason in made.status()["rejected"]
    assert made.beliefs().equals(beliefs)
    assert [one.status for one in made.store.snapshots()[-2:]] == ["serving", "rejected"]
    made.refit()
    assert "rejected" not in made.status()


def test_a_rejected_snapshot_does_not_serve_after_a_restart(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    made = engine(url=url)
    serving = made.refit()
    made.refit(limits=GateThresholds(surprise=0.0))
    made.close()
    again = engine(0, url=url)
    assert again.status()["snapshot"] == serving.id
    assert "does not serve" in again.status()["rejected"]
    again.close()


@pytest.mark.parametrize("field", ["noise", "arm", "success"])
def test_scales_that_are_none_are_refused_and_nothing_changes(field):
    made = engine()
    snapshot, status = made.refit(), made.status()
    hyper = json.loads(json.dumps(snapshot.hyper))
    if field == "success":
        hyper["success"] = [np.nan, 20.0]
    else:
        hyper["gaussian"][field][0] = -1.0
    with pytest.raises(RefitError, match="keeps serving"):
        made.propose(snapshot._replace(hyper=hyper))
    with pytest.raises(RefitError, match="cannot be read"):
        made.propose(snapshot._replace(hyper={}))
    assert made.status() == status


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mcmc"}, "use one of fast, nuts, svi"),
        ({"chain": 3}, "did you mean 'chains'"),
        ({"chains": 0}, "at least 1"),
        ({"draws": 2.5}, "whole number"),
        ({"device": "tpu"}, "use 'cpu' or 'gpu'"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(InputError, match=message):
        engine(20).refit(**options)


@pytest.mark.parametrize("size", [{"projects": 1}, {"contexts": 1}, {"outcomes": 1}, {"outcomes": 0}])
def test_small_systems(size, tmp_path):
    snapshot = engine(**size).refit(save=tmp_path / "a.nc")
    assert snapshot.status == "serving", snapshot.reason


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("refit") / "deep" / "fast.nc"
    snapshot = engine().refit(save=path)
    assert snapshot.diagnostics["inference_data"] == str(path)
    return path


@pytest.fixture(scope="module")
def tree(saved):
    with xr.open_datatree(saved) as opened:
        yield opened


def test_the_file_has_every_group(tree):
    assert set(tree) == GROUPS


def test_axes_have_names_and_names_have_values(tree):
    theta = tree.posterior["theta"]
    assert theta.dims == ("chain", "draw", "project", "context", "arm")
    assert set(theta.coords["project"].values) == {"project-0", "project-1", "project-2"}
    assert theta.sel(arm="default").shape == (4, 500, 3, 2)
    assert tree.observed_data["mean"].dims == ("project", "context", "arm")
    assert json.loads(tree.posterior.attrs["about"])["status"] == "serving"


def test_arviz_computes_leave_one_out_from_it(saved, tree):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pareto k of cells with many outcomes of their own
        found = arviz.loo(arviz.from_netcdf(saved), var_name="mean")
    assert np.isfinite(found.elpd_loo if arviz.__version__ < "1" else found.elpd)
    assert found.n_data_points == tree.log_likelihood.sizes["cell"]


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="name another file"):
        engine(20).refit(save=tmp_path / "file" / "a.nc")


def test_a_belief_that_drifted_from_its_own_outcomes_is_said():
    made = engine()
    made.serving.belief.posterior._serving.state.effects[0][..., -1] += 0.5
    rejected = made.refit()
    assert rejected.status == "rejected"
    assert "drifted from its own outcomes" in rejected.reason


def outcomes_of(kind, random):
    """Utility and status of 300 outcomes that are as bad as they come."""
    utility, status = random.normal(0, 0.3, 300), ["ok"] * 300
    if kind == "all equal":
        utility[:] = 0.25
    elif kind == "all failed":
        status = ["failed"] * 300
    elif kind == "one arm succeeds":
        status = ["failed"] * 299 + ["ok"]
    elif kind == "absurd":
        utility[7] = 9e5
    elif kind == "far from zero":
        utility += 4.9
    elif kind == "tiny":
        utility *= 1e-9
    return utility, status


@pytest.mark.parametrize("kind", ["all equal", "all failed", "one arm succeeds", "absurd", "far from zero", "tiny"])
def test_bad_outcomes_are_finite_or_rejected_and_never_silent(kind, tmp_path):
    made, random = engine(0), np.random.default_rng(5)
    chosen = made.decide_many(list(random.choice(["p", "q"], 300)), list(random.choice(["c", "d"], 300)))
    utility, status = outcomes_of(kind, random)
    made.observe_many(chosen.id, utility=utility, status=status)
    snapshot = made.refit(save=tmp_path / "a.nc")
    assert snapshot.status == "serving" or len(snapshot.reason) > 20
    beliefs = made.beliefs()
    assert np.isfinite(beliefs[["mean", "sd"]]).all(axis=None)
    assert (beliefs["sd"] > 0).all()


def test_a_thousand_million_outcomes_in_one_cell():
    made = engine()
    problem = made.problem()
    for part in (*problem.stats, problem.tried, problem.succeeded):
        part[0, 0, 0] *= 1e9 / 10
    snapshot = made.propose(propose(problem._replace(online=None)))
    assert np.isfinite(made.beliefs()[["mean", "sd"]]).all(axis=None)
    assert snapshot.status == "serving" or "standard" in snapshot.reason


def test_names_that_changed_since(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    made = engine(url=url)
    made.refit()
    made.close()
    space = ArmSpace([Family("default"), Family("faster")], baseline="default")
    again = Engine.open(url, space)
    snapshot = again.refit()
    assert snapshot.status == "serving", snapshot.reason
    assert len(snapshot.hyper["gaussian"]["noise"]) == len(SPACE.arms) + 1
    assert set(again.beliefs()["arm"]) == {"default", "faster"}
    again.close()


def test_a_refit_keeps_what_projects_that_resemble_each_other_say():
    made, random = engine(0), np.random.default_rng(8)
    kind, effect = np.arange(12) % 2, random.normal(0, 1, (2, 2, 5))
    for _ in range(4):
        project, context = random.integers(0, 12, 400), random.integers(0, 2, 400)
        chosen = made.decide_many([f"p{i:02}" for i in project], [f"c{i}" for i in context])
        names = np.array(made.store.names("project")), np.array(made.store.names("context"))
        p, c = (np.array([int(name[1:]) for name in known])[codes] for known, codes in
                zip(names, (chosen.project, chosen.context), strict=True))  # fmt: skip
        made.observe_many(chosen.id, utility=effect[kind[p], c, chosen.arm] + random.normal(0, 0.2, 400))
    made.serving.belief.reestimate("on schedule")
    factors = made.serving.belief.posterior.hyperparameters.factors
    assert factors is not None
    snapshot = made.refit()
    assert snapshot.status == "serving", snapshot.reason
    assert made.serving.belief.posterior.hyperparameters.factors.rank == factors.rank > 0
    assert snapshot.hyper["factors"]
