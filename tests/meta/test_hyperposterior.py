"""What goes into a prior pack: what projects share, resting on enough of them."""

import json

import numpy as np
import pytest

from poolwise.errors import InputError
from poolwise.meta import packs
from poolwise.meta.hyperposterior import pooled
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from tests.meta.stores import learned


def test_no_project_and_no_event_is_in_it(pack):
    text = json.dumps(packs.to_dict(pack))
    assert "secret" not in text
    assert "decision" not in text


def test_the_pooled_mean_is_that_of_equal_projects():
    """Many outcomes per project, all equally informative: the mean of the projects' means; its variance by hand."""
    random = np.random.default_rng(0)
    rows = np.indices((4, 2, 3)).reshape(3, -1).repeat(50, 1)
    y = random.normal(0.2, 0.3, rows.shape[1])
    stats, hyperparameters = (
        SufficientStatistics.of(*rows, y, shape=(4, 2, 3)),
        init_hyperparameters(np.arange(3), np.ones((3, 2))),
    )
    found = pooled(stats, hyperparameters, stats.count, stats.count, 3, None)
    np.testing.assert_allclose(found.mean, (stats.total / 50).mean(0))
    # Every arm is a family of its own: no effects of families along a project.
    between = (
        sum(t.project**2 + t.cell**2 for t in hyperparameters.gaussian.scales[:3])
        - hyperparameters.gaussian.scales.family.project**2
    )
    variance = (between + hyperparameters.gaussian.scales.noise**2 / 50) / 4
    np.testing.assert_allclose(1 / found.precision, np.broadcast_to(variance, (2, 3)))
    assert (found.projects == 4).all()


def test_nothing_rests_on_fewer_projects_than_the_minimum(source):
    rare = learned(3)
    for p in range(2):
        made = rare.decide(f"secret-{p}", "rare")
        rare.observe(made.id, utility=0.1)
    found = rare.priors.exported("x", minimum=3)
    assert "rare" not in found.contexts
    assert ((found.precision == 0) == (found.projects < 3)).all()
    with pytest.raises(InputError, match="3 projects with outcomes are too few"):
        rare.priors.exported("x", minimum=4)
    with pytest.raises(InputError, match="1 project with outcomes is too few"):
        learned(1, tries=1).priors.exported("x")


def test_clipping_bounds_what_one_project_can_do():
    """Four projects, one of them at 4: no more than a quarter of the bound comes from it."""
    count, total = np.full((4, 1, 2), 5.0), np.zeros((4, 1, 2))
    total[0] = 20.0
    stats, hyperparameters = (
        SufficientStatistics(count, total, total**2 / 5),
        init_hyperparameters(np.arange(2), np.ones((2, 2))),
    )
    free, tame = (pooled(stats, hyperparameters, count, count, 3, clip).mean for clip in (None, 0.4))
    np.testing.assert_allclose(free, 1.0)
    np.testing.assert_allclose(tame, 0.1)
