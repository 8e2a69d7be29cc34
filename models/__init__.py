"""NumPyro models: the full densities of everything Poolwise believes, one function a file.

They are the reference that the fast posterior is checked against, the full-Bayes refit, and the pattern for a model of
your own. Each is a function of shapes and data: with data None it simulates; conditioned on data it is fitted; with
`numpyro.infer.Predictive` it predicts.
"""
