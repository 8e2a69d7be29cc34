"""The page of a refit: every plot has its sentence, and the sentence says so when something is wrong."""

import json
import re

import numpy as np
import pytest
import xarray as xr

from poolwise.errors import InputError
from poolwise.report import palette
from poolwise.report.diagnostics import inference
from poolwise.report.diagnostics.captions import sections
from poolwise.report.diagnostics.page import page, plain, write_diagnostics
from poolwise.report.diagnostics.section import diagnostics_section
from tests.refit.problems import engine


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("refit") / "fast.nc"
    assert engine(400).refit(save=path).status == "serving"
    return path


def with_chains(file, *, apart=0.0, stuck=0.0, diverging=0.0, heavy=1.0):
    """The fast refit's file as if chains had been run: scales, energies and divergences of four of them."""
    data, random = inference.opened(file), np.random.default_rng(1)
    shape = (data.posterior.sizes["chain"], data.posterior.sizes["draw"])
    steps = random.standard_normal(shape)
    for i in range(1, shape[1]):
        steps[:, i] = stuck * steps[:, i - 1] + np.sqrt(1 - stuck**2) * steps[:, i]
    tau = xr.DataArray(np.exp(0.3 * steps + apart * np.arange(shape[0])[:, None] - 2), dims=("chain", "draw"))
    prior = xr.DataArray(np.exp(0.5 * random.standard_normal((1, 200)) - 1.5), dims=("chain", "draw"))
    energy = xr.DataArray(random.standard_normal(shape).cumsum(axis=1) if heavy > 1 else random.standard_normal(shape),
                          dims=("chain", "draw"))  # fmt: skip
    wild = xr.DataArray(random.uniform(size=shape) < diverging, dims=("chain", "draw"))
    data["posterior"] = data.posterior.assign(tau_cell=tau)
    data["prior"] = xr.DataTree(xr.Dataset({"tau_cell": prior}))
    data["sample_stats"] = data.sample_stats.assign(energy=energy, diverging=wild)
    return {one.name: one for one in sections(data)}


ALL = ["rank", "trace", "energy", "scales", "forest", "shrinkage", "predictive", "calibration", "loo", "success"]


def test_every_plot_has_one_sentence_on_what_good_looks_like(file):
    made = with_chains(file)
    assert list(made) == ALL
    for one in made.values():
        assert re.fullmatch(r"Good looks like .*; <strong>here it does( not)?</strong>: .*\.", one.sentence)
        assert ("here it does<" in one.sentence) == one.good
    assert all(made[name].good for name in ("rank", "trace", "energy", "scales", "predictive", "calibration"))


@pytest.mark.parametrize(
    ("trouble", "plot"),
    [
        ({"apart": 1.0}, "rank"),
        ({"stuck": 0.999}, "trace"),
        ({"diverging": 0.1}, "trace"),
        ({"heavy": 2.0}, "energy"),
        ({"apart": 3.0}, "scales"),
    ],
)
def test_trouble_is_said_under_its_plot(file, trouble, plot):
    assert not with_chains(file, **trouble)[plot].good


def test_intervals_that_are_too_narrow_are_said(file):
    data = inference.opened(file)
    drawn = data.posterior_predictive["mean"]
    middle = drawn.mean(("chain", "draw"))
    data.posterior_predictive["mean"] = drawn - 0.95 * (drawn - middle)
    made = {one.name: one for one in sections(data)}
    assert not made["predictive"].good
    assert "too narrow" in made["calibration"].sentence


def test_chances_that_are_wrong_are_said(file):
    data = inference.opened(file)
    data.posterior["chance"] = data.posterior["chance"] * 0.5
    assert not {one.name: one for one in sections(data)}["success"].good


def test_the_page_holds_everything_itself(file, tmp_path):
    body = write_diagnostics(tmp_path / "page.html", file)
    text = (tmp_path / "page.html").read_text()
    assert (body["status"], body["reason"]) == ("serving", "asked for")
    assert text.count("<svg") == len(body["plots"]) == 6
    assert not re.search(r"(src|href)=\"(https?:)?//|@import|url\((?!#)", text)
    assert all(one["sentence"] in plain(text).replace("<p>", "") for one in body["plots"])
    json.dumps(body)


def test_names_and_reasons_are_escaped(file):
    data = inference.opened(file)
    about = inference.about(data) | {"status": "rejected", "reason": "<b>bad</b>"}
    data.posterior.attrs["about"] = json.dumps(about)
    text = page(data, [], "x.nc")
    assert "&lt;b&gt;bad" in text
    assert "rejected and never served" in text


def test_files_of_no_refit(tmp_path):
    (tmp_path / "a.nc").write_text("no")
    xr.Dataset({"theta": ("x", [1.0])}).to_netcdf(tmp_path / "b.nc", group="posterior", engine="h5netcdf")
    for name in ("none.nc", "a.nc", "b.nc"):
        with pytest.raises(InputError, match="`poolwise refit` writes one"):
            inference.opened(tmp_path / name)


def test_a_run_shows_whether_its_belief_can_be_trusted():
    text = diagnostics_section(engine(300).problem())
    assert "it passes every one of them" in text
    assert text.count("<svg") == text.count("Good looks like") == 4


def test_without_outcomes_there_is_nothing_to_trust():
    assert diagnostics_section(engine(0).problem()) == ""


@pytest.mark.parametrize("draws", [4, 24])
def test_draws_too_few_for_a_pareto_tail_are_said(draws, tmp_path):
    engine(60).refit(save=tmp_path / "few.nc", chains=1, draws=draws)
    found = inference.left_out(inference.opened(tmp_path / "few.nc"))
    assert np.isinf(found.k).all()
    assert np.isfinite(found.elpd)
    assert not {one.name: one for one in sections(inference.opened(tmp_path / "few.nc"))}["loo"].good


def test_ticks_of_logarithmic_axes_are_plain_numbers():
    axes = palette.figure(2).subplots()
    palette.logarithmic(axes, "x")
    axes.set_xlim(0.5, 2000)
    axes.figure.canvas.draw()
    assert {text.get_text() for text in axes.get_xticklabels()} >= {"1", "10", "100", "1000"}
