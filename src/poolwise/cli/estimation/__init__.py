"""Commands that estimate and evaluate: refit, learn, prior, replay, evaluate."""
