"""Block by block, on threads, or compiled by JAX: large systems get the same evidence and the same beliefs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed import batch, chunked_reduction
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.solve import CellMoments, pass_messages, solve_reduced
from poolwise.posterior.hyperparameters import optimize
from poolwise.posterior.hyperparameters.gaussian import BorrowedEstimates, EffectLayout
from tests.posterior.crossed.test_batch import SHAPE, data, scales

KNOWN = {"nothing": None, "contexts": False, "projects": True}


def case(known: bool | None):
    """Cells and scales, with what other stores know of contexts, or of projects where these are the shorter side."""
    truth = scales(1, families=False)
    truth = truth._replace(globe=truth.globe._replace(project=0.0))
    rows, y = data(2)
    if known is not None:
        random, side = np.random.default_rng(3), SHAPE[0] if known else SHAPE[1]
        drawn = random.uniform(0, 9, (side, SHAPE[2])), random.normal(0, 5, (side, SHAPE[2]))
        truth = truth._replace(pooled=BorrowedEstimates(*drawn, transposed=known))
    return batch.cells(SufficientStatistics.of(*rows, y, shape=SHAPE)), truth


@pytest.fixture(params=["one block", "blocks", "threads"])
def parts(request, monkeypatch):
    if request.param != "one block":
        monkeypatch.setattr(chunked_reduction, "_part", lambda contexts: 3)
    if request.param == "threads":
        monkeypatch.setattr(chunked_reduction, "_THREADED", 1)


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_blocks_give_the_potential_of_the_whole(known, parts):
    cells, truth = case(known)
    found = chunked_reduction.canonical_form(chunked_reduction.stacked(cells), truth)
    with jax.enable_x64(True):
        tree, _ = solve_reduced(CellMoments(*map(jnp.asarray, cells)), truth)
    again = pass_messages(found, truth, None, 0, EffectLayout(SHAPE[1], 0))
    assert float(tree.evidence) == pytest.approx(float(again.evidence), rel=1e-10)


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_beliefs_compiled_by_jax_are_the_same(known, parts):
    cells, truth = case(known)
    expected = batch.marginals_reduced(cells, truth)
    with jax.enable_x64(True):
        found = jax.jit(lambda cells: batch.marginals_reduced(cells, truth))(CellMoments(*map(jnp.asarray, cells)))
    for part, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert part.dtype == np.float64
        np.testing.assert_allclose(part, other, rtol=1e-8, atol=1e-10)


def test_search_from_a_sample_ends_at_the_same_scales(monkeypatch):
    random, shape = np.random.default_rng(5), (300, 6, 4)
    rows = [random.integers(0, size, 20_000) for size in shape]
    effects = 0.3 * random.normal(size=(1, *shape[1:])) + 0.15 * random.normal(size=(shape[0], 1, shape[2]))
    stats = SufficientStatistics.of(*rows, effects[0, rows[1], rows[2]] + random.normal(0, 0.3, 20_000), shape=shape)
    quick = batch.fit(stats)
    monkeypatch.setattr(optimize, "_SAMPLED_FROM", 10**9)
    slow = batch.fit(stats)
    assert quick.converged
    assert quick.log_evidence == pytest.approx(slow.log_evidence, abs=0.5)
    np.testing.assert_allclose(quick.scales.noise, slow.scales.noise, rtol=1e-3)


def test_blas_is_limited_only_while_somebody_asks_for_it():
    threads = lambda: [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    before = threads()
    with single_blas(), single_blas():
        assert set(threads()) == {1}
    assert threads() == before
