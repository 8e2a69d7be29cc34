"""The compiled call behind an engine: the decisions of NumPy, made again from their logs, and never waited for."""

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.posterior import serving
from poolwise.posterior.recursive import compiled
from poolwise.space import ArmSpace, Family
from tests.posterior.failing import Failing

SPACE = ArmSpace([Family("default"), Family("fast"), Family("slow")], "default")


def run(backend, number=40, **settings):
    engine = Engine.open("memory://", SPACE, seed=5, settings=Settings(backend=backend, estimate="inline", **settings))
    random = np.random.default_rng(1)
    made = []
    for _ in range(number):
        decision = engine.decide(f"p{random.integers(3)}", f"c{random.integers(2)}")
        made.append(decision)
        speed = {"default": 0.0, "fast": 0.4, "slow": -0.6}[decision.arm] + 0.2 * random.normal()
        if random.random() < 0.1:
            engine.observe(decision.id, status="failed")
        else:
            engine.observe(decision.id, utility=0.0 if decision.arm == "default" else speed)
    return engine, made


def test_both_backends_make_the_same_decisions():
    (_, here), (_, there) = run("numpy"), run("jax")
    assert [one.arm for one in here] == [one.arm for one in there]
    # Views are rounded to 24 binary digits: two that differ in the 16th decimal may be rounded apart.
    np.testing.assert_allclose([one.probability for one in here], [one.probability for one in there], rtol=1e-5)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_decision_is_made_again_from_its_log(backend):
    engine, made = run(backend, 12)
    for decision in made:
        again = engine.explain(decision.id, replay=True)["replay"]
        assert again["same"]
        assert again["backend"] == backend


def with_features(backend, number=70):
    """An engine whose slopes serve, and its decisions since."""
    known = {"size": {"type": "real"}}
    engine = Engine.open(
        "memory://", SPACE, seed=5, features=known, settings=Settings(backend=backend, estimate="inline")
    )
    random, made = np.random.default_rng(1), []
    for turn in range(number):
        size = float(random.normal())
        decision = engine.decide("p", f"c{random.integers(2)}", features={"size": size})
        made.append(decision)
        slope = {"default": 0.0, "fast": 1.0, "slow": -1.0}[decision.arm]
        engine.observe(decision.id, utility=slope * size + 0.1 * random.normal() * (slope != 0))
        if turn == number - 20:
            engine.refit()
    assert engine.serving.belief.posterior.hyperparameters.features is not None
    return engine, made


def test_with_features_both_backends_decide_alike_and_again_from_the_log():
    (_, here), (engine, there) = with_features("numpy"), with_features("jax")
    assert [one.arm for one in here] == [one.arm for one in there]
    np.testing.assert_allclose([one.probability for one in here], [one.probability for one in there], rtol=1e-5)
    for decision in there[-10:]:
        again = engine.explain(decision.id, replay=True)["replay"]
        assert (again["same"], again["backend"]) == (True, "jax")


def test_without_a_working_jax_numpy_serves(monkeypatch, caplog):
    monkeypatch.setattr(compiled, "_PROGRAMS", {})
    monkeypatch.setattr(compiled, "ORDINARY", compiled.ORDINARY._replace(shapes=lambda *_: 1 / 0))
    _, made = run("jax", 12)
    assert len(made) == 12
    assert "NumPy serves" in caplog.text


def test_a_jax_without_small_calls_compiles_all_the_same(monkeypatch):
    (_, usual), tried = run("jax", 12), []
    monkeypatch.setattr(compiled, "_PROGRAMS", {})
    monkeypatch.setattr(compiled.executables, "_path", lambda *_: None)
    monkeypatch.setattr(compiled, "_one_kernel", lambda part: tried.append(part) or 1 / 0)
    engine, made = run("jax", 12)
    assert tried
    assert engine.explain(made[-1].id, replay=True)["replay"]["backend"] == "jax"
    np.testing.assert_allclose([one.probability for one in made], [one.probability for one in usual], rtol=1e-5)


def test_nobody_waits_for_a_compile(monkeypatch):
    asked = []
    monkeypatch.setattr(compiled, "program", lambda *args: asked.append(args[-1]))
    run("auto", 150)
    assert asked
    assert not any(asked)


@pytest.mark.parametrize("times", [0, 1, 25, 60])
@pytest.mark.parametrize("kept", [8, 2_048])
def test_numpy_goes_on_where_a_compiled_call_fails(times, kept, monkeypatch, caplog):
    """With all that was learned, from then on in the whole process, and said once."""
    usual, expected = run("jax", 90)
    monkeypatch.setattr(compiled, "_PROGRAMS", {})
    monkeypatch.setattr(compiled, "_FAILURES", [])
    monkeypatch.setattr(serving, "_SINCE", kept)
    made_program = compiled.Program
    monkeypatch.setattr(compiled, "Program", lambda call, *rest: made_program(Failing(call, times), *rest))
    engine, made = run("jax", 90)
    assert [one.arm for one in made] == [one.arm for one in expected]
    np.testing.assert_allclose(engine.beliefs()["mean"], usual.beliefs()["mean"], rtol=1e-9, atol=1e-12)
    assert "RESOURCE_EXHAUSTED" in engine.status()["compiled"]
    assert engine.serving.belief.posterior.backend == "numpy"
    assert caplog.text.count("NumPy serves from here") == 1
    other, _ = run("jax", 3)
    assert other.serving.belief.posterior.backend == "numpy"
