"""The public figures: every one of an engine that has learned, and of one that has not."""

import matplotlib
import pytest
from matplotlib.axes import Axes

import poolwise as pw
from tests.report.test_projects import run

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def engine():
    return run({"one": {"x": [0.0, 0.8, -0.8]}, "two": {"x": [0.0, -0.8, 0.8]}})


@pytest.mark.parametrize("name", pw.plot.__all__)
def test_every_figure_is_axes_or_says_what_is_missing(engine, name):
    if name == "resemblance":
        with pytest.raises(pw.errors.InputError, match="no pattern"):
            pw.plot.resemblance(engine)
        return
    if name == "feature":
        with pytest.raises(pw.errors.InputError, match="no feature"):
            pw.plot.feature(engine)
        return
    found = getattr(pw.plot, name)(engine)
    assert isinstance(found, Axes)
    assert found.lines
    assert found.get_xlabel()
    matplotlib.pyplot.close(found.figure)


@pytest.mark.parametrize("name", pw.plot.__all__)
def test_nothing_to_plot_is_said(name):
    space = pw.ArmSpace([pw.Family("default"), pw.Family("fast")], "default")
    with pw.Engine.open("memory://", space) as empty, pytest.raises(pw.errors.InputError):
        getattr(pw.plot, name)(empty)


def test_the_saved_cost_adds_up(engine):
    trials = engine.trials()
    ends = {str(line.get_ydata()[-1]) for line in pw.plot.saved(engine).lines[:2]}
    parts = trials.assign(saved=trials["baseline_cost"] - trials["cost"]).groupby("project")["saved"]
    assert ends == {str(part.fillna(0.0).cumsum().iloc[-1]) for _, part in parts}
