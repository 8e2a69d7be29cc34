"""What may be chosen at all, as pure functions of counts and sums; the engine folds their state."""
