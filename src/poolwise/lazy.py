"""Libraries that are loaded when they are first used: a decision from a shell needs few of them, and pays for no other.

    from poolwise.lazy import pandas as pd

Annotations that name them must not be evaluated: `from __future__ import annotations`.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any


class Lazy(ModuleType):
    """A module that is imported with its first attribute, by whatever thread; then each is looked up once."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.__dict__[name] = getattr(import_module(self.__name__), name)
        return found


def light_numpy() -> None:
    """Keep SciPy, which copies all of NumPy's names, from loading what of NumPy is only for tests and for building."""
    numpy = import_module("numpy")
    for name in ("f2py", "testing"):
        numpy.__dict__.setdefault(name, Lazy(f"numpy.{name}"))


def import_beside(name: str, stand_ins: Mapping[str, Mapping[str, Any]]) -> ModuleType:
    """Import a module in a thread while others work. stand_ins: of it and its parts, names that are there from the
    first: a library that looks into `sys.modules` must not find a module without them. Each gives way to its own."""
    finder = _WithStandIns(stand_ins)
    sys.meta_path.insert(0, finder)
    try:
        return import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _WithStandIns(MetaPathFinder):
    """Finds modules as ever, and makes them with names in them."""

    def __init__(self, stand_ins: Mapping[str, Mapping[str, Any]]) -> None:
        self._stand_ins = stand_ins

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self._stand_ins:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.create_module = self._made  # type: ignore[method-assign]
        return spec

    def _made(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name)
        module.__dict__.update(self._stand_ins[spec.name])
        return module


def members(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], list[str]]:
    """`__getattr__` and `__all__` of a package whose names are loaded when they are first used: name -> its module, or
    nothing where it is one."""

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"{package} has no {name!r}: it has {', '.join(sorted(homes))}")
        if not homes[name]:
            return import_module(f"{package}.{name}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return find, sorted(homes)


if TYPE_CHECKING:
    import pandas as pandas
    from scipy import linalg as linalg
    from scipy import optimize as optimize
    from scipy import special as special
    from scipy.linalg import lapack as lapack
else:
    pandas, linalg, lapack, optimize, special = map(
        Lazy, ("pandas", "scipy.linalg", "scipy.linalg.lapack", "scipy.optimize", "scipy.special")
    )
