"""Room that is made while outcomes come: as if it had been there from the beginning."""

import numpy as np
import pytest

from poolwise.posterior import serving
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.observation_model import DEFAULT
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive import initial

FAMILIES = {"every arm its own": np.arange(4), "two families": np.array([0, 0, 1, 1])}


def outcomes(random, projects, contexts, number=120):
    ok = random.random(number) < 0.8
    columns = (random.integers(size, size=number) for size in (projects, contexts, 4))
    return [
        (*place, float(random.normal(0.3, 0.5)) if fine else -1.0, bool(fine))
        for *place, fine in zip(*(column.tolist() for column in columns), ok, strict=True)
    ]


def tables(belief, shape):
    looks = [belief.predict(*at) for at in np.ndindex(*shape)]
    return np.array([np.concatenate([look.mean, look.scale, look.wider_mean.ravel(), look.noise]) for look in looks])


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("baseline", [None, 1])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_state_that_grows_equals_one_that_had_the_room(family, baseline, backend, monkeypatch):
    random = np.random.default_rng(5)
    rows = outcomes(random, 4, 4) + outcomes(random, 7, 6)
    hyperparameters = init_hyperparameters(family, np.tile((2.0, 1.5), (4, 1)))
    grows, roomy = (
        Posterior(hyperparameters, -1.0, projects=p, contexts=c, options=DEFAULT, baseline=baseline, backend=backend)
        for p, c in ((4, 4), (7, 6))
    )
    monkeypatch.setattr(initial, "padded", None)  # nothing is computed again
    for row in rows:
        for one in (grows, roomy):
            one.update(*row)
    np.testing.assert_allclose(tables(grows, (8, 8)), tables(roomy, (8, 8)), atol=1e-9)


def test_where_there_are_too_many_to_ask_all_is_computed_again(monkeypatch):
    random = np.random.default_rng(6)
    hyperparameters = init_hyperparameters(FAMILIES["two families"], np.tile((2.0, 1.5), (4, 1)))
    monkeypatch.setattr(serving, "_SLOTS", 800.0)  # five at 4 contexts, two at 8
    belief = Posterior(hyperparameters, -1.0, projects=4, contexts=4, options=DEFAULT, backend="numpy")
    for row in outcomes(random, 4, 4) + outcomes(random, 4, 6):
        belief.update(*row)
    before = tables(belief, (4, 6))
    assert belief.serving().structure.slots == 2
    belief.recompute()
    np.testing.assert_allclose(tables(belief, (4, 6)), before, atol=1e-9)
