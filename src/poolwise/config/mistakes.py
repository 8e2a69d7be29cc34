"""What a mistake in a configuration file is: one line that says where it stands and what was probably meant."""

import difflib
from collections.abc import Mapping

from pydantic_core import ErrorDetails

from poolwise.config.tables import (
    Config,
    ConservativeTable,
    CoverageTable,
    DriftTable,
    EngineTable,
    ExplorationTable,
    FamilyTable,
    ModelTable,
    PolicyTable,
    QuarantineTable,
    Run,
    SafetyTable,
    Space,
    Table,
)
from poolwise.errors import nearest


def explained(error: ErrorDetails, source: str) -> str:
    """One line on what pydantic found in the file `source`."""
    *tables, name = [str(part) for part in error["loc"]]
    place = f"in [{'.'.join(tables)}] of {source}" if tables else f"in {source}"
    if error["type"] == "extra_forbidden":
        return f"unknown key {name!r} {place}{_suggestion(tables, name)}"
    if error["type"] == "missing":
        return f"key {name!r} is missing {place}: add it"
    return f"{name} = {error['input']!r} {place} is wrong: {error['msg'].lower()}"


def _suggestion(tables: list[str], name: str) -> str:
    """What could have been meant: a key of the same table, or else the table that has such a key."""
    here, top = _fields(tables), _fields([])
    if difflib.get_close_matches(name, here, n=1):
        return nearest(name, here)
    homes = [table for table in top if name in _fields([table])]
    if homes:
        return f": it belongs into [{homes[0]}]"
    return nearest(name, top if difflib.get_close_matches(name, top, n=1) else here)


def _fields(tables: list[str]) -> list[str]:
    models: Mapping[str, type[Table]] = {
        "run": Run,
        "space": Space,
        "policy": PolicyTable,
        "engine": EngineTable,
        "model": ModelTable,
        "safety": SafetyTable,
        "safety.quarantine": QuarantineTable,
        "safety.conservative": ConservativeTable,
        "exploration": ExplorationTable,
        "exploration.coverage": CoverageTable,
        "exploration.drift": DriftTable,
    }
    if not tables:
        return list(Config.model_fields)
    model = FamilyTable if tables[:2] == ["space", "families"] else models.get(".".join(tables), models.get(tables[0]))
    return list(model.model_fields) if model else []
