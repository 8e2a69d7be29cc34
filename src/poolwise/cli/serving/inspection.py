"""status, beliefs, explain, export: looking at what was done and learned, changing nothing."""

import os
from pathlib import Path
from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, looking, print_json, records, say
from poolwise.errors import InputError
from poolwise.targets import target


def status(config: ConfigOption = CONFIG, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Counts of events, how far learning has come in every context, and what is limited there and why.

    Example: `poolwise status --json`
    """
    from poolwise.cli import printing

    with looking(config, store) as opened:
        body, places = opened.status(), opened.overview()
        meant = body.pop("goal", None) or opened.across.goal()  # A service says it by itself.
    if as_json:
        print_json({**body, **places, "goal": meant})
        return
    for name, value in body.items():
        say(f"{name:>16}  {value}")
    say(f"\n{meant['sentence']}")
    printing.print_overview(places)


def beliefs(
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    context: Annotated[str | None, typer.Option(help="Only this context.")] = None,
    top: Annotated[int, typer.Option(min=1, help="The best so many arms of each.")] = 3,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is believed of the arms, best first: speed-up over the baseline with its 90 % interval.

    Example: `poolwise beliefs --project mathlib --top 5`
    """
    from poolwise.cli import printing
    from poolwise.engine.state.tables import log_speeds
    from poolwise.report.tables import best

    with looking(config, store) as opened:
        table = log_speeds(opened.beliefs(project, context), opened.settings.known_objective)
    if as_json:
        print_json(records(best(table, top)))
    else:
        printing.print_table(best(table, top), "What is believed")


def explain(
    decision: Annotated[int, typer.Argument(metavar="ID")],
    replay: Annotated[bool, typer.Option("--replay", help="Make it again from the log and compare every bit.")] = False,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Why a decision was made, in plain words.

    Example: `poolwise explain 17 --replay`
    """
    with looking(config, store) as opened:
        body = opened.explain(decision, replay=replay)
    same = not replay or body["replay"]["same"]
    if as_json:
        print_json(body)
    else:
        say("\n".join(body["sentences"]))
        if replay:
            say("Made again from the log: " + ("the same, bit for bit." if same else "DIFFERENT."))
    return 0 if same else 1


def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if missing.")],
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write trials.parquet (a row per decision with its outcome) and beliefs.parquet.

    Example: `poolwise export out/`
    """
    if os.path.isfile(folder):
        raise InputError(f"{folder} is a file: name a folder to export to")
    for name in ("trials", "beliefs"):
        target(folder / f"{name}.parquet", "Parquet file", make=True)
    with looking(config, store) as opened:
        tables = {"trials": opened.trials(), "beliefs": opened.beliefs()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
    except OSError as error:
        raise InputError(f"cannot export to {folder}: {error.strerror or error}") from error
    written = {f"{name}.parquet": len(table) for name, table in tables.items()}
    if as_json:
        print_json({"folder": str(folder), "rows": written})
    else:
        say(f"{folder}: " + ", ".join(f"{name} ({rows} rows)" for name, rows in written.items()))
