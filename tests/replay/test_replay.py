"""Runs over tables whose best arms are known, and the laws that every run obeys."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import ArmSpace, Engine, Family, compute, policy
from poolwise import Settings as EngineSettings
from poolwise.errors import ConfigError, DataError, InputError
from poolwise.replay import ORDERS, Settings, loop, orders, read, replay, run, run_poolwise
from poolwise.table import available, from_rows, utility
from tests.replay.tables import repeated, rows, table


def test_the_default_policy_finds_what_is_best_in_each_context() -> None:
    found = pw.replay(table(240), seeds=3, horizon=240)
    late = found.log[found.log["step"] >= 180]
    assert (late["arm"] == np.where(late["context"] == "c1", "odd", "good")).mean() > 0.85
    assert found.summary["closed gap"].mean > 0
    assert 0 <= found.summary["regret, best per project and context"].mean < 0.2


@pytest.mark.parametrize("spec", ["uniform", "thompson", "floored(macro_micro(ucb))"])
def test_the_log_is_what_the_table_says(spec: str) -> None:
    made = table(30)
    log = replay(made, spec, seeds=2).log
    arm = pd.Index(made.arms).get_indexer(log["arm"])
    np.testing.assert_array_equal(log["earned"], utility(made)[log["row"], arm])
    np.testing.assert_array_equal(log["unit"], np.array(made.units)[log["row"]])
    chances = log.filter(like="p:").to_numpy()
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(log["probability"], chances[np.arange(len(log)), arm])
    assert not log["decision"].duplicated().any()


def test_a_seed_gives_the_same_run_whatever_else_runs() -> None:
    made = table(30)
    both, alone = replay(made, seeds=[4, 7]).log, replay(made, seeds=[7]).log
    pd.testing.assert_frame_equal(both[both["seed"] == 7].drop(columns="decision").reset_index(drop=True),
                                  alone.drop(columns="decision"))  # fmt: skip


def test_absent_arms_are_never_chosen() -> None:
    frame = rows(40)
    made = from_rows(
        frame[(frame["arm"] != "good") | (frame["project"] == "p0")], name="m", source="m", baseline="base"
    )
    order = orders(made, "shuffled", [0])[0]
    assert available(made)[order, run_poolwise(made, order, 0)].all()


def test_outcomes_that_come_after_the_end_teach_nothing() -> None:
    """Thompson's probabilities depend on the belief alone, so they stay as they were."""
    found = run(table(20), np.arange(20), policy.thompson(), 0, Settings(delay=20))
    np.testing.assert_array_equal(found.chances, np.tile(found.chances[0], (20, 1)))
    assert not np.array_equal(*run(table(20), np.arange(20), policy.thompson(), 0, Settings(delay=2)).chances[[2, 9]])


def test_single_repetitions_are_learned_where_there_are_some() -> None:
    made = repeated()
    order = np.arange(30)
    found = run(made, order, policy.uniform(), 0)
    single = (
        made.repeats[order[:, None], found.arm[:, None], :, None] - made.repeats[:, made.baseline, None, :][:, None]
    )
    other = found.arm != made.baseline
    assert np.isclose(single.reshape(30, -1), found.observed[:, None]).any(axis=1)[other].all()
    assert (found.observed[~other] == 0).all()
    means = run(made, order, policy.uniform(), 0, Settings(repeats=False))
    np.testing.assert_allclose(means.observed, utility(made)[order, means.arm])


def test_one_unit_is_replayed_and_noted() -> None:
    found = replay(table(1), seeds=1)
    assert (len(found.log), found.table.notes) == (1, ("one unit only: nothing can carry over to another",))


def test_orders() -> None:
    made = table(30)
    for kind in ORDERS:
        order = orders(made, kind, [0, 1])
        np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(30), (2, 1)))
    assert (np.diff(made.project[orders(made, "project", [3])[0]]) != 0).sum() == 1
    with pytest.raises(ConfigError, match="order 'backwards' is unknown"):
        orders(made, "backwards", [0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": []}, "no seeds"),
        ({"delay": -1}, "delay -1"),
        ({"horizon": 0.0}, "horizon"),
        ({"policy": "best"}, "rule"),
    ],
)
def test_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replay(table(3), **options)


def test_tables_are_read_from_files(tmp_path) -> None:
    frame = rows(6)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.assign(is_baseline=frame["arm"] == "base").to_parquet(tmp_path / "t.parquet")
    csv, parquet = read(tmp_path / "t.csv", "base"), read(tmp_path / "t.parquet")
    np.testing.assert_allclose(utility(csv), utility(parquet))


def without(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(index=[1, 9])


BAD = {
    "missing arms": (without, r"lacks arm 'good'.*\(2 such holes\)"),
    "duplicates": (lambda f: pd.concat([f, f.iloc[[3]]]), r"row 24, column arm: 'bad' .* twice.*\(1 such rows\)"),
    "mixed units": (lambda f: f.assign(cost_unit=["s"] * 20 + ["ms"] * 4), r"row 20, column cost_unit: 'ms' .*\(4 s"),
    "negative": (lambda f: f.assign(cost=-f["cost"]), r"row 0, column cost: .* is negative.*\(24 such rows\)"),
    "null contexts": (lambda f: f.assign(context=None), r"row 0, column context: .*\(24 such rows\)"),
}  # fmt: skip


@pytest.mark.parametrize("change", BAD)
def test_malformed_tables_are_refused_with_counts(change: str, tmp_path) -> None:
    alter, message = BAD[change]
    alter(rows(6)).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "t.csv", "base")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "there is no such file"),
        ("t.txt", "x", "give a .parquet or a .csv"),
        ("t.parquet", "x", "cannot be read as parquet"),
        ("t.csv", "unit,arm\n1,a\n", "no baseline"),
        ("t.csv", "unit,arm,is_baseline\n1,a,0\n", "marks 0 arms"),
    ],
)
def test_unreadable_files_are_refused(name: str, content: str | None, message: str, tmp_path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)


def told_to_an_engine(made, order, seed, backend):
    """The same units, one after another; arms are named as the table's."""
    families = [Family(made.arms[a]) for a in range(len(made.arms))]
    settings = EngineSettings(estimate="inline", backend=backend)
    engine = Engine.open("memory://", ArmSpace(families, made.arms[made.baseline]), seed=seed, settings=settings)
    gain, decisions = utility(made), []
    for unit in order.tolist():
        decision = engine.decide(f"p{made.project[unit]}", f"c{made.context[unit]}")
        decisions.append(decision)
        engine.observe(decision.id, utility=float(gain[unit, made.arms.index(decision.arm)]))
    engine.close()
    return [made.arms.index(one.arm) for one in decisions], [one.probability for one in decisions]


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_replay_decides_as_an_engine_that_is_fed_the_same_table(backend) -> None:
    made = table(90, noise=0.3)
    made = made._replace(family=np.arange(len(made.arms)), families=made.arms)
    order = orders(made, "shuffled", [3])[0]
    found = run(made, order, policy.default(), 3)
    arms, chances = told_to_an_engine(made, order, 3, backend)
    np.testing.assert_array_equal(found.arm, arms)
    # Views are rounded to 24 binary digits: two that differ in the 16th decimal may be rounded apart.
    np.testing.assert_allclose(found.chances[np.arange(90), found.arm], chances, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("delay", [0, 3])
def test_a_compiled_run_is_one_step_by_step(delay, monkeypatch) -> None:
    made = table(90, noise=0.3)
    order, settings = orders(made, "shuffled", [1])[0], Settings(delay=delay, horizon=90)
    fast = run(made, order, policy.default(), 1, settings)
    monkeypatch.setattr(loop, "find_spec", lambda _: None)
    slow = run(made, order, policy.default(), 1, settings)
    np.testing.assert_array_equal(fast.arm, slow.arm)
    np.testing.assert_array_equal(fast.explored, slow.explored)
    np.testing.assert_allclose(fast.chances, slow.chances, rtol=1e-4, atol=1e-7)


def test_it_tells_how_far_it_is() -> None:
    told: list = []
    replay(table(30), seeds=2, progress=lambda *step: told.append(step))
    assert told == sorted(told)
    assert told[-1][1] == told[-1][2] == 60


def test_seeds_on_other_processes_give_the_same_log() -> None:
    made, beside = table(20), compute.Executor("local", 2)
    alone, spread = (
        replay(made, "thompson", seeds=2, objective="total", executor=one) for one in (compute.LOCAL, beside)
    )
    pd.testing.assert_frame_equal(spread.log, alone.log, check_exact=True)
    mine = policy.Policy(lambda params, view: policy.thompson().probabilities({"temperature": 1.0}, view), {})
    with pytest.raises(InputError, match="leave the executor out"):
        replay(made, mine, executor=beside)
