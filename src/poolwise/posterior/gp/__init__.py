"""Arms that resemble each other by their parameters: a Gaussian process over log-scaled and one-hot parameters.

`coregionalisation` states the covariance of all cells, `gp_marginal_likelihood` estimates its hyperparameters,
`gp_filter` conditions it on outcomes one by one. `surface` is a single process, for searches of configurations.
"""
