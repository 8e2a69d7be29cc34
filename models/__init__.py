"""NumPyro models: the full densities of everything Poolwise believes, one function a file.

    effects        what an arm is worth in a project and a context: three crossed tiers (a part of the others)
    gaussian       utilities around it, from every outcome or from sufficient statistics
    bernoulli      success and failure
    utility        both joined into the utility that policies compare
    censored       costs that a time limit cuts off
    heavy_tailed   utilities with absurd outliers
    factors        projects that resemble each other: low rank

They are the reference for the fast posterior, the full-Bayes refit, and the pattern for a model of your own. The same
function simulates (data None), is fitted (data given), and predicts (`numpyro.infer.Predictive` with its draws).
"""
