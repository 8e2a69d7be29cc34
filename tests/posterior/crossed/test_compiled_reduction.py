"""The compiled form of large systems is NumPy's, on one device and on none that is unsafe."""

import logging
import subprocess
import sys

import jax
import numpy as np
import pytest

from poolwise.errors import RefitError
from poolwise.posterior.crossed import batch, chunked_reduction, compiled_reduction
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.compiled_reduction import DeviceReduction
from poolwise.posterior.crossed.marginal_likelihood import log_marginal_likelihood_reduced
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales

SHAPE = (53, 4, 3)
SCALES = GaussianHyperparameters(
    TierScales(0.3, 0.2, 0.15, 0.1),
    TierScales(0.0, 0.0, 0.0, 0.2),
    TierScales(0.5, 0.2, 0.1, 0.05),
    np.array([0.2, 0.3, 0.4]),
    mean=0.1,
)


def statistics():
    rng = np.random.default_rng(5)
    at = [rng.integers(0, size, 900) for size in SHAPE]
    level = rng.normal(0, 0.3, SHAPE)
    return SufficientStatistics.of(*at, level[tuple(at)] + rng.normal(0, 0.3, 900), shape=SHAPE)


def test_score_and_beliefs_are_those_of_numpy(monkeypatch):
    monkeypatch.setattr(compiled_reduction, "_BLOCK", 80)  # several blocks, the last one padded
    cells = batch.cells(statistics())
    reduced = DeviceReduction(cells, "cpu", most=1)
    value, score = reduced.score(SCALES)
    expected, slopes = log_marginal_likelihood_reduced(SCALES, chunked_reduction.stacked(cells))
    assert value == pytest.approx(expected, rel=1e-12)
    for part, other in zip(score, slopes, strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-9)
    for part, other in zip(reduced.beliefs(SCALES), batch.marginals_reduced(cells, SCALES)[0], strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-9)


def test_a_fit_is_the_same():
    stats = statistics()
    plain, compiled = batch.fit(stats), batch.fit(stats, device="cpu")
    assert plain.reduced
    np.testing.assert_allclose(compiled.coordinates, plain.coordinates, rtol=1e-9, atol=1e-9)
    for part, other in zip(batch.marginals(compiled, stats, "cpu"), batch.marginals(plain, stats), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-9)


def test_several_devices_of_an_unsafe_version_are_refused(monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda _: 2 * [None])
    monkeypatch.setattr(jax, "__version__", "0.10.1")
    with pytest.raises(RefitError, match=r"0\.10\.2"):
        DeviceReduction(batch.cells(statistics()), "cpu")


def test_a_device_that_is_not_there_is_said():
    if jax.default_backend() == "gpu":
        pytest.skip("there is one")
    with pytest.raises(RefitError, match="--device cpu"):
        batch.fit(statistics(), device="gpu")


def exhausted(*_):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")


@pytest.mark.parametrize("when", ["placing", "the third call"])
def test_by_blocks_where_memory_ends(when, monkeypatch, caplog):
    stats, calls, real = statistics(), [], compiled_reduction._compiled

    def failing(function, mesh):
        calls.append(function)
        return exhausted if len(calls) >= 3 else real(function, mesh)

    if when == "placing":
        monkeypatch.setattr(jax, "device_put", exhausted)
    else:
        monkeypatch.setattr(compiled_reduction, "_compiled", failing)
    found = batch.fit(stats, device="cpu")
    belief = batch.marginals(found, stats, "cpu")
    monkeypatch.undo()
    plain = batch.fit(stats)
    np.testing.assert_allclose(found.coordinates, plain.coordinates, rtol=1e-9, atol=1e-9)
    for part, other in zip(belief, batch.marginals(plain, stats), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-9)
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warned == 2 * ["the memory of the cpu ended: by blocks in NumPy from here, slower and with the same result"]


MESH = """
import os, sys
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={sys.argv[1]}"
os.environ["NPROC"] = "8"
import numpy as np
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.compiled_reduction import DeviceReduction
from tests.posterior.crossed.test_compiled_reduction import SCALES, statistics

stats = statistics()
fit = batch.fit(stats, device="cpu")
reduced = DeviceReduction(batch.cells(stats), "cpu")
value, score = reduced.score(SCALES)
np.savez(sys.argv[2], coordinates=fit.coordinates, evidence=fit.log_evidence, value=value, noise=score[3],
         beliefs=np.array(batch.marginals(fit, stats, "cpu")), bytes=list(reduced.bytes_by_device.values()))
"""


def on_mesh(devices, path):
    done = subprocess.run([sys.executable, "-c", MESH, str(devices), path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return np.load(path)


def test_a_mesh_of_two_devices_finds_what_one_does(tmp_path):
    """SHAPE's three arms are padded to four: two on each device, with half of the memory and more."""
    one, two = on_mesh(1, tmp_path / "one.npz"), on_mesh(2, tmp_path / "two.npz")
    for name in ("coordinates", "evidence", "value", "noise", "beliefs"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-9, atol=1e-9)
    assert (len(one["bytes"]), len(two["bytes"])) == (1, 2)
    assert (two["bytes"] * 3 == one["bytes"] * 2).all()


def test_a_mesh_with_few_threads_is_refused(monkeypatch):
    """Two devices of a machine with two cores waited for each other for ever, at a million cells."""
    monkeypatch.setattr(jax, "devices", lambda _: 2 * [jax.local_devices()[0]])
    monkeypatch.setenv("NPROC", "7")
    with pytest.raises(RefitError, match="NPROC=8 in its environment"):
        batch.fit(statistics(), device="cpu")
