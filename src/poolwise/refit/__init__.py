"""Refits: everything estimated again from all events, by a method of choice, behind a gate.

    aggregate       events -> statistics (DuckDB), whatever their number
    fast, nuts, svi methods: scales and draws
    gate            what a refit must show before it may serve
    inference_data  everything that was drawn, for ArviZ
    propose         all of it in order: problem -> snapshot

The methods that need NumPyro are loaded when they are asked for.
"""
