"""The posterior of the crossed effects: statistics in, hyperparameters and marginals out.

    stats = posterior.SufficientStatistics.of(project, context, arm, utility)
    found = posterior.fit(stats)                 # hyperparameters by maximum marginal likelihood
    posterior.marginals(found, stats)            # mean and standard deviation of every cell

Names are loaded when they are first used. The same model has two forms, and everything else serves them:

    recursive/         the state that serves: `init` (initial.py), `update` (updating.py), `predict` (prediction.py)
    crossed/           the batch algebra: statistics to marginals, log marginal likelihood and score
    likelihoods/       what one outcome counts as: success, time-outs, outliers, the baseline, age
    hyperparameters/   their types and priors (gaussian.py), their estimate and its JSON (estimation.py)
    gp/                arms that resemble each other by their parameters
    projects/          low-rank factors of projects, and how a project deviates
    transfer/          what is known beforehand: elicited priors, and how far data contradict them
    posterior.py       `Posterior`, the mutable shell that an engine holds

An outcome enters at `Posterior.update` and ends in `recursive.updating.update`. A prior is stated in
`hyperparameters.gaussian.Hyperprior` (scales of effects and noise) and `likelihoods.bernoulli.BetaHyperparameters`
(success). A new likelihood says with which weight and value an outcome enters the Gaussian effects: a module in
`likelihoods/`, called by `recursive.updating._counted`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwise.posterior.crossed.batch import SufficientStatistics as SufficientStatistics
    from poolwise.posterior.crossed.batch import fit as fit
    from poolwise.posterior.crossed.batch import marginals as marginals
    from poolwise.posterior.crossed.marginal_likelihood import log_marginal_likelihood as log_marginal_likelihood

    __all__ = ["SufficientStatistics", "fit", "log_marginal_likelihood", "marginals"]
else:
    from poolwise.lazy import members

    __getattr__, __all__ = members(
        __name__,
        {
            "SufficientStatistics": "crossed.batch",
            "fit": "crossed.batch",
            "log_marginal_likelihood": "crossed.marginal_likelihood",
            "marginals": "crossed.batch",
        },
    )
