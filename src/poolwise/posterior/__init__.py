"""The posterior of the crossed effects: statistics in, hyperparameters and marginals out.

    stats = posterior.SufficientStatistics.of(project, context, arm, utility)
    found = posterior.fit(stats)                 # hyperparameters by maximum marginal likelihood
    posterior.marginals(found, stats)            # mean and standard deviation of every cell

Names are loaded when they are first used. Where to read on: `recursive` is the state that serves, outcome by outcome
(`recursive/updating.py`, `recursive/prediction.py`); `crossed` the batch algebra of the same model, `hyperparameters`
what is estimated and how, `likelihoods` what an outcome says, `gp` arms that resemble each other by their parameters,
`transfer` what is known beforehand. `posterior.Posterior` is the mutable shell that an engine holds.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwise.posterior.crossed.batch import SufficientStatistics as SufficientStatistics
    from poolwise.posterior.crossed.batch import fit as fit
    from poolwise.posterior.crossed.batch import marginals as marginals
    from poolwise.posterior.crossed.marginal_likelihood import log_marginal_likelihood as log_marginal_likelihood

    __all__ = ["SufficientStatistics", "fit", "log_marginal_likelihood", "marginals"]
else:
    from importlib import import_module

    _HOME = {
        "SufficientStatistics": ("crossed.batch", "SufficientStatistics"),
        "fit": ("crossed.batch", "fit"),
        "log_marginal_likelihood": ("crossed.marginal_likelihood", "log_marginal_likelihood"),
        "marginals": ("crossed.batch", "marginals"),
    }
    __all__ = sorted(_HOME)

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(f"poolwise.posterior has no {name!r}: it has {', '.join(__all__)}")
        module, known = _HOME[name]
        return getattr(import_module(f"poolwise.posterior.{module}"), known)
