"""When scales are due: counted ahead as found one by one."""

import numpy as np
import pytest

from poolwise.engine.estimation.schedule import is_due, until_due
from poolwise.posterior.gp.coregionalisation import arm_features
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.hyperparameters.estimation import from_dict, init_hyperparameters, to_dict
from poolwise.posterior.hyperparameters.refit_schedule import EVERY
from poolwise.posterior.posterior import Posterior

FAMILY = np.zeros(12, int)
GROUND = arm_features(FAMILY, {0: arm_coordinates([np.linspace(0, 1, 12)])})


def belief(ground=GROUND) -> Posterior:
    return Posterior(init_hyperparameters(FAMILY, np.ones((12, 2)), ground=ground), -0.7, projects=3, backend="numpy")


def told(posterior: Posterior, project: int, number: int) -> None:
    for k in range(number):
        posterior.update(project, 0, 5 * k % 12, float(np.sin(k)), True)


@pytest.mark.parametrize("projects", [1, 2, 4], ids=lambda number: f"{number} projects")
@pytest.mark.parametrize("before", [0, 70])
def test_counted_ahead_as_found_one_by_one(projects, before):
    posterior = belief()
    told(posterior, 0, before)
    posterior.reestimate()
    coming = np.random.default_rng(projects).integers(0, projects, 60)
    ahead = until_due(EVERY, posterior, before, coming)
    found = []
    for project in coming.tolist():
        told(posterior, project, 1)
        found.append(is_due(EVERY, posterior, before, project))
    assert ahead == 1 + found.index(True)


def test_a_late_project_asks_only_where_arms_resemble_each_other():
    for ground, asks in ((GROUND, True), (None, False)):
        posterior = belief(ground)
        told(posterior, 0, 100)
        posterior.reestimate()
        told(posterior, 1, 10)
        assert is_due(EVERY, posterior, 100, 1) is asks
        assert not is_due(EVERY, posterior, 100, 0)


def test_a_search_that_failed_is_not_asked_for_again_at_once():
    posterior = belief()
    told(posterior, 0, 60)
    assert is_due(EVERY, posterior, 0, 0)
    assert not is_due(EVERY, posterior, 60, 0)  # as `ServingPosterior.failed` leaves it, with nothing counted


def test_what_was_counted_is_kept():
    posterior = belief()
    told(posterior, 0, 20)
    told(posterior, 2, 7)
    posterior.reestimate()
    back = from_dict(to_dict(posterior.hyperparameters), belief().hyperparameters)
    np.testing.assert_array_equal(back.counted[:3], [20, 0, 7])
