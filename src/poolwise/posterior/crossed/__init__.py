"""Crossed Gaussian effects in batch: statistics to hyperparameters and marginals, in closed form.

`batch` is the entry (`SufficientStatistics`, `fit`, `marginals`). `canonical_form` says what the cells of an arm tell
of its effects, `gaussian_messages` passes it between arms, families and globe, `solve` puts both together;
`marginal_likelihood` has value and score, `average_information` the curvature. Large systems: `collapsed`,
`chunked_reduction` (NumPy), `compiled_reduction` (JAX).
"""
