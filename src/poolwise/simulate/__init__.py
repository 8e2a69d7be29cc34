"""Simulated projects: pure worlds drawn from a fitted hierarchy, and one scanned run loop on CPU or GPU."""

from poolwise.simulate import belief
from poolwise.simulate.loop import Run, play, simulate
from poolwise.simulate.population import Population, Shape, population_of, total_scales
from poolwise.simulate.world import BelievedParameters, World, draw, values

__all__ = [
    "BelievedParameters",
    "Population",
    "Run",
    "Shape",
    "World",
    "belief",
    "draw",
    "play",
    "population_of",
    "simulate",
    "total_scales",
    "values",
]
