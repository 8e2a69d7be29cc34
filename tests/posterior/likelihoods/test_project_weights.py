"""A project that lies is bounded in what it does to the others, and honest ones count in full."""

import numpy as np
import pytest

from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters.estimation import (
    estimate_hyperparameters,
    from_dict,
    init_hyperparameters,
    to_dict,
)
from poolwise.posterior.likelihoods import project_weights
from poolwise.posterior.posterior import Posterior

ARMS, CONTEXTS, PROJECTS = 5, 3, 10


def told(seed: int, liar: float | None = None, outcomes: int = 30) -> dict[str, np.ndarray]:
    """Rows of projects from the hierarchy; what project 0 reports instead has this size and the wrong sign."""
    draws = np.random.default_rng(seed)
    level, context, project = (draws.normal(0, s, n) for s, n in ((0.4, (1, 1, ARMS)), (0.25, (1, CONTEXTS, ARMS)),
                                                                  (0.2, (PROJECTS, 1, ARMS))))  # fmt: skip
    p, c, a = (draws.integers(0, n, PROJECTS * outcomes) for n in (PROJECTS, CONTEXTS, ARMS))
    y = (level + context + project)[p, c, a] + draws.normal(0, 0.2, len(p))
    if liar is not None:
        y = np.where(p == 0, -liar * np.sign(y), y)
    return {"project": p, "context": c, "arm": a, "utility": y}


def learned(rows: dict[str, np.ndarray]) -> Posterior:
    family = np.arange(ARMS)
    posterior = Posterior(
        init_hyperparameters(family, np.full((ARMS, 2), 1.0)), -0.7, projects=PROJECTS + 1, contexts=CONTEXTS
    )
    posterior.update_many(*rows.values(), np.ones(len(rows["arm"]), bool))
    posterior.reestimate()
    return posterior


def without(rows: dict[str, np.ndarray], project: int) -> dict[str, np.ndarray]:
    return {name: column[rows["project"] != project] for name, column in rows.items()}


def test_a_liar_within_the_limit_is_as_if_it_were_not_there():
    """To a tenth of what is uncertain; unbounded, it moves a new project's beliefs by standard deviations."""
    beside = learned(told(1, 5.0))
    nine = learned(without(told(1), 0))
    ours, theirs = (posterior.predict(PROJECTS, 0) for posterior in (beside, nine))
    assert np.abs(ours.mean - theirs.mean).max() < 0.1 * theirs.scale.min()
    assert ours.scale == pytest.approx(theirs.scale, rel=0.05)
    assert beside.hyperparameters.weight[0] < 1e-3
    assert (beside.hyperparameters.weight[1:] == 1).all()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("outcomes", [1, 3, 30])
def test_honest_projects_count_in_full(seed, outcomes):
    rows = told(seed, outcomes=outcomes)
    stats = SufficientStatistics.of(*rows.values(), shape=(PROJECTS, CONTEXTS, ARMS))
    assert (project_weights.weights(stats, stats.count) == 1).all()


def test_what_is_far_off_counts_for_nothing_however_far():
    sizes = [2.0, 4.0, 8.0, 1e3, 1e6]
    found = [SufficientStatistics.of(*told(2, size).values(), shape=(PROJECTS, CONTEXTS, ARMS)) for size in sizes]
    part = [project_weights.weights(stats, stats.count)[0] for stats in found]
    assert part == sorted(part, reverse=True)
    assert all(part * size**2 < 1e-6 for part, size in zip(part[1:], sizes[1:], strict=True))


def test_what_one_project_alone_says_is_not_taken_for_all():
    """The others took the baseline: they have outcomes, but tell of no other arm."""
    rows = told(1, 5.0)
    alone = {name: column[rows["project"] == 0] for name, column in rows.items()}
    stats = SufficientStatistics.of(*alone.values(), shape=(PROJECTS, CONTEXTS, ARMS))
    assert (project_weights.weights(stats, stats.count) == 1).all()
    assert project_weights.weights(stats, stats.count + 1)[0] < 0.01


def test_two_projects_cannot_outvote_each_other():
    rows = told(3, 5.0)
    two = {name: column[rows["project"] < 2] for name, column in rows.items()}
    stats = SufficientStatistics.of(*two.values())
    assert (project_weights.weights(stats, stats.count) == 1).all()


def test_a_weighted_project_is_learned_one_by_one_as_at_once():
    posterior = learned(told(4, 5.0))
    more = told(5, 5.0, outcomes=2)
    for row in zip(*(column.tolist() for column in more.values()), strict=True):
        posterior.update(*row, True)
    looks = [posterior.predict(p, c) for p in (0, 1, PROJECTS) for c in range(CONTEXTS)]
    posterior.recompute()
    for look, (p, c) in zip(looks, [(p, c) for p in (0, 1, PROJECTS) for c in range(CONTEXTS)], strict=True):
        assert posterior.predict(p, c).mean == pytest.approx(look.mean, abs=1e-9)
        assert posterior.predict(p, c).scale == pytest.approx(look.scale, abs=1e-9)


def test_weights_are_stored():
    posterior = learned(told(1, 5.0))
    assert (
        from_dict(to_dict(posterior.hyperparameters), posterior.hyperparameters).weight
        == posterior.hyperparameters.weight
    ).all()
    assert estimate_hyperparameters(*posterior.estimation_arguments()).weight == pytest.approx(
        posterior.hyperparameters.weight
    )
