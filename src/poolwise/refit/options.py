"""What can be asked of a refit; every value has a default that is meant to be right."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from poolwise.compute import parsed
from poolwise.errors import InputError
from poolwise.inputs import conforming, whole
from poolwise.progress import Logged, Progress
from poolwise.refit.gate_thresholds import DEFAULT_THRESHOLDS, GateThresholds


class Options(NamedTuple):
    """Steps and draws are counted per chain."""

    reason: str = "asked for"
    seed: int = 0
    chains: int = 4
    draws: int = 500
    warmup: int | None = None
    """Steps before the draws; None: as many as the sampler needs."""
    steps: int | None = None
    """Of the optimiser, for `svi`; None: as many as it needs."""
    device: str = "cpu"
    """`cpu` or `gpu`."""
    workers: int = 1
    """Chains, or partitions of an archive, at the same time; a GPU takes one."""
    executor: str = "local"
    """Where they are worked on: `local`, `ray://local` or `ray://HOST:PORT`; see `poolwise.compute`."""
    source: str | None = None
    """Parquet file, folder or pattern with events, instead of what the store holds."""
    save: str | Path | None = None
    """netCDF file to write everything that was drawn to, for ArviZ."""
    folder: str | Path | None = None
    """Where unfinished work is kept, so that the same refit goes on where it was interrupted; None: nowhere."""
    fresh: bool = False
    """Start anew instead of finishing what lies in `folder`."""
    model: str | Path | None = None
    """A model file of the user's own, see docs/models.md; None: `poolwise.models.gaussian`."""
    function: str = "model"
    """Its name in that file."""
    limits: GateThresholds = DEFAULT_THRESHOLDS
    progress: Progress = Logged()


_COUNTS = {"chains": 1, "draws": 4, "warmup": 1, "steps": 1, "workers": 1, "seed": 0}
_MOST = 2**31 - 1


def checked(given: Mapping[str, Any]) -> Options:
    """The options that were given by name. Raises InputError for one that is unknown or cannot be meant."""
    for name in given:
        if name not in Options._fields:
            close = difflib.get_close_matches(name, Options._fields, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(Options._fields)}"
            raise InputError(f"a refit has no option {name!r}: {hint}")
    options = conforming(Options(**given), InputError, "of a refit, ")
    for name, least in _COUNTS.items():
        if (value := getattr(options, name)) is not None:
            whole(f"{name} of a refit", value, least, _MOST)
    parsed(options.executor, options.workers)
    if options.device not in ("cpu", "gpu"):
        raise InputError(f"device {options.device!r} is unknown: use 'cpu' or 'gpu'")
    return options._replace(limits=conforming(options.limits, InputError, "of a refit's limits, "))
