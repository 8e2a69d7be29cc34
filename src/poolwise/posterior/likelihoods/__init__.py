"""What one outcome says, before Gaussian effects are conditioned on it; a new likelihood goes here.

`bernoulli` (success), `censored` (time-outs: at most so good), `robust_weights` (outliers count less),
`project_weights` (so do projects that lie far off), `baseline_utility` (worth 0 by definition), `discounting` (age),
`hurdle_utility` (utility from success and utility given success).
"""
