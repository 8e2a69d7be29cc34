"""Hyperparameters estimated beside the calls, refits, and priors that come from elsewhere."""
