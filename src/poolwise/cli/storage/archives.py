"""archive: the outcomes of a store as Parquet by workspace and day."""

from pathlib import Path
from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, print_json, say, store_url
from poolwise.errors import InputError


def archive(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the partitions lie; made if missing.")],
    verify: Annotated[bool, typer.Option("--verify", help="Only read every partition and compare checksums.")] = False,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the outcomes that came since the last time as Parquet, by workspace and day of the decision, for
    `poolwise refit --from FOLDER`. Nothing leaves the store. A late outcome reopens its day only.

    Example: `poolwise archive archive/`
    """
    from poolwise.store import path_of
    from poolwise.store.addresses import SERVER
    from poolwise.store.partitions import archive as archived

    if verify:
        _verify(folder, as_json)
        return
    url = store_url(config, store)
    if path_of(url) is None and not url.startswith(SERVER):
        raise InputError(f"the store {url} lives in memory: only one in a file or on a server is archived")
    found = archived(url, folder.resolve())
    if as_json:
        print_json(found._asdict())
        return
    reopened = f", {len(found.reopened)} of them reopened" if found.reopened else ""
    say(f"workspace {found.workspace}: {found.rows:,} outcomes into {len(found.days)} days{reopened}")


def _verify(folder: Path, as_json: bool) -> None:
    from poolwise.store import manifest

    count = 0
    for path in sorted(folder.glob(f"workspace=*/{manifest.NAME}")):
        for day, partition in manifest.read(path.parent).partitions.items():
            manifest.check(path.parent, day, partition)
            count += 1
    if not count:
        raise InputError(f"{folder} holds no partition: `poolwise archive {folder}` writes some")
    if as_json:
        print_json({"partitions": count})
    else:
        say(f"{count} partitions are what was written")
