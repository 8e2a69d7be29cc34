"""Crossed Gaussian effects in closed form: `solve` and `batch` first; `collapsed` where they are too many."""
