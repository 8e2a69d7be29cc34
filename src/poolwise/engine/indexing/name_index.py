"""Names and numbers: the one place where projects, contexts and arms become indices of arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy

import numpy as np

from poolwise.engine.indexing import job_features
from poolwise.engine.indexing.arms import ArmIndex, Rows, arm_index, indexed
from poolwise.engine.indexing.labels import Labels
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import InputError, SpaceError, StoreDamaged
from poolwise.schema import Decision
from poolwise.space import Arm, ArmSpace
from poolwise.space.memory import remembered
from poolwise.space.renewal import RENEWAL, renewed
from poolwise.store.base import DecisionColumns, Store


class NameIndex:
    """Indices of names. Arms that a store has seen stay known when the space no longer offers them."""

    def __init__(
        self, store: Store, space: ArmSpace, first: Sequence[str] = (), kept: frozenset[str] = frozenset()
    ) -> None:
        """first: arms whose order is to be kept, see `arm_index`; kept: arms that are offered for good. Reads only; see
        `commit`."""
        self._store, self.declared = store, space
        renewals = damaged_records.usable(store, RENEWAL)
        self.space = space = renewed(space, renewals, kept)
        """What is offered: what was declared, with the configurations that took others' places since."""
        self.passed = {id for one in renewals for id in (*one["added"], *one["dropped"])}
        """Arms that came or went; those that nobody chose need not be known."""
        self._gone = self.passed - space.index.keys()
        self._labels = {kind: Labels(store.names(kind)) for kind in ("project", "context", "reason")}
        self.arms = space.arms
        self.ids = tuple(arm.id for arm in space.arms)
        stored = store.names("arm")
        edited = any(id not in space.index for id in stored)
        self.index = arm_index(stored, self.ids, store.chosen_arms().tolist() if edited else (), first)
        self.known = self.index.known
        """Every arm that is offered, or was chosen once."""
        self.arm = _indexed(self.known)
        self.columns = np.array([self.arm[key] for key in self.ids])
        """(active arms,): index of every offered arm among the known ones."""
        whole = np.array_equal(self.columns, np.arange(len(self.known)))
        self.offered: slice | np.ndarray = slice(None) if whole else self.columns
        """The same, to index with at least cost."""
        self._spaces = damaged_records.usable(store, "space")
        past = iter(remembered([id for id in self.known if id not in space.index], self._spaces))
        self.known_arms = [space.arm(id) if id in space.index else next(past) for id in self.known]
        families = self.known_names = [arm.family for arm in self.known_arms]
        self.families = list(dict.fromkeys(families))
        self.known_family = np.array([self.families.index(name) for name in families])
        """(known arms,): index of the family."""
        self.family = self.known_family[self.columns]
        self.baseline = self.ids.index(space.baseline)
        self.features = job_features.known(store)
        """Of jobs: all that the store has ever known."""
        self._all = np.ones(len(self.ids), dtype=bool)

    def with_arms(self, more: Sequence[Arm]) -> NameIndex:
        """The same with more known arms, which the store does not name: to ask what is believed of them."""
        wider, end = copy(self), int(self.index.codes.max()) + 1
        codes = np.concatenate([self.index.codes, np.arange(end, end + len(more))])
        wider.known_arms = [*self.known_arms, *more]
        wider.known_names = [arm.family for arm in wider.known_arms]
        wider.known_family = np.array([self.families.index(name) for name in wider.known_names])
        wider.known = [arm.id for arm in wider.known_arms]
        wider.index = ArmIndex(wider.known, codes, self.index.place)
        return wider

    def commit(self) -> bool:
        """Let the store know the space and its arms. False where another process has changed the order of the known
        arms meanwhile: then this index is out of date, and a new one is right."""
        if not self._spaces or self._spaces[-1] != self.declared.to_dict():
            self._store.append_record("space", self.declared.to_dict())
        return np.array_equal(self._store.intern("arm", self.ids), self.index.codes[self.columns])

    def indexed(self, rows: Rows) -> Rows:
        """Rows of the store with arms by index; those of arms that are not known have an index beyond the last one."""
        project, context = (self._labels[kind].places(getattr(rows, kind)) for kind in ("project", "context"))
        return indexed(self.index, rows._replace(project=project, context=context))

    def coded(self, made: DecisionColumns) -> DecisionColumns:
        """Decisions with projects and contexts as the store knows them, from those by index."""
        project, context = (self._labels[kind].codes(getattr(made, kind)) for kind in ("project", "context"))
        return made._replace(project=project, context=context)

    def project(self, name: str) -> int:
        return self._code("project", name)

    def context(self, name: str) -> int:
        return self._code("context", name)

    def place(self, project: str, context: str) -> tuple[int, int]:
        """Their indices, or the next free one of a name that is new, which stays new."""
        projects, contexts = self._labels["project"].index, self._labels["context"].index
        return projects.get(project, len(projects)), contexts.get(context, len(contexts))

    def follow(self, kind: str, codes: np.ndarray) -> None:
        """Take up names that other processes have given, up to these indices."""
        if codes.max(initial=-1) >= self.size(kind):
            self._labels[kind].follow(self._store.names(kind))

    def codes(self, kind: str, names: Iterable[str]) -> np.ndarray:
        """Indices of many names, new ones included."""
        return np.array([self._code(kind, name) for name in names], dtype=np.int64)

    def names(self, kind: str) -> list[str]:
        return list(self._labels[kind].index)

    def size(self, kind: str) -> int:
        return len(self._labels[kind].index)

    def cell_of(self, decision: Decision) -> tuple[int, int, int]:
        return self.project(decision.project), self.context(decision.context), self.arm[decision.arm]

    def allowed(self, available: Iterable[str] | None, trusted: Sequence[int] = ()) -> np.ndarray:
        """(active arms,) bool. Raises where neither the baseline nor an arm that is trusted in its place is among what
        is available: nothing would be safe."""
        if available is None:
            return self._all
        if isinstance(available, str):
            raise InputError(f"available must be a list of arms or families, got the string {available!r}")
        ids = set(self.space.matching(one for one in available if not isinstance(one, str) or one not in self._gone))
        if self.space.baseline not in ids and not any(self.ids[arm] in ids for arm in trusted):
            raise SpaceError(
                f"the baseline {self.space.baseline!r} is not among the available arms: "
                "add it, name a baseline that is always there, or fallbacks in [safety]"
            )
        return np.array([key in ids for key in self.ids])

    def sizes(self) -> dict[str, int]:
        """left_out: allowed arms beyond the limits of their families, where there are any; renewed: how many of those
        that are offered took the place of others."""
        left = sum(number for number, _ in self.space.left_out.values())
        sizes = {"projects": self.size("project"), "contexts": self.size("context"), "arms": len(self.ids)}
        new = sum(id not in self.declared.index for id in self.ids)
        return {**sizes, **({"left_out": left} if left else {}), **({"renewed": new} if new else {})}

    def _code(self, kind: str, name: str) -> int:
        known = self._labels[kind]
        if name not in known.index:
            code = int(self._store.intern(kind, [name])[0])
            known.follow(self._store.names(kind)[: code + 1])
        if name not in known.index:
            raise StoreDamaged(f"the names of {kind}s in this store have no order: restore it from a backup")
        return known.index[name]


def _indexed(names: Iterable[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}
