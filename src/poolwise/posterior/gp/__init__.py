"""Arms that resemble each other by their parameters: a Gaussian process over them (`gp_filter`)."""
