"""Every check of the gate: it passes what is right, and says what is wrong."""

import numpy as np
import pytest

from poolwise.posterior.hyperparameters.gaussian import TierScales
from poolwise.posterior.types import Marginals
from poolwise.refit import gate
from poolwise.refit.draws import serving_marginals
from poolwise.refit.gate_thresholds import DEFAULT_THRESHOLDS
from poolwise.refit.methods import closed_form
from poolwise.refit.options import Options
from tests.refit.problems import engine


@pytest.fixture(scope="module")
def problem():
    made = engine(400)
    made.refit()
    return made.problem()


@pytest.fixture(scope="module")
def found(problem):
    """A fast refit, as if its beliefs had been sampled: exact, so every check of agreement passes."""
    made = closed_form.run(problem, Options(draws=200))
    return made._replace(
        theta=serving_marginals.theta(problem, made.hyperparameters),
        chance=serving_marginals.chance(problem, made.hyperparameters),
    )


def failed(problem, found, limits=DEFAULT_THRESHOLDS):
    return [check.name for check in gate.checks(problem, found, limits) if not check.passed]


def scaled(found, **factors):
    """Scales that would serve, multiplied."""
    scales = found.hyperparameters.gaussian.scales
    scales = scales._replace(**{name: getattr(scales, name) * factor for name, factor in factors.items()})
    return found._replace(
        hyperparameters=found.hyperparameters._replace(gaussian=found.hyperparameters.gaussian._replace(scales=scales))
    )


def chained(found, random, **changes):
    """The same with chains of one quantity and a sampler's fields."""
    z = random.standard_normal((4, 200))
    stats = {"diverging": np.zeros((4, 200), bool), "energy": random.standard_normal((4, 200))} | changes
    chains = {"tau_cell": stats.pop("tau", z)}
    return found._replace(chains=chains, draws=found.draws._replace(sample_stats=stats))


def test_what_is_right_passes(problem, found):
    assert failed(problem, found) == []
    assert failed(problem, chained(found, np.random.default_rng(0))) == []
    assert gate.verdict(gate.checks(problem, found, DEFAULT_THRESHOLDS)) is None


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        (lambda r: {"tau": r.standard_normal((4, 200)) + 3 * np.arange(4)[:, None]}, "R-hat"),
        (lambda r: {"tau": r.standard_normal((4, 200)).cumsum(axis=1)}, "bulk ESS"),
        (lambda r: {"energy": r.standard_normal((4, 200)).cumsum(axis=1)}, "E-BFMI"),
        (lambda r: {"diverging": r.uniform(size=(4, 200)) < 0.05}, "divergent transitions"),
        (lambda r: {"success_diverging": r.uniform(size=(4, 200)) < 0.05}, "divergent transitions"),
    ],
)
def test_chains_that_do_not_mix(problem, found, changes, name):
    random = np.random.default_rng(1)
    assert name in failed(problem, chained(found, random, **changes(random)))


def test_a_posterior_that_would_not_serve(problem, found):
    mean, scale = found.theta
    assert "served, median gap" in failed(problem, found._replace(theta=Marginals(mean + scale, scale)))
    moved = mean.copy()
    moved[0, 0, 0] += 2 * scale[0, 0, 0]
    assert failed(problem, found._replace(theta=Marginals(moved, scale))) == ["served, largest gap"]
    assert failed(problem, found._replace(theta=Marginals(mean, 2 * scale))) == ["served, sd ratio"]
    wrong = Marginals(found.chance.mean + 0.1, found.chance.scale)
    assert failed(problem, found._replace(chance=wrong)) == ["served, gap of chances"]


def test_figures_that_are_no_numbers_do_not_pass(problem, found):
    nothing = Marginals(found.theta.mean * np.nan, found.theta.scale)
    assert "served, median gap" in failed(problem, found._replace(theta=nothing))


def test_scales_that_predict_badly(problem, found):
    assert "spread within cells" in failed(problem, scaled(found, noise=0.02))
    scales = found.hyperparameters.gaussian.scales
    still = scales._replace(
        **{name: TierScales(*(0.01 * np.array(getattr(scales, name)))) for name in ("arm", "family", "globe")}
    )
    rigid = found._replace(
        hyperparameters=found.hyperparameters._replace(gaussian=found.hyperparameters.gaussian._replace(scales=still))
    )
    assert {"cells predicted by the others", "surprise"} <= set(failed(problem, rigid))


def test_outcomes_that_the_prior_did_not_allow_for(problem, found):
    stats = type(problem.stats)(problem.stats.count, problem.stats.total * 100, problem.stats.squares * 1e4)
    assert "prior predictive, largest size" in failed(problem._replace(stats=stats, online=None), found)


def test_a_search_that_did_not_settle(problem, found):
    unsettled = found._replace(notes=found.notes | {"converged": False})
    assert failed(problem, unsettled) == ["search settled"]


def test_the_reason_is_one_line_that_names_figure_and_limit(problem, found):
    unsettled = found._replace(theta=Marginals(found.theta.mean, 2 * found.theta.scale))
    reason = gate.verdict(gate.checks(problem, unsettled, DEFAULT_THRESHOLDS))
    assert "\n" not in reason
    assert "0.5" in reason
    assert "0.8 to 1.25" in reason
