"""Simulated projects: pure worlds drawn from a fitted hierarchy, and one scanned run loop on CPU or GPU."""

from poolwise.simulate.loop import Run, play, simulate
from poolwise.simulate.population import Population, Shape, population_of
from poolwise.simulate.world import World, draw, values

__all__ = [
    "Population",
    "Run",
    "Shape",
    "World",
    "draw",
    "play",
    "population_of",
    "simulate",
    "values",
]
