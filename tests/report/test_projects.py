"""The page's part about projects: complete, escaped, and true to its numbers."""

import numpy as np
import pandas as pd
import pytest

from poolwise.engine import Engine
from poolwise.engine.insight.trials import trials
from poolwise.report.page import page
from poolwise.report.projects.section import factor_map, forest, projects_section
from poolwise.report.projects.tables import clear
from poolwise.report.tables import summary
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("fast"), Family("slow")], "default")


def run(gains, decisions=30):
    """gains: project -> context -> utility of the three arms, one project after another."""
    engine, rng = Engine.open("memory://", SPACE, seed=2), np.random.default_rng(0)
    for project, contexts in gains.items():
        for number in range(decisions):
            context = list(contexts)[number % len(contexts)]
            made = engine.decide(project, context)
            engine.store.append_record(
                "measurement", {"decision": made.id, "wall": 1.0, "baseline_wall": 1.5, "detail": ""}
            )
            gain = contexts[context][("default", "fast", "slow").index(made.arm)]
            engine.observe(made.id, cost=float(np.exp(-gain + 0.1 * rng.normal())), baseline_cost=1.0)
    return engine


@pytest.fixture(scope="module")
def clusters():
    """Six projects of two kinds that want opposite arms everywhere."""
    one, other = [0.0, 0.8, -0.8], [0.0, -0.8, 0.8]
    kinds = [one, other, one, other, one, other]
    return run({f"<p{k}>": {"x": kind, "y": kind, "z": kind} for k, kind in enumerate(kinds)})


def test_the_part_is_complete_and_goes_into_the_page(clusters):
    table = trials(clusters.store)
    text = projects_section(table, clusters)
    assert text.count("<h2>") == 2
    assert text.count("<svg") >= 1
    assert "&lt;p0&gt;" in text
    assert "<p0>" not in text
    whole = page(table, clusters.beliefs(), summary(table, clusters.beliefs(), [clusters]), "", text)
    assert text in whole


def test_what_is_called_clear_excludes_no_difference(clusters):
    found = clear(clusters.across.deviations(), 2)
    assert len(found)
    assert ((found["low"] > 1) | (found["high"] < 1)).all()
    assert (found.groupby("project").size() <= 2).all()
    assert forest(found).axes[0].get_yticklabels()


def test_the_map_has_every_project():
    for factors in (1, 2):
        columns = {f"{name}_{k + 1}": [0.5, -0.5] for k in range(factors) for name in ("u", "sd")}
        made = factor_map(pd.DataFrame({"project": ["a", "b"], **{n: np.abs(v) for n, v in columns.items()}}))
        assert {text.get_text() for text in made.axes[0].texts} == {"a", "b"}


def test_one_project_has_no_such_part():
    engine = run({"alone": {"x": [0.0, 0.5, 0.1]}}, 5)
    assert projects_section(trials(engine.store), engine) == ""


def test_two_projects_that_share_no_context():
    engine = run({"a": {"x": [0.0, 0.5, 0.1]}, "b": {"y": [0.0, 0.5, 0.1]}}, 6)
    text = projects_section(trials(engine.store), engine)
    assert "No common pattern" in text
    assert "nan" not in text.lower().replace("nanmean", "")
