"""Simulated projects: pure worlds drawn from a fitted hierarchy, and one scanned run loop on CPU or GPU."""

from poolwise.simulate import belief
from poolwise.simulate.loop import Run, play, simulate
from poolwise.simulate.population import Population, Shape, combined, fitted
from poolwise.simulate.world import Told, World, draw, values

__all__ = [
    "Population",
    "Run",
    "Shape",
    "Told",
    "World",
    "belief",
    "combined",
    "draw",
    "fitted",
    "play",
    "simulate",
    "values",
]
