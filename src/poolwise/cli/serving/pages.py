"""report and log: what was decided, and a page that says what it came to."""

import time
from pathlib import Path
from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, looking, print_json, records, say
from poolwise.extras import require
from poolwise.targets import target


def report(
    file: Annotated[
        Path | None, typer.Argument(help="What a refit wrote (netCDF): a page about that refit instead.")
    ] = None,
    output: Annotated[Path, typer.Option(metavar="FILE", help="Page to write (HTML).")] = Path("report.html"),
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Make a page of any store: what was saved, what was learned, what it cost, and whether to trust it.

    Of a refit's file: what the gate checked, and plots that say whether they look good; exit status 1 if it was
    rejected.

    Example: `poolwise report --store sqlite:///poolwise.db --output report.html`
    """
    target(output, "report")
    if file is not None:
        return _refit(file, output, as_json)
    require("matplotlib")
    from poolwise.cli import printing
    from poolwise.cli.progress import progress
    from poolwise.report.store_page import write_store_page

    with looking(config, store) as opened, progress(quiet=as_json) as step:
        tables = write_store_page(output, [opened], step)
    if as_json:
        print_json({"report": str(output), **{name: records(rows) for name, rows in tables.items()}})
    else:
        printing.print_table(tables["totals"], "What it came to")
        say(f"report: {output}")
    return 0


def _refit(file: Path, output: Path, as_json: bool) -> int:
    require("arviz_stats", "matplotlib")
    from poolwise.report.diagnostics.page import write_diagnostics

    body = write_diagnostics(output, file)
    if as_json:
        print_json({"file": str(file), **body})
    else:
        say("\n".join(f"{one['plot']:>12}  {one['sentence']}" for one in body["plots"]))
        say(f"report: {output} ({body['status']}: {body['reason']})")
    return 0 if body["status"] == "serving" else 1


def log(
    last: Annotated[int, typer.Option(min=1, help="So many decisions, the newest.")] = 20,
    project: Annotated[str | None, typer.Option(help="Only of this project.")] = None,
    context: Annotated[str | None, typer.Option(help="Only of this context.")] = None,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List decisions with their outcomes, the newest last.

    Example: `poolwise log --last 50 --project mathlib`
    """
    from poolwise.cli import printing
    from poolwise.engine.insight import trials

    with looking(config, store) as opened:
        table = trials.log(opened.store, last, project, context)
    if as_json:
        print_json(records(table))
        return
    when = [time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one)) for one in table["time"]]
    printing.print_table(table.assign(time=when).drop(columns="job"), "Decisions")
