"""The configuration that a store was last served with, kept in it: whoever only looks needs no file."""

from poolwise.config import Config, from_tables
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import ConfigError
from poolwise.store import Store, open_store

KIND = "configuration"


def remember(store: Store, config: Config) -> None:
    """Keep it, unless it is what was kept last. Where the store is has no part in it."""
    body = config.model_dump(mode="json", exclude_defaults=True, exclude={"run": {"store"}})
    if store.records(KIND)[-1:] != [{"tables": body}]:
        store.append_record(KIND, {"tables": body})


def remembered(url: str) -> Config | None:
    """Of the store at `url`, with that store; None where none was kept. Raises StoreError, and InputError where there
    is no such store."""
    store = open_store(url, create=False, look=True)
    try:
        kept = damaged_records.usable(store, KIND)
    finally:
        store.close()
    if not kept:
        return None
    try:
        config = from_tables(kept[-1]["tables"])
    except ConfigError:  # of another version
        return None
    return config.model_copy(update={"run": config.run.model_copy(update={"store": url})})
