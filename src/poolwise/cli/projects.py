"""projects: what each project is like, in what it differs, what it gave and took."""

from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, engine, print_json, records
from poolwise.errors import InputError


def projects(
    project: Annotated[str | None, typer.Option(help="In what this one differs, in full.")] = None,
    top: Annotated[int, typer.Option(min=1, help="So many differences of each.")] = 3,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """What every project is like, which arms are better or worse in it than elsewhere, what it gave and took.

    Example: `poolwise projects --project mathlib --top 10`
    """
    from poolwise.cli import show
    from poolwise.report.projects import clear

    with engine(config, store) as opened:
        table, personal = opened.projects(), opened.deviations()
    if project is not None and project not in set(table["project"]):
        raise InputError(f"no project {project!r} in this store: it has {', '.join(table['project']) or 'none'}")
    if project is not None:
        personal = personal[personal["project"] == project]
    differences = clear(personal, top)
    if as_json:
        print_json({"projects": records(table), "differences": records(differences)})
        return
    show.print_table(table, "Projects")
    if len(differences):
        show.console.print()
        show.print_table(differences, "Better or worse here than elsewhere: factor on the speed-up, 90 % interval")
