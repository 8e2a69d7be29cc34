"""Arms that resemble each other by their parameters: a Gaussian process over log-scaled and one-hot parameters.

`coregionalisation` states the covariance of all cells, `output_warping` bends utilities first, `gp_marginal_likelihood`
estimates the hyperparameters of both, `gp_filter` conditions on outcomes one by one, `project_correlation` says which
projects resemble each other, `coherence` which say nothing of others.
"""
