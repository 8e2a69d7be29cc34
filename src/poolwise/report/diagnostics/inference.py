"""What a refit drew, as ArviZ reads it, and the numbers that its page shows."""

import json
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats

from poolwise.errors import InputError
from poolwise.targets import description, is_file

GROUPS = ("posterior", "posterior_predictive", "log_likelihood", "observed_data", "constant_data")
CELL = ("project", "context", "arm")
MOST = 2_000
"""Cells that leave-one-out is computed for: of more, an even selection."""
NOT_SCALES = (*CELL, "chain", "draw")


class LeftOut(NamedTuple):
    """Every cell predicted from all the others, by reweighting the draws (PSIS-LOO; Vehtari, Gelman, Gabry 2017)."""

    elpd: float
    error: float
    k: np.ndarray
    """(cells,) Pareto shape: above 0.7 the reweighting of that cell cannot be trusted."""
    pit: np.ndarray
    """(cells,) probability of a smaller mean outcome than the observed one; uniform if calibrated."""
    outcomes: np.ndarray
    """(cells,) in each."""


def opened(path: str | Path) -> xr.DataTree:
    """Every group of the file. Raises InputError for a file that no refit wrote."""
    if not is_file(path):
        raise InputError(f"there is no file {description(path)}: `poolwise refit` writes one")
    try:
        data = xr.open_datatree(path, engine="h5netcdf")
        missing = [name for name in GROUPS if name not in data]
        about(data)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is no file of a refit ({_first_line(error)}): `poolwise refit` writes one") from error
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}: it is no file that a whole refit wrote")
    return data


def of_groups(groups: dict[str, xr.Dataset]) -> xr.DataTree:
    """The same of datasets that were not written anywhere."""
    return xr.DataTree.from_dict(groups)


def about(data: xr.DataTree) -> dict[str, Any]:
    """What the file says of its snapshot."""
    return dict(json.loads(data.posterior.attrs["about"]))


def cells(data: xr.DataTree) -> pd.DataFrame:
    """A row per cell: project, context, arm, count, observed, mean, sd, low, high (90 % interval of theta)."""
    theta = data.posterior["theta"].stack(sample=("chain", "draw"))
    low, high = (theta.quantile(q, dim="sample") for q in (0.05, 0.95))
    columns = {
        "count": data.constant_data["count"],
        "observed": data.observed_data["mean"],
        "mean": theta.mean("sample"),
        "sd": theta.std("sample"),
        "low": low,
        "high": high,
    }
    index = pd.MultiIndex.from_product([data.posterior[kind].values for kind in CELL], names=CELL)
    return pd.DataFrame({name: np.asarray(value).ravel() for name, value in columns.items()}, index=index).reset_index()


def predicted(data: xr.DataTree) -> pd.DataFrame:
    """A row per seen cell: count, observed, low, middle, high: 5, 50 and 95 % of the replicated mean outcomes."""
    drawn = np.asarray(data.posterior_predictive["mean"], dtype=np.float64)
    seen = _seen(data)
    low, middle, high = np.quantile(drawn[..., seen].reshape(-1, int(seen.sum())), [0.05, 0.5, 0.95], axis=0)
    count, observed = (np.asarray(part)[seen] for part in (data.constant_data["count"], data.observed_data["mean"]))
    return pd.DataFrame({"count": count, "observed": observed, "low": low, "middle": middle, "high": high})


def success(data: xr.DataTree) -> pd.DataFrame:
    """Chance of success as believed, in ten groups of tried cells from the lowest up: believed, observed, outcomes."""
    chance = np.asarray(data.posterior["chance"].mean(("chain", "draw"))).ravel()
    tried, won = (np.asarray(part).ravel() for part in (data.constant_data["tried"], data.observed_data["successes"]))
    rows = pd.DataFrame({"believed": chance * tried, "observed": won, "outcomes": tried, "chance": chance})
    rows = rows[rows["outcomes"] > 0].sort_values("chance")
    group = np.minimum(10 * (rows["outcomes"].cumsum() - 1) // rows["outcomes"].sum(), 9).astype(int)
    sums = rows.groupby(np.asarray(group))[["believed", "observed", "outcomes"]].sum()
    return sums.assign(believed=sums["believed"] / sums["outcomes"], observed=sums["observed"] / sums["outcomes"])


def left_out(data: xr.DataTree) -> LeftOut:
    """PSIS-LOO over cells, and where each observed mean falls among the predictions without it."""
    likelihood = np.asarray(data.log_likelihood["mean"], dtype=np.float64)
    likelihood = likelihood.reshape(-1, likelihood.shape[-1]).T
    chosen = np.arange(0, len(likelihood), max(1, -(-len(likelihood) // MOST)))
    weights, k = _smoothed(likelihood[chosen])
    pointwise = np.logaddexp.reduce(weights + likelihood[chosen], axis=1)
    seen = _seen(data)
    drawn = np.asarray(data.posterior_predictive["mean"])[..., seen].reshape(-1, len(likelihood)).T[chosen]
    observed = np.asarray(data.observed_data["mean"])[seen][chosen]
    pit = (np.exp(weights) * (drawn <= observed[:, None])).sum(axis=1)
    share = len(likelihood) / len(chosen)
    elpd, error = float(pointwise.sum() * share), float(np.sqrt(len(likelihood) * pointwise.var()))
    return LeftOut(elpd, error, k, pit, np.asarray(data.constant_data["count"])[seen][chosen])


def _smoothed(likelihood: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log weights (cells, draws) that leave each cell out, and the Pareto shape of their tail: infinite, and the
    weights as they are, where the draws are too few or too much alike to fit one."""
    weights = -likelihood - np.logaddexp.reduce(-likelihood, axis=1, keepdims=True)
    k = np.full(len(weights), np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # High Pareto k: the page shows them.
        for cell, one in enumerate(likelihood):
            with suppress(IndexError, ValueError):
                weights[cell], k[cell] = array_stats.psislw(one)
    return weights, k


def scales(group: Any) -> dict[str, np.ndarray]:
    """Draws (chain, draw) of every scale in posterior or prior, by name; vectors by element."""
    found: dict[str, np.ndarray] = {}
    for name, variable in group.data_vars.items():
        if not str(name).startswith(("tau_", "sigma", "spread", "kappa_")):
            continue
        values = np.asarray(variable, dtype=np.float64)
        flat = values.reshape(*values.shape[:2], -1)
        labels = (
            [str(one) for one in variable.coords[variable.dims[2]].values]
            if _labelled(variable)
            else range(flat.shape[2])
        )
        many = values.ndim > 2
        found |= {f"{name}[{label}]" if many else str(name): flat[:, :, i] for i, label in enumerate(labels)}
    return found


def _labelled(variable: Any) -> bool:
    return len(variable.dims) == 3 and variable.dims[2] in variable.coords


def _seen(data: xr.DataTree) -> np.ndarray:
    return np.asarray(data.constant_data["count"]) > 0


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
