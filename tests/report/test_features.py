"""The page's part about features, and the figure of one."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures are tested where their extra is installed: pip install '.[report]'")
from poolwise import plot
from poolwise.engine import Engine, Settings
from poolwise.errors import InputError
from poolwise.posterior.features.effects import FeatureEffects
from poolwise.posterior.posterior import Posterior
from poolwise.report.features import features_section
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("fast")], "default")
INLINE = Settings(estimate="inline", backend="numpy")


@pytest.fixture
def engine(monkeypatch):
    made = Engine.open("memory://", SPACE, seed=2, settings=INLINE, features={"a<b": {"log": True}, "dull": {}})
    many = made.decide_many("p", "c", features={"a<b": 1.5 ** np.arange(40), "dull": 3})
    made.observe_many(many.id, utility=np.random.default_rng(1).normal(size=40))
    slopes = FeatureEffects(np.array([1.0, 0.0]), np.array([[0.0, 0.3], [0.0, 0.0]]), np.zeros((2, 2)))
    monkeypatch.setattr(Posterior, "feature_effects", lambda self: slopes)
    return made


def test_the_section_shows_what_matters_with_names_escaped(engine):
    page = features_section(engine)
    assert page.count("<figure>") == 1
    assert "a&lt;b" in page
    assert "<b " not in page
    assert features_section(Engine.open("memory://", SPACE)) == ""


def test_the_figure_has_a_line_for_every_arm_over_a_log_axis(engine):
    axes = plot.feature(engine)
    assert axes.get_xlabel() == "a<b"
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"default", "fast"}


def test_a_figure_of_nothing_is_refused(engine):
    with pytest.raises(InputError, match="'size' is a number: there are a<b, dull"):
        plot.feature(engine, "size")
    with pytest.raises(InputError, match="no two jobs"):
        plot.feature(engine, "dull")
    with pytest.raises(InputError, match="no feature explains anything yet"):
        plot.feature(Engine.open("memory://", SPACE))
