"""The page of any store, or of several that learned apart."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from poolwise.engine import Engine
from poolwise.engine.insight.trials import of_all
from poolwise.engine.state.tables import log_speeds
from poolwise.progress import Progress, silent
from poolwise.report.features import features_section
from poolwise.report.page import write_page
from poolwise.report.projects.section import projects_section
from poolwise.report.recommended import recommended_section
from poolwise.report.tables import summary


def write_store_page(
    path: str | Path, engines: Sequence[Engine], progress: Progress = silent
) -> Mapping[str, pd.DataFrame]:
    """Write the page of what these engines' stores hold; its tables. What compares projects, and says whether to trust
    the belief, needs one engine for all.

    Raises InputError where there is no outcome yet, or the page cannot be written.
    """
    progress("report", 0, 3)
    objective = engines[0].settings.known_objective
    trials, beliefs = of_all((engine.store, log_speeds(engine.beliefs(), objective)) for engine in engines)
    tables, shared = summary(trials, beliefs, engines), engines[0] if len(engines) == 1 else None
    progress("report", 1, 3)
    trusted = trust(shared) if shared and len(trials) else ""
    progress("report", 2, 3)
    parts = (projects_section(trials, shared), recommended_section(shared), features_section(shared)) if shared else ()
    goals = dict.fromkeys(engine.across.goal()["sentence"] for engine in engines)
    write_page(path, trials, beliefs, tables, trusted, "\n".join(parts), objective, " ".join(goals))
    return tables


def trust(engine: Engine) -> str:
    """The page's part on whether the belief can be trusted; empty without ArviZ."""
    if find_spec("arviz_stats") is None:
        return ""
    section = import_module("poolwise.report.diagnostics.section")
    return str(section.diagnostics_section(engine.problem()))
