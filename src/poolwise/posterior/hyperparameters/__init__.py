"""Hyperparameters: their types and priors, and how they are estimated.

`gaussian` states the scales of effects and noise and their `Hyperprior`; `estimation` holds everything that is
estimated (`Hyperparameters`), and finds it: `newton` and `optimize` the mode, `laplace` the posterior mean around it,
over the unconstrained coordinates of `parametrisation`; `refit_schedule` says when.
"""
