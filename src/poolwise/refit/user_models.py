"""A model file of the user's own: read, called once without data, and held to the contract of docs/models.md."""

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpyro.handlers import seed, trace

from poolwise.errors import ConfigError, nearest
from poolwise.targets import is_file

_COUNT = np.array([[[2.0, 1.0], [0.0, 3.0], [1.0, 1.0]], [[1.0, 0.0], [4.0, 1.0], [2.0, 2.0]]])
"""Two projects, three contexts, two arms: no two axes are of the same length but the first and the last."""
SITES = {"mean": _COUNT.shape, "theta": _COUNT.shape, "tau_cell": (), "sigma": None}
"""Sites that a model must have, with their shapes on `_COUNT`; None: one number per family."""


def read_model(path: str | Path, function: str) -> Callable[..., Any]:
    """The function of that name. Raises ConfigError for a file or a model that breaks the contract."""
    found = getattr(_module(Path(path)), function, None)
    if not callable(found):
        names = [name for name, value in vars(_module(Path(path))).items() if inspect.isfunction(value)]
        raise ConfigError(f"{path} has no function {function!r}{nearest(function, names)}; name it in [model]")
    _check_arguments(found, path, function)
    _check_sites(found, path, function)
    return found


def _module(path: Path) -> Any:
    if not is_file(path):
        raise ConfigError(f"there is no model file {path}: check `file` in [model]")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file: a model file ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"the model file {path} cannot be read ({type(error).__name__}: {error})") from error
    return module


def _check_arguments(function: Callable[..., Any], path: Any, name: str) -> None:
    try:
        inspect.signature(function).bind(_COUNT, None, None, cells=True)
    except TypeError as error:
        raise ConfigError(
            f"{name} in {path} cannot be called with (count, family, data, cells=True) ({error}): see docs/models.md"
        ) from error


def _check_sites(function: Callable[..., Any], path: Any, name: str) -> None:
    try:
        with jax.enable_x64(True):
            sites = trace(seed(function, jax.random.key(0))).get_trace(_COUNT, np.array([0, 1]), None, cells=True)
    except Exception as error:
        raise ConfigError(
            f"{name} in {path} does not simulate ({type(error).__name__}: {error}): without data it must draw them"
        ) from error
    for site, shape in SITES.items():
        if site not in sites:
            raise ConfigError(f"{name} in {path} has no site {site!r}: see docs/models.md for those that serve")
        value = np.asarray(sites[site]["value"])
        if (shape is not None and value.shape != shape) or not np.isfinite(value).all():
            due = "one per family" if shape is None else shape
            raise ConfigError(
                f"site {site!r} of {name} in {path} has shape {value.shape} where {due} was due, or is not finite:"
                " see docs/models.md"
            )
