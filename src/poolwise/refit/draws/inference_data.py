"""Everything a refit drew, as one netCDF file in the groups and names that ArviZ reads (`arviz.from_netcdf`).

Written by xarray alone: the schema is a matter of names, and whoever looks at it (`report`) opens it with ArviZ.
Axes are named chain, draw, project, context, arm; `cell` runs over the cells that were seen, with their names.
Source: the InferenceData schema, https://python.arviz.org/en/stable/schema/schema.html.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from poolwise import targets
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.errors import InputError
from poolwise.extras import require
from poolwise.refit.result import Draws, RefitResult, Values

CELL = ("project", "context", "arm")
DIMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("theta", "effect", "mean", "chance", "successes", "tried", "count"), CELL),
    "chance_context": ("context", "arm"),
    "chance_arm": ("arm",),
    "noise": ("arm",),
    "spread": ("context",),
    "sigma": ("family",),
    "within": ("context", "arm"),
    "arm_effects": ("arm", "effect_of_arm"),
    "family_effects": ("family", "effect_of_family"),
    "global_effects": ("effect_of_family",),
}
"""Names of the axes behind chain and draw."""


def prepare(path: str | Path) -> None:
    """Make the folder of a file that is to be written, so that hours of sampling do not end where it cannot be. Raises
    InputError, and MissingLibrary."""
    require("h5netcdf", "h5py")
    target = targets.target(path, "file of draws", make=True)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _draft(target).touch()
        _draft(target).unlink()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; name another file with save") from error


def _draft(target: Path) -> Path:
    return target.with_name(f".{target.name}.new")


def write(path: str | Path, problem: RefitData, found: RefitResult, about: dict[str, Any]) -> str:
    """Write the file; returns its path. `about`: JSON that tells of the snapshot.

    An earlier file is replaced at once or not at all. Raises InputError.
    """
    target = Path(path)
    draft = _draft(target)
    prepare(target)
    try:
        for number, (name, group) in enumerate(groups(problem, found.draws, about).items()):
            packed = {variable: {"zlib": True, "complevel": 1} for variable in group.data_vars if group[variable].ndim}
            group.to_netcdf(draft, mode="a" if number else "w", group=name, encoding=packed, engine="h5netcdf")
        draft.replace(target)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; name another file with save") from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return str(target)


def groups(problem: RefitData, draws: Draws, about: dict[str, Any]) -> dict[str, xr.Dataset]:
    """The groups of InferenceData, by name."""
    tables = draws._asdict()
    constant = {**tables.pop("constant_data"), "count": problem.stats.count, "tried": problem.tried}
    made = {
        name: dataset(values, problem, lead=("chain", "draw"), cells=name == "log_likelihood")
        for name, values in tables.items()
        if values
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = {"mean": problem.stats.total / problem.stats.count, "successes": problem.succeeded}
    made["observed_data"] = dataset(observed, problem)
    made["constant_data"] = dataset(constant, problem)
    attributes = {"inference_library": "poolwise", "baseline": problem.baseline, "about": json.dumps(about)}
    return {name: one.assign_attrs(attributes) for name, one in made.items()}


def dataset(values: Values, problem: RefitData, lead: tuple[str, ...] = (), *, cells: bool = False) -> xr.Dataset:
    """Variables with named axes and coordinates; single precision, which is finer than any draw is."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        axes = ("cell",) if cells and name == "mean" else ("tried_cell",) if cells else DIMS.get(name)
        made[name] = ((*lead, *_named(name, axes, value.shape[len(lead) :])), _single(value))
    found = xr.Dataset(made)
    return found.assign_coords(_coordinates(found, problem))


def _named(name: str, axes: tuple[str, ...] | None, shape: tuple[int, ...]) -> tuple[str, ...]:
    if axes is not None and len(axes) == len(shape):
        return axes
    return tuple(f"{name}_{number}" for number in range(len(shape)))


def _coordinates(found: xr.Dataset, problem: RefitData) -> dict[str, Any]:
    families = list(dict.fromkeys(problem.families))
    names = {"project": problem.projects, "context": problem.contexts, "arm": problem.arms, "family": families}
    made: dict[str, Any] = {axis: np.arange(found.sizes[axis]) for axis in ("chain", "draw") if axis in found.sizes}
    made |= {axis: list(names[axis]) for axis in names if axis in found.sizes and found.sizes[axis] == len(names[axis])}
    for axis, count in (("cell", problem.stats.count), ("tried_cell", problem.tried)):
        if axis in found.sizes:
            where = zip(*np.nonzero(count > 0), strict=True)
            made[axis] = [" / ".join(names[kind][i] for kind, i in zip(CELL, at, strict=True)) for at in where]
    return made


def _single(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32) if value.dtype == np.float64 else value
