"""import: a file of another tool as a tidy table."""

from pathlib import Path
from typing import Annotated

import typer

from poolwise.cli.common import JsonOption, print_json, say
from poolwise.cli.estimation.replays import check_target


def import_(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help="hyperfine, pytest-benchmark, benchexec, aslib, kernel-tuner or dsjson."),
    ],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The tool's file, or a folder of such files.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Table to write (Parquet).")],
    project: Annotated[str | None, typer.Option(help="Name of the project, for all rows.")] = None,
    context: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Its first group in a job's name; dsjson: a key of `c`.")
    ] = None,
    job: Annotated[
        list[str] | None, typer.Option(metavar="PARAMETER", help="It says which job it is; may be repeated.")
    ] = None,
    family: Annotated[str | None, typer.Option(metavar="PARAMETER", help="It names the family of an arm.")] = None,
    baseline: Annotated[str | None, typer.Option(metavar="ARM", help="Instead of the kind's own.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a table of what another tool measured: `replay`, `evaluate` and `refit --from` read it.

    Example: `poolwise import hyperfine packing.json --job file -o packing.parquet`
    """
    from poolwise.integrations import importers

    check_target(output, "Parquet file", (".parquet",))
    found = importers.read(
        kind, path, project=project, context=context, jobs=job or (), family=family, baseline=baseline
    )
    found.frame.to_parquet(output, index=False)
    sizes = {name: int(found.frame[name].nunique()) for name in ("unit", "project", "context", "arm")}
    if as_json:
        print_json({"table": str(output), "rows": len(found.frame), **sizes, **found._asdict(), "frame": None})
        return
    say("\n".join(f"note: {note}" for note in found.notes), err=True) if found.notes else None
    counted = ", ".join(f"{count} {name}s" for name, count in sizes.items())
    home = "a log of decisions" if found.baseline is None else f"baseline {found.baseline}"
    say(f"{output}: {len(found.frame)} rows, {counted}; {home}")
