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
    """Copy the store, while others write to it, to FILE; check every page, and make sampled decisions again.

    Example: `poolwise backup /backups/monday.db`
    """
    _copy(_place(store_url(config, store)), _place(f"sqlite:///{file}"), as_json)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `poolwise backup` wrote.")],
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a copy back where the store was. A store that is still there has to be moved away first.

    Example: `poolwise restore /backups/monday.db`
    """
    _copy(_place(f"sqlite:///{file}"), _place(store_url(config, store)), as_json)


def _copy(source: Path, target: Path, as_json: bool) -> None:
    from poolwise.store.sqlite.copies import copy

    if not is_file(source):
        raise InputError(f"there is no store {source}: check the path")
    copy(source, target)
    try:
        found = _audited(target)
    except BaseException:
        target.unlink()
        raise
    _say({"file": str(target), "bytes": target.stat().st_size, **found._asdict()}, as_json)


def _audited(path: Path) -> "Audit":
    from poolwise.engine.safeguards.audit import audit
    from poolwise.store import open_store

    store = open_store(f"sqlite:///{path}", look=True)
    try:
        found = audit(store)
    finally:
        store.close()
    if found.different:
        raise StoreDamaged(f"decisions {found.different} came out otherwise when made again: the copy was removed")
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
    say(
        f"{body['file']}: {body['decisions']:,} decisions and {body['outcomes']:,} outcomes, {body['bytes']:,} bytes; "
        f"every page sound, {body['replayed']} decisions made again and the same"
    )
