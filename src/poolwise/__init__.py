"""Poolwise: hierarchical Bayesian bandits that choose strategies and parameters and share what they learn.

Names are loaded when they are first used, so that `import poolwise` stays light.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "ArmSpace": "poolwise.space",
    "Choice": "poolwise.parameters",
    "Engine": "poolwise.engine",
    "Family": "poolwise.space",
    "Integer": "poolwise.parameters",
    "Real": "poolwise.parameters",
    "Settings": "poolwise.engine",
}
_ROOMS = ("engine", "errors", "ope", "policy", "posterior", "replay", "schema", "space", "store")
__all__ = [*_HOME, *_ROOMS]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _ROOMS:
        return import_module(f"poolwise.{name}")
    raise AttributeError(f"poolwise has no {name!r}: it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted(__all__)
