"""What people ask an engine: why, how far, and how projects compare."""
