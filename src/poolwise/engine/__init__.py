"""The engine: decide, observe, refit."""

from poolwise.engine.engine import Engine
from poolwise.engine.safeguards.settings import Exploration, Safety
from poolwise.engine.settings import Settings

__all__ = ["Engine", "Exploration", "Safety", "Settings"]
