"""The page about a refit: what the gate checked, and plots that say whether to trust it."""
