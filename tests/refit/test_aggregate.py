"""Statistics from Parquet: what a plain loop would count, and one clear line for every malformed row."""

import numpy as np
import pandas as pd
import pytest

from poolwise import Engine, Settings, policy
from poolwise.engine.insight.trials import trials
from poolwise.errors import DataError, InputError
from poolwise.refit import aggregate
from tests.refit.problems import SPACE, engine

ARMS = [arm.id for arm in SPACE.arms]
LIVED = 160
"""Outcomes of a store that is read and exported."""


@pytest.fixture
def events():
    random = np.random.default_rng(3)
    n = 200
    return pd.DataFrame(
        {
            "project": random.choice(["project-1", "new", "Ünï's"], n),
            "context": random.choice(["context-0", "other"], n),
            "arm": random.choice(ARMS, n),
            "status": random.choice(["ok", "ok", "failed", "timeout"], n),
            "utility": random.normal(0, 4, n),
        }
    )


@pytest.fixture(scope="module")
def problem():
    return engine(60).problem()


def read(folder, events, problem):
    path = folder / "events.parquet"
    events.to_parquet(path)
    return aggregate.read(str(path), problem)


def test_every_cell_is_what_a_loop_counts(tmp_path, events, problem):
    found = read(tmp_path, events, problem)
    assert found.projects[:3] == problem.projects
    assert set(found.projects[3:]) == {"new", "Ünï's"}
    for (project, context, arm), rows in events.groupby(["project", "context", "arm"]):
        at = found.projects.index(project), found.contexts.index(context), found.arms.index(arm)
        ok = rows["utility"][rows["status"] == "ok"].clip(-5, 5)
        assert found.tried[at] == len(rows)
        assert found.succeeded[at] == len(ok)
        ok = ok[:0] if arm == problem.baseline else ok  # the baseline teaches nothing of the others
        assert found.stats.count[at] == len(ok)
        assert found.stats.total[at] == pytest.approx(ok.sum())
        assert found.stats.squares[at] == pytest.approx((ok**2).sum())
    assert found.tried.sum() == len(events) == found.outcomes


def test_costs_give_utilities_and_all_is_ok_without_a_status(tmp_path, events, problem):
    costs = events.drop(columns=["status", "utility"]).assign(cost=2.0, baseline_cost=1.0)
    found = read(tmp_path, costs, problem)
    assert found.stats.total.sum() == pytest.approx(-np.log(2) * (events["arm"] != problem.baseline).sum())
    assert (found.tried == found.succeeded).all()


def test_a_folder_and_a_pattern_stand_for_their_files(tmp_path, events, problem):
    for part in range(3):
        (tmp_path / f"{part}").mkdir()
        events.iloc[part::3].to_parquet(tmp_path / f"{part}" / "x.parquet")
    whole = read(tmp_path / "0", events, problem)
    (tmp_path / "0" / "events.parquet").unlink()
    for source in (tmp_path, tmp_path / "*" / "x.parquet"):
        found = aggregate.read(str(source), problem)
        np.testing.assert_allclose(found.stats.squares, whole.stats.squares)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("project", None, "project must be a name"),
        ("context", "", "context must be a name"),
        ("status", "okay", "status must be one of ok, failed, timeout"),
        ("status", None, "status must be one of"),
        ("utility", np.nan, "utility must be a number"),
        ("utility", np.inf, "utility must be a number"),
        ("utility", -1e300, "utility must be a number"),
    ],
)
def test_malformed_rows_are_counted_and_placed(tmp_path, events, problem, column, value, message):
    events["status"] = "ok"
    events.loc[[50, 7, 120], column] = value
    with pytest.raises(DataError, match=rf"3 malformed rows .* row 7 of .*events\.parquet: {message}"):
        read(tmp_path, events, problem)


def test_a_failure_needs_no_utility(tmp_path, events, problem):
    events.loc[events["status"] == "failed", "utility"] = np.nan
    assert read(tmp_path, events, problem).tried.sum() == len(events)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.drop(columns="arm"), "no column 'arm'"),
        (lambda e: e.rename(columns={"utility": "utilty"}), "did you mean 'utilty'"),
        (lambda e: e.assign(utility="x"), "must hold numbers"),
        (lambda e: e.assign(project=1), "must hold names"),
        (lambda e: e.assign(status=1), "must hold ok, failed, timeout"),
        (lambda e: e.assign(arm="odd(level=9)"), "did you mean 'odd"),
        (lambda e: e.head(0).astype({"project": "string", "context": "string", "arm": "string"}), "no event"),
    ],
)
def test_tables_that_cannot_be_meant(tmp_path, events, problem, change, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, change(events), problem)


def test_files_that_are_not_there_or_no_parquet(tmp_path, problem):
    (tmp_path / "a.parquet").write_text("no")
    for source in ("none.parquet", str(tmp_path / "a.parquet")):
        with pytest.raises(DataError, match="cannot be read as Parquet"):
            aggregate.read(source, problem)


def test_a_refit_from_a_file(tmp_path, events):
    path = tmp_path / "events.parquet"
    events.assign(utility=events["utility"] / 10).to_parquet(path)
    snapshot = engine(60).refit(source=str(path))
    assert snapshot.status == "serving", snapshot.reason
    assert snapshot.diagnostics["rows"] == len(events)
    assert snapshot.outcomes == 60
    assert len(snapshot.hyper["gaussian"]["spread"]) == 2


def test_a_store_is_read_in_blocks(tmp_path, monkeypatch):
    made = engine(300, seed=1, url=f"sqlite:///{tmp_path}/other.db")
    own = made.problem()
    made.close()
    monkeypatch.setattr(aggregate, "BLOCK", 70)
    found = aggregate.read(f"sqlite:///{tmp_path}/other.db", engine(0).problem())
    assert (found.projects, found.contexts, found.outcomes) == (own.projects, own.contexts, 300)
    for a, b in zip((*found.stats, found.tried, found.succeeded), (*own.stats, own.tried, own.succeeded), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_stores_without_outcomes_or_that_are_not_there(tmp_path, problem):
    engine(0, url=f"sqlite:///{tmp_path}/empty.db").close()
    with pytest.raises(DataError, match="holds no outcome"):
        aggregate.read(f"sqlite:///{tmp_path}/empty.db", problem)
    with pytest.raises(InputError, match="there is no store"):
        aggregate.read(f"sqlite:///{tmp_path}/none.db", problem)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A store with costs alone of jobs, runs that were stopped, failures, and utilities beyond the limit."""
    folder = tmp_path_factory.mktemp("lived")
    url, random = f"sqlite:///{folder}/lived.db", np.random.default_rng(5)
    made = Engine.open(url, SPACE, policy=policy.parse("uniform"), settings=Settings(outliers=None), seed=0)
    for k in range(LIVED):
        decision = made.decide(f"project-{k % 2}", f"context-{k % 3 % 2}", job=f"job-{k % 12}" if k % 4 else None)
        relative = {"default": 1.0, "fast": 0.5}.get(decision.arm, 2.0)
        cost = 1e-3 * (1 + k % 12) * relative * np.exp(random.normal(0, 0.1))
        if k % 11 == 0:
            made.observe(decision.id, cost=2.0, baseline_cost=1.0, status="timeout")
        elif k % 13 == 0:
            made.observe(decision.id, status="failed")
        elif k % 4 == 0:
            made.observe(decision.id, utility=float(random.normal(0, 0.3)) + 9.0 * (k % 40 == 0))
        else:
            made.observe(decision.id, cost=cost)
    made.refit()
    own = made.problem()
    trials(made.store).to_parquet(folder / "trials.parquet", index=False)
    made.beliefs().to_parquet(folder / "beliefs.parquet", index=False)
    made.close()
    return own, url, str(folder)


@pytest.mark.parametrize("source", [1, 2], ids=["the store", "its export"])
def test_every_kind_of_outcome_is_translated_as_the_engine_does(lived, source):
    """Jobs, time-outs and limits; where outliers count fully, as statistics count them. What a stopped run was worth is
    settled to 0.05 standard deviations, which are about 1 where it is the only one."""
    own = lived[0]
    found = aggregate.read(lived[source], own)
    assert (found.projects, found.contexts, found.outcomes) == (own.projects, own.contexts, own.outcomes)
    np.testing.assert_allclose(found.tried, own.tried)
    np.testing.assert_allclose(found.succeeded, own.succeeded)
    np.testing.assert_allclose(found.stats.count, own.stats.count, atol=0.1)
    seen = own.stats.count > 5
    assert seen.sum() >= 5
    mean, wanted = (part.total[seen] / part.count[seen] for part in (found.stats, own.stats))
    np.testing.assert_allclose(mean, wanted, atol=0.05)


def test_an_export_says_what_its_store_says(lived):
    by_store, by_file = (aggregate.read(source, lived[0]) for source in lived[1:])
    for a, b in zip((*by_store.stats, by_store.tried), (*by_file.stats, by_file.tried), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_stopped_runs_are_failures_where_the_settings_say_so(lived):
    own = lived[0]
    failed = aggregate.read(lived[2], own._replace(settings=own.settings._replace(timeouts="failed")))
    assert failed.succeeded.sum() == own.succeeded.sum() - len(range(0, LIVED, 11))


@pytest.mark.parametrize("resolution", [None, 0.25])
def test_a_cost_of_0_is_read_at_the_resolution(tmp_path, events, problem, resolution):
    stated = problem._replace(settings=problem.settings._replace(resolution=resolution))
    costs = events.drop(columns=["status", "utility"]).assign(cost=0.0, baseline_cost=1.0)
    found = read(tmp_path, costs, stated)
    least = 0.5 if resolution is None else resolution
    assert found.stats.total.sum() == pytest.approx(-np.log(least) * (events["arm"] != problem.baseline).sum())


def test_where_the_total_is_optimised_a_timeout_has_cost_what_was_spent(tmp_path, events, problem):
    settings = problem.settings._replace(objective="total", timeout_factor=2.0)
    costs = events.drop(columns="utility").assign(status="timeout", cost=2.0, baseline_cost=1.0)
    found = read(tmp_path, costs, problem._replace(settings=settings))
    assert found.stats.total.sum() == pytest.approx(-np.log(4) * (events["arm"] != problem.baseline).sum())
    assert (found.tried == found.succeeded).all()
