"""From what is believed to decisions that are stored: view -> policy -> probabilities -> pick -> log."""

import time
from collections.abc import Iterable

import numpy as np

from poolwise.engine import overview, tables
from poolwise.engine.catalogue import Catalogue
from poolwise.engine.cell import Cell, cumulative
from poolwise.engine.guarding import Guarding
from poolwise.engine.live import Live
from poolwise.engine.randomness import uniform, uniforms
from poolwise.engine.settings import Settings
from poolwise.engine.suite import Suite
from poolwise.policy.base import View
from poolwise.policy.limits import Limits, to_arrays
from poolwise.policy.uses import Uses
from poolwise.schema import Decision, LoggedView
from poolwise.store.base import DecisionColumns, Store

_BLOCK = 1024
"""Decision ids are reserved so many at a time."""


class Deciding:
    """Keeps the cells ready that were asked for, and the ids that the next decisions get."""

    def __init__(
        self, store: Store, catalogue: Catalogue, settings: Settings, live: Live, uses: Uses, guarding: Guarding
    ) -> None:
        self._store, self._catalogue, self._settings = store, catalogue, settings
        self._live, self._uses, self._guarding = live, uses, guarding
        self._policy = store.add_policy(guarding.policy.spec, guarding.policy.params)
        self._cells: dict[tuple[str, str], Cell] = {}
        self._open: dict[int, tuple[int, int, int]] = {}
        self._next, self._reserved = 0, 0

    def one(self, project: str, context: str, job: str | None, available: Iterable[str] | None) -> Decision:
        """Decide one job; see `Engine.decide`."""
        cell = self._cell(project, context) if available is None else self._look(project, context, available)
        id = self._reserve()
        k = cell.pick(uniform(self._store.seed, id))
        arm = cell.arms[k]
        chosen = (arm.family, arm.params, arm.id, cell.probabilities[k], cell.reasons[k])
        decision = Decision(id, project, context, *chosen, time.time(), job, cell.view)
        self._store.append_decision(decision)
        self._uses.decided(cell.project, cell.context)
        code = self._catalogue.arm[arm.id]
        self._open[id] = (cell.project, cell.context, code)
        if (suite := self._guarding.suite) is not None:
            suite.decided(id, cell.project, cell.context, code, decision.reason)
        return decision

    def many(self, keys: list[tuple[str, str]], which: np.ndarray) -> DecisionColumns:
        """Decide a job for every entry of `which`, an index into `keys` of (project, context)."""
        if self._guarding.suite is not None:
            return self._one_by_one(self._guarding.suite, keys, which)
        cells = [self._cell(*key) for key in keys]
        first = self._store.reserve(len(which))
        ids = np.arange(first, first + len(which), dtype=np.int64)
        columns = tables.draw(cells, which, ids, uniforms(self._store.seed, ids), self._catalogue, time.time())
        self._store.append_decisions(columns)
        for cell, made in zip(cells, np.bincount(which, minlength=len(cells)), strict=True):
            self._uses.decided(cell.project, cell.context, int(made))
        return columns

    def answered(self, id: int) -> tuple[int, int, int]:
        """Codes of the project, context and arm of a decision whose outcome is stored now."""
        return self._open.pop(id) if id in self._open else self._catalogue.cell_of(self._store.decision(id))

    def forget(self) -> None:
        """Look at every cell again, since orders have changed."""
        self._cells.clear()

    def _reserve(self) -> int:
        if self._next == self._reserved:
            self._next = self._store.reserve(_BLOCK)
            self._reserved = self._next + _BLOCK
        self._next += 1
        return self._next - 1

    def _cell(self, project: str, context: str) -> Cell:
        cell = self._cells.get((project, context))
        if (
            cell is None
            or cell.version != self._live.version
            or self._uses.decisions(cell.project, cell.context) >= cell.refresh
            or (self._guarding.suite is not None and self._guarding.stale(cell.project, cell.context, cell.gate))
        ):
            cell = self._cells[project, context] = self._look(project, context, None)
        return cell

    def _look(self, project: str, context: str, available: Iterable[str] | None) -> Cell:
        """Compute and log the view of one cell, and the probabilities that follow from it."""
        allowed = self._catalogue.allowed(available, self._guarding.trusted)
        p, c = self._catalogue.project(project), self._catalogue.context(context)
        view = overview.view_of_cell(self._live, self._catalogue, self._uses, p, c, allowed)
        found = self._guarding.choice((project, context), (p, c), view)
        return Cell(
            project=p,
            context=c,
            arms=found.answers,
            probabilities=found.propensities,
            cumulative=cumulative(found.probabilities),
            reasons=found.reasons,
            view=self._log(project, context, view, found.limits) if self._settings.log_views else 0,
            version=self._live.version,
            refresh=max(4 * self._uses.decisions(p, c), 16),
            gate=found.gate,
        )

    def _one_by_one(self, suite: Suite, keys: list[tuple[str, str]], which: np.ndarray) -> DecisionColumns:
        """`many` where each decision may change what the next one is allowed."""
        first, now, rows = self._store.reserve(len(which)), time.time(), []
        try:
            for id, number in enumerate(which.tolist(), start=first):
                cell = self._cell(*keys[number])
                k = cell.pick(uniform(self._store.seed, id))
                arm, reason = self._catalogue.arm[cell.arms[k].id], cell.reasons[k]
                rows.append((id, cell.project, cell.context, arm, cell.probabilities[k], cell.view, now, reason, -1))
                suite.decided(id, cell.project, cell.context, arm, reason)
            columns = tables.decision_columns(rows, self._catalogue)
            self._store.append_decisions(columns)
        except Exception:
            self._guarding.refold()
            raise
        for (p, c), made in tables.counted(columns.project, columns.context):
            self._uses.decided(p, c, made)
        return columns

    def _log(self, project: str, context: str, view: View, limits: Limits | None) -> int:
        arrays = {name: value for name, value in zip(View._fields, view, strict=True) if value is not None}
        arrays["baseline"], arrays["context"] = np.asarray(view.baseline), np.array(view.context, dtype=np.float64)
        if limits is not None:
            arrays.update(to_arrays(limits))
        ids = self._catalogue.ids
        logged = LoggedView(0, project, context, self._policy, self._live.snapshot, self._live.outcomes, ids, arrays)
        return self._store.append_view(logged)
