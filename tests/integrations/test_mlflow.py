"""What is logged can be read back by MLflow's own client from a local file store."""

import warnings

import numpy as np
import pytest

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'poolwise[mlflow]'")

from poolwise.engine import Engine, Settings  # noqa: E402
from poolwise.errors import InputError  # noqa: E402
from poolwise.integrations import mlflow as bridge  # noqa: E402
from poolwise.space import ArmSpace, Family  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SPACE = ArmSpace([Family("default"), Family("fast")], "default")


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    yield
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def engine():
    """Forty decisions of two projects, `fast` twice as fast, and one refit."""
    made = Engine.open("memory://", SPACE, seed=2, settings=Settings(horizon=40, estimate="inline"))
    for number in range(40):
        decision = made.decide(f"project {number % 2}", "all")
        made.observe(decision.id, cost=0.5 if decision.arm == "fast" else 1.0, baseline_cost=1.0)
    made.refit()
    yield made
    made.close()


def test_gains_refits_and_report_are_read_back(engine):
    pytest.importorskip("matplotlib")
    run = bridge.log(engine)
    client = mlflow.MlflowClient()
    data = client.get_run(run).data
    assert data.params["baseline"] == "default"
    assert data.params["horizon"] == "40"
    assert "lock_wait" not in data.params
    share = np.mean([one == "fast" for one in np.array(engine.store.names("arm"))[engine.store.decisions().arm]])
    assert data.metrics["speed_up"] == pytest.approx(2**share)
    assert {"project_speed_up/project 0", "project_speed_up/project 1", "safe", "failed"} <= data.metrics.keys()
    assert client.get_metric_history(run, "speed_up_so_far")[-1].step == 40
    assert len(client.get_metric_history(run, "refit/outcomes")) == len(engine.store.snapshots()) > 0
    assert {one.path for one in client.list_artifacts(run)} == {"best.json", "refits.json", "report.html"}
    best = mlflow.load_table("best.json", run_ids=[run])
    assert set(best["arm"]) == {"fast"}


def test_the_active_run_is_used_and_stays_open(engine):
    with mlflow.start_run() as mine:
        assert bridge.log(engine, prefix="poolwise/", report=False) == mine.info.run_id
        assert mlflow.active_run() is not None
    assert "poolwise/speed_up" in mlflow.get_run(mine.info.run_id).data.metrics


def test_an_engine_without_outcomes_is_logged_as_such():
    with Engine.open("memory://", SPACE) as empty:
        data = mlflow.get_run(bridge.log(empty)).data
    assert data.metrics == {"outcomes": 0.0}


def test_what_is_no_engine_is_refused():
    with pytest.raises(InputError, match="takes an Engine, got str"):
        bridge.log("run.db")
    assert mlflow.active_run() is None
