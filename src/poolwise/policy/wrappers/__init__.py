"""Wrappers: a policy in, a policy out."""
