"""Poolwise: hierarchical Bayesian bandits that choose strategies and parameters and share what they learn.

Names are loaded when they are first used, so that `import poolwise` stays light; type checkers read the imports below.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from poolwise import engine as engine
    from poolwise import errors as errors
    from poolwise import ope as ope
    from poolwise import plot as plot
    from poolwise import policy as policy
    from poolwise import posterior as posterior
    from poolwise import replay as replay
    from poolwise import schema as schema
    from poolwise import space as space
    from poolwise import store as store
    from poolwise.client.client import Client as Client
    from poolwise.engine import Engine as Engine
    from poolwise.engine import Settings as Settings
    from poolwise.space import ArmSpace as ArmSpace
    from poolwise.space import Family as Family
    from poolwise.space.features import Feature as Feature
    from poolwise.space.parameters import Choice as Choice
    from poolwise.space.parameters import Integer as Integer
    from poolwise.space.parameters import Real as Real
else:  # hidden from type checkers, which would take any misspelt name for one that exists
    _HOME = {
        "ArmSpace": "poolwise.space",
        "Choice": "poolwise.space.parameters",
        "Client": "poolwise.client",
        "Engine": "poolwise.engine",
        "Family": "poolwise.space",
        "Feature": "poolwise.space.features",
        "Integer": "poolwise.space.parameters",
        "Real": "poolwise.space.parameters",
        "Settings": "poolwise.engine",
    }
    _MODULES = ("engine", "errors", "ope", "plot", "policy", "posterior", "replay", "schema", "space", "store")
    __all__ = sorted((*_HOME, *_MODULES))

    def __getattr__(name):
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        if name in _MODULES:
            return import_module(f"poolwise.{name}")
        raise AttributeError(f"poolwise has no {name!r}: it has {', '.join(__all__)}")

    def __dir__():
        return __all__
