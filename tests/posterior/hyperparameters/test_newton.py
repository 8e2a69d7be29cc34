"""The search for the scales: its curvature against differences of the score, its mode against L-BFGS's."""

import numpy as np
import pytest

from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.marginal_likelihood import log_marginal_likelihood, with_information
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, BorrowedEstimates, EffectLayout, ElicitedOffset
from poolwise.posterior.hyperparameters.initialisation import moment_initialisation
from poolwise.posterior.hyperparameters.newton import local, refine
from poolwise.posterior.hyperparameters.parametrisation import SCALES, from_coordinates, length
from tests.posterior.crossed.test_batch import FAMILY, SHAPE, data

KNOWN = {
    "outcomes alone": {},
    "other stores": {"pooled": BorrowedEstimates(np.full(SHAPE[1:], 3.0), np.full(SHAPE[1:], 0.6))},
    "an expert": {"elicited": ElicitedOffset(np.linspace(-0.3, 0.3, SHAPE[2]), np.full(SHAPE[2], 2.0))},
}


def problem(n: int, families: int):
    rows, y = data(3, 3_000)
    rows, y = [part[:n] for part in rows], y[:n]
    family, groups = (FAMILY, families) if families else (np.arange(SHAPE[2]), SHAPE[2])
    cells = batch.cells(SufficientStatistics.of(*rows, y, shape=SHAPE))
    return cells, family, groups, moment_initialisation(cells, family, length(groups, SHAPE[1]), HYPERPRIOR, groups)


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("families", [2, 0])
@pytest.mark.parametrize("kept", [True, False], ids=["cells kept", "cells integrated out"])
def test_curvature_is_near_that_of_the_evidence_at_the_mode(families, kept, known, monkeypatch):
    if not kept:
        for module in ("crossed.solve", "crossed.marginal_likelihood"):
            monkeypatch.setattr(f"poolwise.posterior.{module}.layout", lambda s, _: EffectLayout(s[1], s[0]))
    cells, family, groups, start = problem(2_000, families)
    mode = refine(cells, family, start, HYPERPRIOR, families=families)[0].coordinates

    def scales(at):
        return from_coordinates(at, family, HYPERPRIOR, groups=groups)._replace(**KNOWN[known])

    def score(at):
        return np.concatenate(log_marginal_likelihood(scales(at), cells, family, families)[1][:3])

    steps = 0.02 * np.eye(SCALES, len(mode))
    expected = -np.stack([score(mode + one) - score(mode - one) for one in steps]) / 0.04
    found = with_information(scales(mode), cells, family, families)[2].scales
    expected[8, 8] = found[8, 8]  # the globe's level stays at its prior
    # Half of it is expected, not observed: on a few projects and contexts these differ.
    np.testing.assert_allclose(found, expected, atol=0.3 * np.abs(expected).max())


@pytest.mark.parametrize("families", [2, 0])
@pytest.mark.parametrize("n", [1, 10, 100, 3_000])
def test_mode_is_that_of_a_whole_search(families, n):
    cells, family, _, start = problem(n, families)
    worth = lambda at: local(at, cells, family, HYPERPRIOR, families)[0]
    stats = SufficientStatistics(cells.count, cells.count * cells.mean, cells.deviation + cells.count * cells.mean**2)
    whole = batch.fit(stats, family if families else None)
    found, _ = refine(cells, family, start, HYPERPRIOR, families=families)
    assert found.converged
    assert worth(found.coordinates) < worth(whole.coordinates) + 0.25


def test_one_step_follows_a_tenth_more_outcomes():
    cells, family, _, start = problem(1_000, 2)
    before, _ = refine(cells, family, start, HYPERPRIOR, families=2)
    more, *_ = problem(1_100, 2)
    after, _ = refine(more, family, before.coordinates, HYPERPRIOR, families=2)
    far, _ = refine(more, family, start, HYPERPRIOR, families=2)
    assert after.iterations == 1
    assert (
        local(after.coordinates, more, family, HYPERPRIOR, 2)[0]
        < local(far.coordinates, more, family, HYPERPRIOR, 2)[0] + 0.25
    )
