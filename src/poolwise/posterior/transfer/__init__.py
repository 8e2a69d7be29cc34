"""What is known before any outcome: `elicited_prior` of utilities, `prior_data_conflict` of success and for both.

Priors that the outcomes contradict are discounted.
"""
