"""The part of a run's page that says whether its belief can be trusted: the gate's figures, and what it predicts."""

from typing import Any

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.refit import gate
from poolwise.refit.draws import inference_data
from poolwise.refit.gate_thresholds import DEFAULT_THRESHOLDS
from poolwise.refit.methods import closed_form
from poolwise.refit.options import Options
from poolwise.report.diagnostics import inference
from poolwise.report.diagnostics.captions import sections
from poolwise.report.diagnostics.page import as_section, gate_table
from poolwise.report.page import as_html

SHOWN = ("predictive", "calibration", "loo", "success")
"""What the rest of a run's page does not show already."""
DRAWS = 250


def diagnostics_section(problem: RefitData) -> str:
    """HTML: a heading, the checks of a fast refit of everything seen, and plots of its predictions."""
    found = closed_form.run(problem, Options(draws=DRAWS))
    if not found.draws.posterior or not problem.stats.count.any():
        return ""
    checks = gate.checks(problem, found, DEFAULT_THRESHOLDS)
    about: dict[str, Any] = {"diagnostics": {"checks": [check._asdict() for check in checks]}}
    data = inference.of_groups(inference_data.groups(problem, found.draws, about))
    plots = "\n".join(as_section(one, 3) for one in sections(data) if one.name in SHOWN)
    wrong = gate.verdict(checks)
    says = "it passes every one of them" if wrong is None else f"it fails: {wrong}"
    return (
        "<h2>Can this belief be trusted?</h2>\n<p>Before a new estimate of everything may serve it has to pass these "
        f"checks; <strong>{says}</strong>.</p>\n{as_html(gate_table(about))}\n{plots}"
    )
