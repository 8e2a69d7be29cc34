"""forget, withdraw: what should never have been."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, engine, print_json, say
from poolwise.errors import InputError


def forget(
    project: Annotated[str, typer.Option(help="What is to be forgotten.")],
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a project for good, its events, views and names, and believe as if it had never been. Backups and archives
    that hold it are yours to delete.

    Example: `poolwise forget --project mathlib`
    """
    with engine(config, store) as opened:
        found = opened.forget(project)
    if as_json:
        print_json(found)
    else:
        say(f"{found['decisions']:,} decisions, {found['outcomes']:,} outcomes and {found['views']:,} views are gone")


def withdraw(
    pack: Annotated[str | None, typer.Option(help="Name of a prior pack that was imported.")] = None,
    decisions: Annotated[str | None, typer.Option(metavar="A..B", help="Outcomes of these decisions.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Outcomes reported from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Outcomes reported before.")] = None,
    project: Annotated[str | None, typer.Option(help="Outcomes of this project.")] = None,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back an imported pack, or the outcomes for which all that is given holds, and believe as if they had never
    been. TIME: as 2026-11-30T13:00 (UTC unless it says otherwise), or seconds since 1970.

    Example: `poolwise withdraw --decisions 1200..1450 --project mathlib`
    """
    ids = None if decisions is None else _range(decisions)
    with engine(config, store) as opened:
        found = opened.withdraw(
            pack=pack, decisions=ids, since=_time("since", since), until=_time("until", until), project=project
        )
    if as_json:
        print_json(found)
    else:
        say(f"the pack {pack} is taken back" if pack is not None else f"{found['outcomes']:,} outcomes are taken back")


def _range(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    try:
        return int(first), int(last if dots else first)
    except ValueError:
        raise InputError(f"decisions {text!r} must be ids, first and last, for instance 1200..1450") from None


def _time(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--{name} {text!r} must be a time such as 2026-11-30T13:00, or seconds since 1970") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
