"""Names and parameters as indices and coordinates of arrays."""
