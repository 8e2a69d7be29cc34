"""Every Python reads what 3.11 (ArviZ 0.23, JAX 0.10) and 3.13 (ArviZ 1.3, JAX 0.12) wrote.

Each file is `engine(40, projects=1, contexts=2).refit(save=..., draws=20, chains=2)` of `tests/refit/problems.py`.
"""

import gzip
import warnings
from pathlib import Path

import pytest

from poolwise.report.diagnostics import inference
from poolwise.report.diagnostics.page import write_diagnostics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ArviZ 0.23 announces 1.0.
    import arviz

FILES = Path(__file__).parent / "files"
BELIEVED = {"python3.11": 5.568429, "python3.13": 5.725774}
"""Sum of the means of all cells, as the Python that wrote the file read it."""
LEFT_OUT = {"python3.11": (-3.14294798, 1.11520985), "python3.13": (-2.54500985, 1.36443391)}
"""Expected log predictive density and largest Pareto shape, by `arviz.psislw` of ArviZ 0.23."""


@pytest.fixture(params=BELIEVED)
def written(request, tmp_path):
    file = tmp_path / "draws.nc"
    file.write_bytes(gzip.decompress((FILES / f"{request.param}.nc.gz").read_bytes()))
    return request.param, file


def test_what_was_believed_is_read(written):
    name, file = written
    table = inference.cells(inference.opened(file))
    assert table["count"].sum() == 35
    assert table["mean"].sum() == pytest.approx(BELIEVED[name], abs=1e-5)


def test_leaving_one_out_gives_the_same_numbers(written):
    name, file = written
    found = inference.left_out(inference.opened(file))
    assert (found.elpd, found.k.max()) == pytest.approx(LEFT_OUT[name], abs=1e-7)


def test_its_page_is_made(written, tmp_path):
    found = write_diagnostics(tmp_path / "page.html", written[1])
    assert found["status"] == "serving"
    assert {one["plot"] for one in found["plots"]} >= {"forest", "predictive", "loo"}


def test_arviz_opens_it(written):
    data = arviz.from_netcdf(written[1])
    assert data.posterior["theta"].dims == ("chain", "draw", "project", "context", "arm")
