"""init and run: from an empty folder to a finished run with its tables."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolwise.cli.common import CONFIG, JsonOption, StoreOption, configuration, print_json, records, say
from poolwise.errors import InputError, PoolwiseError
from poolwise.extras import require
from poolwise.progress import left
from poolwise.targets import target

if TYPE_CHECKING:
    from poolwise.run import Engines, Plan

EVERY = 50
"""Decisions between two looks at the whole run."""
SECONDS = 10.0
"""Between two lines where nobody watches a terminal."""
TEMPLATE = """\
# Poolwise: what can be chosen, and where events are kept.

[run]
store = "sqlite:///poolwise.db"

[space]
baseline = "default"          # what is used without Poolwise

[space.families.default]

[space.families.search.parameters]
strategy = { type = "choice", values = ["breadth", "depth"] }
restarts = { type = "integer", low = 1, high = 64, log = true, levels = 4 }

[space.families.sample.parameters]
ratio = { type = "real", low = 0.01, high = 1.0, log = true, levels = 5 }

# [engine]
# goal = "best"    # a tuning session, whose best configuration counts; else every decision is a real job ("earn")

# What is known of a job before it is decided, `poolwise decide --feature size=12000`:
# [features.size]
# type = "integer"
# log = true
"""


def init(
    file: Annotated[Path, typer.Argument(help="Configuration to write.")] = Path(CONFIG), as_json: JsonOption = False
) -> None:
    """Write a configuration to start from. A file that is there already is left alone.

    Example: `poolwise init && poolwise decide --project mine --context small`
    """
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(TEMPLATE)
    except FileExistsError:
        raise InputError(f"{file} is there already: edit it, or name another file") from None
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error
    if as_json:
        print_json({"written": str(file)})
    else:
        say(f"{file} written: name your own families and parameters in [space], then `poolwise decide`")


def run(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="What to run (TOML).")],
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with plots (HTML).")] = None,
    sharing: Annotated[bool, typer.Option(help="Share what is learned; or every project alone.")] = True,
    decisions: Annotated[int | None, typer.Option(min=1, help="How many in all, instead of the file's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of jobs and choices, instead of the file's.")] = None,
    parallel: Annotated[int, typer.Option(min=1, help="Jobs that are measured side by side.")] = 1,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Tune a workload live. Interrupt it at any time: the same command goes on where it stopped.

    Example: `poolwise run configs/z3.toml --report report.html`
    """
    settings = configuration(config, store)
    changes = {name: value for name, value in (("decisions", decisions), ("seed", seed)) if value is not None}
    settings = settings.model_copy(update={"run": settings.run.model_copy(update=changes)})
    _writable(report)
    from poolwise.run import distinct, interruptible, open_engines, plan

    began, made = time.perf_counter(), plan(settings)
    with ExitStack() as opened:
        opened.callback(made.workload.close)
        engines = open_engines(made, sharing=sharing)
        for engine in distinct(engines):
            opened.callback(engine.close)
        try:
            with interruptible():
                _go(made, engines, parallel, quiet=as_json)
                body = _finish(made, engines, report, quiet=as_json)
        except KeyboardInterrupt:
            raise PoolwiseError("interrupted: the same command goes on where this run stopped") from None
    if as_json:
        print_json(body | {"seconds": time.perf_counter() - began})
    return 1 if body["contradictions"] else 0


def _go(plan: "Plan", engines: "Engines", parallel: int, *, quiet: bool) -> None:
    from poolwise.cli import printing
    from poolwise.run import run as steps

    if quiet:
        for _ in steps(plan, engines, parallel):
            pass
    elif printing.console.is_terminal:
        _live(plan, engines, steps(plan, engines, parallel))
    else:
        _lines(plan, engines, steps(plan, engines, parallel))


def _lines(plan: "Plan", engines: "Engines", steps: Iterator[Any]) -> None:
    """A line every ten seconds, and a last one."""
    from poolwise.cli import printing

    began = said = time.monotonic()
    first = None
    for step in steps:
        first, now = first or step.done, time.monotonic()
        if now - said >= SECONDS or step.done == plan.decisions:
            said = now
            rest = left(now - began, step.done - first, plan.decisions - step.done)
            table = _results(engines)[0]
            printing.console.print(printing.line(step.done, plan.decisions, table) + rest, soft_wrap=True)


def _live(plan: "Plan", engines: "Engines", steps: Iterator[Any]) -> None:
    from rich.live import Live

    from poolwise.cli import printing
    from poolwise.report.tables import by_context

    (table, beliefs), began, first = _results(engines), time.monotonic(), None
    with Live(console=printing.console, refresh_per_second=8, transient=True) as live:
        for step in steps:
            first = first or step.done
            if step.done % EVERY == 1 or table.empty:
                table, beliefs = _results(engines)
                favourites = by_context(beliefs, table)
            rest = left(time.monotonic() - began, step.done - first, plan.decisions - step.done)
            live.update(printing.progress(step.done, plan.decisions, table, favourites, rest))


def _results(engines: "Engines") -> tuple[Any, Any]:
    """The trials and the beliefs of all engines."""
    from poolwise.engine.insight.trials import of_all
    from poolwise.engine.state.tables import log_speeds
    from poolwise.run import distinct

    return of_all(
        (engine.store, log_speeds(engine.beliefs(), engine.settings.known_objective)) for engine in distinct(engines)
    )


def _finish(plan: "Plan", engines: "Engines", report: Path | None, *, quiet: bool) -> dict[str, Any]:
    from poolwise.cli import printing
    from poolwise.engine.insight.trials import contradictions
    from poolwise.report.tables import summary
    from poolwise.run import distinct

    if report:
        from poolwise.report.store_page import write_store_page
    table, beliefs = _results(engines)
    every = distinct(engines)
    tables = write_store_page(report, every) if report else summary(table, beliefs, every)
    found = [text for engine in every for text in contradictions(engine.store)]
    goals = [engine.across.goal() for engine in every]
    if not quiet:
        printing.print_summary(tables)
        for meant in goals:
            say(f"\n{meant['sentence']}")
        for text in found:
            printing.console.print(text, style="bold red")
        if report:
            printing.console.print(f"\nReport: {report}")
    return {
        "decisions": len(table),
        "sharing": len(every) == 1,
        "contradictions": found,
        "goals": goals,
        "report": str(report) if report else None,
        **{name: records(rows) for name, rows in tables.items()},
    }


def _writable(report: Path | None) -> None:
    """Say before the run, not after it, that the report cannot be written."""
    if report is None:
        return
    require("matplotlib")
    target(report, "report")
