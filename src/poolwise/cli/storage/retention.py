"""retention: old views and events are archived as Parquet and leave the store."""

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, print_json, say, store_url
from poolwise.errors import InputError

_SECONDS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0, "y": 365.25 * 86400.0}


def retention(
    views: Annotated[str | None, typer.Option(metavar="AGE", help="Views older than this, for instance 30d.")] = None,
    events: Annotated[str | None, typer.Option(metavar="AGE", help="Events older than this, for instance 2y.")] = None,
    archive: Annotated[Path | None, typer.Option(help="Folder of the Parquet files.")] = None,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Archive old views and events as Parquet, then prune them. Beliefs keep what they learned; archived decisions can
    no longer be made again, nor be refitted from the store. AGE: a number of h, d, w or y.

    Example: `poolwise retention --views 30d --events 2y`
    """
    from poolwise.store import path_of
    from poolwise.store.addresses import SERVER
    from poolwise.store.partitions import archive as archived
    from poolwise.store.retention import retain

    if views is None and events is None:
        raise InputError("say what may leave: --views 30d, --events 2y, or both")
    now, url = time.time(), store_url(config, store)
    path = path_of(url)
    if path is None and not url.startswith(SERVER):
        raise InputError(f"the store {url} lives in memory: only one in a file or on a server grows old")
    old = [None if age is None else now - _seconds(age) for age in (views, events)]
    place = path.with_name(f"{path.name}.archive") if path else Path("poolwise.archive")
    folder = (archive or place).resolve()
    if events is not None:  # What leaves can still be refitted from.
        archived(url, folder)
    found = retain(url, folder, views=old[0], events=old[1])
    if as_json:
        print_json(found._asdict())
        return
    say(f"{found.views:,} views, {found.decisions:,} decisions and {found.outcomes:,} outcomes left the store")
    for file in found.files:
        say(f"  {file}")


def _seconds(age: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([hdwy])", age)
    if not found:
        raise InputError(f"age {age!r} must be a number of h, d, w or y, for instance 30d")
    return int(found[1]) * _SECONDS[found[2]]
