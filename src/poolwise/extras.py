"""Libraries that only some functions need: which extra installs each, and one line where it is missing."""

from importlib.util import find_spec

from poolwise.errors import MissingLibrary

EXTRAS = {
    "refit": ("duckdb", "h5netcdf", "h5py", "jax", "jaxlib", "numpyro", "xarray"),
    "report": ("arviz_stats", "matplotlib"),
    "z3": ("z3",),
    "service": ("fastapi", "jinja2", "prometheus_client", "uvicorn"),
    "client": ("httpx", "tenacity"),
    "optuna": ("optuna",),
    "kernel-tuner": ("kernel_tuner",),
    "mlflow": ("mlflow",),
    "postgresql": ("psycopg",),
    "ray": ("ray",),
    "privacy": ("opendp",),
}
"""Modules by extra; one that two extras install stands under the first. All others come with Poolwise itself."""


def require(*modules: str) -> None:
    """Raise MissingLibrary before long work, not after it, where one of the modules is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise _missing(module)


def explained(error: ModuleNotFoundError) -> MissingLibrary:
    """What to install. Raises the error itself where no extra installs the module."""
    module = (error.name or "").partition(".")[0]
    if not any(module in modules for modules in EXTRAS.values()):
        raise error
    return _missing(module)


def named(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """The same error saying what to install, for a module that is of no use without the library."""
    return ModuleNotFoundError(str(explained(error)), name=error.name)


def _missing(module: str) -> MissingLibrary:
    extra = next(name for name, modules in EXTRAS.items() if module in modules)
    return MissingLibrary(f"this needs {module}, which is not installed: pip install 'poolwise[{extra}]'")
