"""Policies that stand alone: from a view to one probability per arm."""
