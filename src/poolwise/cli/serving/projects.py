"""projects and similar: what each project is like, in what it differs, and which are like it."""

from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, looking, print_json, records, say
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
    from poolwise.cli import printing
    from poolwise.report.projects.tables import clear

    with looking(config, store) as opened:
        table, personal = opened.projects(), opened.across.deviations()
    if project is not None and project not in set(table["project"]):
        raise InputError(f"no project {project!r} in this store: it has {', '.join(table['project']) or 'none'}")
    if project is not None:
        personal = personal[personal["project"] == project]
    differences = clear(personal, top)
    if as_json:
        print_json({"projects": records(table), "differences": records(differences)})
        return
    printing.print_table(table, "Projects")
    if len(differences):
        printing.console.print()
        printing.print_table(differences, "Better or worse here than elsewhere: factor on the speed-up, 90 % interval")


def similar(
    project: Annotated[str, typer.Argument(metavar="PROJECT")],
    top: Annotated[int, typer.Option(min=1, help="So many neighbours.")] = 5,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """The projects most like one, with the evidence, and what they would recommend to it.

    Example: `poolwise similar mathlib`
    """
    from poolwise.cli import printing
    from poolwise.report.projects.tables import recommended

    with looking(config, store) as opened:
        found = opened.across.similar(project)
    neighbours, advice = found.neighbours.head(top), recommended(found.recommended)
    if as_json:
        print_json({"neighbours": records(neighbours), "recommended": records(advice)})
        return
    if not len(neighbours):
        say(f"no other project has tried an arm in a context in which {project} has tried it too")
        return
    printing.print_table(neighbours, f"Projects like {project}")
    printing.console.print()
    printing.print_table(advice, "What they would recommend: speed-up in their own jobs, and what is believed here")
