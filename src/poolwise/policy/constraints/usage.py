"""How often and how dearly each context of each project is used: the scalars of a view that are no beliefs."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from poolwise.policy.constraints.lifetimes import expected_uses
from poolwise.policy.constraints.lives import Lives
from poolwise.policy.view import Context

AFTERWARDS = 2.0
"""Where the best configuration is what counts, it is used so many times as often as there are decisions to find it."""


class UsageCounts:
    """Running counts of decisions, outcomes and baseline costs per (project, context) and per project."""

    def __init__(self, horizon: float | None, *, session: bool = False) -> None:
        """session: decisions look for the best configuration, which is used afterwards."""
        self._horizon, self._session = horizon, session
        self._decisions: dict[tuple[int, int], int] = {}
        self._outcomes: dict[tuple[int, int], int] = {}
        self._cost: dict[tuple[int, int], float] = {}
        self._last: dict[tuple[int, int], int] = {}
        self._context: dict[int, int] = {}
        self._project_cost: dict[int, float] = {}
        self.lives = Lives()

    @property
    def total(self) -> int:
        """Decisions of all projects."""
        return self.lives.total

    def decided(self, project: int, context: int) -> None:
        """Count one decision."""
        self.lives.decided(project)
        self._add(project, context, 1)

    def decided_together(self, projects: np.ndarray, cells: Iterable[tuple[tuple[int, int], int]]) -> None:
        """Count decisions of these projects, in their order. cells: how many there are of each (project, context)."""
        self.lives.decided_together(projects)
        for at, count in cells:
            self._add(*at, count)

    def _add(self, project: int, context: int, count: int) -> None:
        key = (project, context)
        self._decisions[key] = self._decisions.get(key, 0) + count
        self._context[context] = self._context.get(context, 0) + count

    def observed(self, project: int, context: int, cost: float, count: int = 1) -> None:
        """Count outcomes and what the baseline would have cost on these jobs (NaN where unknown)."""
        key = (project, context)
        self._outcomes[key] = self._outcomes.get(key, 0) + count
        self._last[key] = self.of_project(project)
        if cost == cost:
            self._cost[key] = self._cost.get(key, 0.0) + cost
            self._project_cost[project] = self._project_cost.get(project, 0.0) + cost

    def informed(self, project: int, context: int, made: int) -> None:
        """The last decision here that has an outcome was the `made`-th of its project: as a log tells it."""
        self._last[project, context] = made

    def saved(self) -> dict[str, list[list[Any]]]:
        """All counts, for `resume`: [project, context, ...] rows."""
        cells = [
            [*at, made, self._outcomes.get(at, 0), self._cost.get(at, 0.0), self._last.get(at, -1)]
            for at, made in self._decisions.items()
        ]
        costs = [[at, cost] for at, cost in self._project_cost.items()]
        return {"cells": cells, "projects": costs, "lives": self.lives.saved()}

    def resume(self, saved: dict[str, list[list[Any]]]) -> None:
        """Go on from what was saved."""
        for project, context, made, outcomes, cost, last in saved["cells"]:
            at = int(project), int(context)
            self._add(*at, int(made))
            self._outcomes[at], self._cost[at] = int(outcomes), cost
            if last >= 0:
                self._last[at] = int(last)
        self._project_cost = {int(project): cost for project, cost in saved["projects"]}
        self.lives.resume(saved["lives"] if "lives" in saved else self._never_silent())

    def _never_silent(self) -> list[list[int]]:
        """For `Lives.resume`, of a checkpoint that does not tell."""
        made, total = Counter[int](), sum(self._decisions.values())
        for (project, _), count in self._decisions.items():
            made[project] += count
        return [[project, count, total, 0] for project, count in made.items()]

    def of_project(self, project: int) -> int:
        """Decisions made in a project."""
        return self.lives.made(project)

    def decisions(self, project: int, context: int) -> int:
        return self._decisions.get((project, context), 0)

    def context(self, project: int, context: int) -> Context:
        """The scalars of one cell. How long a project goes on is learned from all (`lifetimes`), or follows from a
        stated horizon, while none has ended; a context's part follows the rule of succession."""
        key = (project, context)
        here, there, total = self._decisions.get(key, 0), self.of_project(project), float(self.total)
        learned = not self._horizon or self.lives.any_ended()
        ahead = self.lives.remaining(project) if learned else there + 1.0
        projects = max(self.lives.projects, 1)
        left_project, left, remains, elsewhere = (
            float(one)
            for one in expected_uses(here, there, self._context.get(context, 0), total, ahead, projects, self._horizon)
        )
        share = here / there if there else 0.0
        known = self._project_cost.get(project, 0.0)
        return Context(
            decisions=float(here),
            outcomes=float(self._outcomes.get(key, 0)),
            share=share,
            importance=self._cost.get(key, 0.0) / known if known else share,
            staleness=float(there - self._last.get(key, 0)),
            remaining=remains,
            remaining_project=left_project,
            remaining_all=left,
            remaining_elsewhere=elsewhere,
            project_decisions=float(there),
            afterwards=AFTERWARDS * (total + left) if self._session else 0.0,
        )
