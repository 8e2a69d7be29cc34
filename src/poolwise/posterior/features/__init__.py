"""Features of jobs, numbers known before a decision: slopes with the same hierarchy as every other effect.

`arguments` checks what is handed in, `rows` and `batch_rows` keep it with the outcomes. `normal_scores`, `relevance`
and `feature_map` make a few directions of it, in which `slopes` are coordinates of an arm's effects; `slope_likelihood`
and `estimation` find their scales, `feature_filter` and `serving` believe, and `effects` tells people what was learned.
"""
