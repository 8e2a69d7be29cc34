"""One self-contained page about a refit: what the gate checked, and plots that say whether to trust it."""

import html
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from poolwise.errors import InputError
from poolwise.report.diagnostics import inference
from poolwise.report.diagnostics.captions import Section, sections
from poolwise.report.page import as_html, asset
from poolwise.report.palette import svg
from poolwise.targets import target


def write_diagnostics(path: str | Path, source: str | Path) -> dict[str, Any]:
    """Write the page of a refit's netCDF file. Returns what it says: status, reason, and every plot with its sentence.

    Raises InputError for a file that is none of a refit's, or that cannot be written.
    """
    file = target(path, "report")
    data = inference.opened(source)
    made = sections(data)
    try:
        file.write_text(page(data, made, str(source)), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the report {path}: {error.strerror}") from error
    about = inference.about(data)
    plots = [{"plot": one.name, "good": one.good, "sentence": plain(one.sentence)} for one in made]
    return {"report": str(path), "status": about["status"], "reason": about["reason"], "plots": plots}


def page(data: xr.DataTree, made: list[Section], source: str) -> str:
    """The page as HTML."""
    about = inference.about(data)
    serves = about["status"] == "serving"
    lead = (
        "It passed the gate and serves." if serves else f"It was rejected and never served: {about['reason']}."
    ) + " Every plot below comes with one sentence on what good looks like, and whether this one does."
    good = sum(one.good for one in made)
    figures = [
        (about["method"], "method"),
        (f"{about['diagnostics']['rows']:,}", "outcomes"),
        (f"{about['diagnostics']['seconds']:.1f} s", "taken"),
        (f"{good} of {len(made)}", "plots look as they should"),
    ]
    return asset("diagnostics.html").substitute(
        style=asset("style.css").template,
        lead=html.escape(lead),
        figures="".join(f"<div><dd>{html.escape(value)}</dd><dt>{what}</dt></div>" for value, what in figures),
        gate=as_html(gate_table(about)),
        sections="\n".join(as_section(one) for one in made),
        file=html.escape(Path(source).name),
    )


def as_section(one: Section, level: int = 2) -> str:
    """Heading, plot, and the sentence under it."""
    heading = f"<h{level}>{html.escape(one.title)}</h{level}>"
    return f"{heading}\n<figure>{svg(one.figure, one.name)}</figure>\n<p>{one.sentence}</p>"


def gate_table(about: dict[str, Any]) -> pd.DataFrame:
    """check, value, must be, passed: a row per check, in words."""
    rows = [
        (one["name"], _figure(one["value"]), one["limit"], "yes" if one["passed"] else "NO")
        for one in about["diagnostics"]["checks"]
    ]
    return pd.DataFrame(rows, columns=["check", "value", "must be", "passed"])


def plain(sentence: str) -> str:
    """Without markup."""
    return html.unescape(sentence.replace("<strong>", "").replace("</strong>", ""))


def _figure(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.3g}"
