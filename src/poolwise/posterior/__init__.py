"""The posterior of the crossed effects: statistics in, hyperparameters and marginals out.

    stats = posterior.SufficientStatistics.of(project, context, arm, utility)
    found = posterior.fit(stats)                 # hyperparameters by maximum marginal likelihood
    posterior.marginals(found, stats)            # mean and standard deviation of every cell

Names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwise.posterior.gaussian import Statistics as SufficientStatistics
    from poolwise.posterior.gaussian import beliefs as marginals
    from poolwise.posterior.gaussian import fit as fit
    from poolwise.posterior.marginal_likelihood import log_marginal_likelihood as log_marginal_likelihood

    __all__ = ["SufficientStatistics", "fit", "log_marginal_likelihood", "marginals"]
else:
    from importlib import import_module

    _HOME = {
        "SufficientStatistics": ("gaussian", "Statistics"),
        "fit": ("gaussian", "fit"),
        "log_marginal_likelihood": ("marginal_likelihood", "log_marginal_likelihood"),
        "marginals": ("gaussian", "beliefs"),
    }
    __all__ = sorted(_HOME)

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(f"poolwise.posterior has no {name!r}: it has {', '.join(__all__)}")
        module, known = _HOME[name]
        return getattr(import_module(f"poolwise.posterior.{module}"), known)
