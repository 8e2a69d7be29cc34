"""Search of one parameter space with what other units' surfaces tell."""
