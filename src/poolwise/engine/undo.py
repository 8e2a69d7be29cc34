"""What is to be taken back, checked: a project, outcomes, or an imported pack (`Engine.forget`, `Engine.withdraw`)."""

import hashlib
from typing import Any

from poolwise.engine.estimation.prior_packs import RECORD
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import InputError
from poolwise.inputs import real
from poolwise.names import checked, identity, shown
from poolwise.store.base import Removal, Store


def forgetting(store: Store, project: Any) -> Removal:
    """A whole project. The log keeps a digest of its name, by which it can be found in archives; and not the name."""
    name = _known_project(store, project)
    digest = hashlib.blake2b(name.encode(), digest_size=16, key=str(store.seed).encode()).hexdigest()
    return Removal({"undo": "forget", "project_digest": digest}, forget=True, project=name)


def withdrawing(store: Store, pack: Any, decisions: Any, since: Any, until: Any, project: Any) -> Removal:
    """A pack, or the outcomes for which all else that is given holds."""
    limits = {"decisions": decisions, "since": since, "until": until, "project": project}
    given = {name: value for name, value in limits.items() if value is not None}
    if pack is not None:
        if given:
            raise InputError("withdraw a pack or outcomes, one at a time: leave the other out")
        return _of_pack(store, checked("pack", pack))
    if not given:
        raise InputError("say what is withdrawn: a pack, or outcomes by decisions, since, until or project")
    for name in ("since", "until"):
        if name in given:
            given[name] = real(f"{name} (a time in seconds since 1970)", given[name])
    if {"since", "until"} <= given.keys() and not given["since"] < given["until"]:
        raise InputError(f"nothing is reported since {since} and until {until}: swap the two")
    if "project" in given:
        given["project"] = _known_project(store, project)
    if "decisions" in given:
        given["decisions"] = _range(decisions)
    record = {"undo": "withdraw", **{name: value for name, value in given.items() if name != "project"}}
    return Removal(record, **given)


def _known_project(store: Store, project: Any) -> str:
    name = checked("project", project)
    if name not in store.names("project"):
        raise InputError(f"no project {shown(name)} in this store: it was forgotten already, or never there")
    return name


def _range(decisions: Any) -> tuple[int, int]:
    if not isinstance(decisions, tuple | list) or len(decisions) != 2:
        raise InputError(f"decisions are a range of ids, first and last, got {shown(decisions)}")
    first, last = (identity("decision", one) for one in decisions)
    if not 0 < first <= last < 2**63:
        raise InputError(f"decisions {first}..{last} are no range of ids: the first comes first, and ids are above 0")
    return first, last


def _of_pack(store: Store, name: str) -> Removal:
    packs = [damaged_records.pack_of(body) for body in store.records(RECORD)]
    numbers = tuple((RECORD, k) for k, pack in enumerate(packs, start=1) if pack is not None and pack.name == name)
    if not numbers:
        known = sorted({pack.name for pack in packs if pack is not None})
        raise InputError(f"no pack {shown(name)} was imported here: there are {', '.join(known) or 'none'}")
    mine = {context for pack in packs if pack is not None and pack.name == name for context in pack.contexts}
    others = {context for pack in packs if pack is not None and pack.name != name for context in pack.contexts}
    names = store.names("context")
    met = {names[code] for code in set(store.decisions().context.tolist())}
    return Removal({"undo": "withdraw", "pack": name}, records=numbers, contexts=tuple(sorted(mine - others - met)))
