"""A policy driven over a table of real outcomes: regret is exact, since every arm of every unit was measured."""
