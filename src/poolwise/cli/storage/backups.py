"""backup and restore: whole copies of a store, made while others use it, and verified."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, print_json, say, store_url
from poolwise.errors import InputError, StoreDamaged
from poolwise.targets import is_file

if TYPE_CHECKING:
    from poolwise.engine.safeguards.audit import Audit


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy is put; nothing may be there.")],
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the store, while others write to it, to FILE, a SQLite file whatever the store is; check every page, and
    make sampled decisions again. Of a server, its own tools (pg_dump) make backups that are restored as they were.

    Example: `poolwise backup /backups/monday.db`
    """
    _copy(store_url(config, store), f"sqlite:///{file}", as_json)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `poolwise backup` wrote.")],
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a copy back where the store was. A store that is still there has to be moved away first.

    Example: `poolwise restore /backups/monday.db`
    """
    _copy(f"sqlite:///{file}", store_url(config, store), as_json)


def _copy(source: str, target: str, as_json: bool) -> None:
    """Between files page by page, else row by row."""
    from poolwise.store.addresses import SERVER, without_password

    file = None if target.startswith(SERVER) else _place(target)
    if file and not source.startswith(SERVER):
        _copy_file(_place(source), file)
    else:
        _transfer(source, target)
    try:
        found = _audited(target)
    except BaseException:
        if file:
            file.unlink()
        raise
    size = file.stat().st_size if file else 0
    _say({"file": str(file or without_password(target)), "bytes": size, **found._asdict()}, as_json)


def _transfer(source: str, target: str) -> None:
    from poolwise.store.transfer import transfer

    transfer(source, target)


def _copy_file(source: Path, target: Path) -> None:
    from poolwise.store.sqlite.copies import copy

    if not is_file(source):
        raise InputError(f"there is no store {source}: check the path")
    copy(source, target)


def _audited(url: str) -> "Audit":
    from poolwise.engine.safeguards.audit import audit
    from poolwise.store import open_store

    store = open_store(url, look=True)
    try:
        found = audit(store)
    finally:
        store.close()
    if found.different:
        raise StoreDamaged(f"decisions {found.different} came out otherwise when made again: do not use the copy")
    return found


def _place(url: str) -> Path:
    from poolwise.store import path_of

    path = path_of(url)
    if path is None:
        raise InputError(f"the store {url} lives in memory: only one in a file can be copied")
    return path


def _say(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(body)
        return
    size, sound = (f", {body['bytes']:,} bytes", "page sound") if body["bytes"] else ("", "row the same")
    say(
        f"{body['file']}: {body['decisions']:,} decisions and {body['outcomes']:,} outcomes{size}; "
        f"every {sound}, {body['replayed']} decisions made again and the same"
    )
