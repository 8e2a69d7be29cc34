"""migrate: a whole store moved to another database."""

from typing import Annotated

import typer

from poolwise.cli.common import JsonOption, print_json, say


def migrate(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Address of the store, as for --store.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Address where no store may be yet.")],
    as_json: JsonOption = False,
) -> None:
    """Move a store to another database: every row, counted and compared at the other end, all or nothing. The source
    stays as it is; stop what writes to it before.

    Example: `poolwise migrate sqlite:///poolwise.db postgresql://poolwise@db/jobs?workspace=mathlib`
    """
    from poolwise.store.transfer import transfer

    found = transfer(source, target)
    if as_json:
        print_json({"tables": found})
        return
    rows, events = sum(table.rows for table in found.values()), [found[kind].rows for kind in ("decision", "outcome")]
    say(f"{events[0]:,} decisions, {events[1]:,} outcomes; {rows:,} rows in all, each the same at the other end")
