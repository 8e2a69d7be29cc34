"""What serves, in the terms of the refits' models."""

import numpy as np

from poolwise import ArmSpace, Engine, Family
from poolwise.refit.draws import serving_marginals
from poolwise.refit.methods import success


def test_an_arm_never_tried_is_foreseen_by_the_others_in_serving_and_in_full_bayes():
    """Four arms fail half of the time; without them the fifth would be taken for as reliable as its domain prior is."""
    space = ArmSpace([Family("default"), *(Family(f"arm-{i}") for i in range(5))], baseline="default")
    with Engine.open("memory://", space, seed=0) as engine:
        made = engine.decide_many("project", ["context"] * 400)
        bad = np.random.default_rng(0).uniform(size=400) < np.where(made.arm == 0, 0.0, 0.5)
        known = (made.arm != 5).nonzero()[0]
        engine.observe_many(np.asarray(made.id)[known], utility=np.zeros(len(known)),
                            status=["failed" if bad[one] else "ok" for one in known])  # fmt: skip
        problem = engine.serving.belief.problem()
    tried, succeeded = (np.round(part).astype(int) for part in (problem.tried, problem.succeeded))
    prior = serving_marginals.success_prior(problem)
    drawn = success.draws(tried, succeeded, prior, 2_000, np.random.default_rng(1))["chance_arm"].mean(0)
    served = serving_marginals.chance(problem, problem.hyperparameters).mean[0, 0]
    stated = problem.hyperparameters.success.prior
    assert abs(drawn[5] - served[5]) < 0.03
    assert stated[5, 0] / stated[5].sum() - served[5] > 0.1
