"""The database of keys of a service, for the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poolwise.store.accounts import Accounts

FIRST = "administrator"
"""Name of the key that a service without any makes for itself."""


def first_key(keys: str) -> str | None:
    """The text of a first administrator's key, where there is none yet; it is shown this once."""
    accounts = Accounts(keys)
    try:
        return None if accounts.every() else accounts.add(FIRST, "admin")[1]
    finally:
        accounts.close()


def default_keys(files: Sequence[str]) -> str:
    """Beside the first configuration file."""
    return f"sqlite:///{Path(files[0]).resolve().parent / 'service.db'}"


def listed(keys: str) -> list[dict[str, Any]]:
    """Every key, without its hash."""
    accounts = Accounts(keys)
    try:
        return [{name: value for name, value in key._asdict().items() if name != "hash"} for key in accounts.every()]
    finally:
        accounts.close()
