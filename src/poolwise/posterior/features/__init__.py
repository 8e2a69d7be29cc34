"""Features of jobs, numbers known before a decision: slopes with the same hierarchy as every other effect.

`arguments` checks what is handed in; `effects` says for people what was learned of each feature.
"""
