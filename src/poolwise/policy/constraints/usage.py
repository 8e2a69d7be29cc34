"""How often and how dearly each context of each project is used: the scalars of a view that are no beliefs."""

from poolwise.policy.view import Context

HORIZON_MULTIPLE = 2.0
"""Without a horizon, what has lasted for so long is expected to last so many times as long again."""
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
        self._project: dict[int, int] = {}
        self._context: dict[int, int] = {}
        self._project_cost: dict[int, float] = {}
        self.total = 0

    def decided(self, project: int, context: int, count: int = 1) -> int:
        """Count decisions; returns how many were made in this cell so far."""
        key = (project, context)
        made = self._decisions[key] = self._decisions.get(key, 0) + count
        self._project[project] = self._project.get(project, 0) + count
        self._context[context] = self._context.get(context, 0) + count
        self.total += count
        return made

    def observed(self, project: int, context: int, cost: float, count: int = 1) -> None:
        """Count outcomes and what the baseline would have cost on these jobs (NaN where unknown)."""
        key = (project, context)
        self._outcomes[key] = self._outcomes.get(key, 0) + count
        self._last[key] = self._project.get(project, 0)
        if cost == cost:
            self._cost[key] = self._cost.get(key, 0.0) + cost
            self._project_cost[project] = self._project_cost.get(project, 0.0) + cost

    def informed(self, project: int, context: int, made: int) -> None:
        """The last decision here that has an outcome was the `made`-th of its project: as a log tells it."""
        self._last[project, context] = made

    def saved(self) -> dict[str, list[list[float]]]:
        """All counts, for `resume`: [project, context, ...] rows."""
        cells = [
            [*at, made, self._outcomes.get(at, 0), self._cost.get(at, 0.0), self._last.get(at, -1)]
            for at, made in self._decisions.items()
        ]
        return {"cells": cells, "projects": [[at, cost] for at, cost in self._project_cost.items()]}

    def resume(self, saved: dict[str, list[list[float]]]) -> None:
        """Go on from what was saved."""
        for project, context, made, outcomes, cost, last in saved["cells"]:
            at = int(project), int(context)
            self.decided(*at, int(made))
            self._outcomes[at], self._cost[at] = int(outcomes), cost
            if last >= 0:
                self._last[at] = int(last)
        self._project_cost = {int(project): cost for project, cost in saved["projects"]}

    def of_project(self, project: int) -> int:
        """Decisions made in a project."""
        return self._project.get(project, 0)

    def decisions(self, project: int, context: int) -> int:
        return self._decisions.get((project, context), 0)

    def context(self, project: int, context: int) -> Context:
        """The scalars of one cell. Without a stated horizon, everything is expected to go on twice as long as it has,
        and a project no shorter than projects do on average; a context's part follows the rule of succession."""
        key = (project, context)
        here, there = self._decisions.get(key, 0), self._project.get(project, 0)
        projects, total = max(len(self._project), 1), float(self.total)
        left = max(self._horizon - total, 1.0) if self._horizon else max(HORIZON_MULTIPLE * total, 10.0)
        usual = (left if self._horizon else HORIZON_MULTIPLE * total) / projects
        left_project = min(max((1 if self._horizon else HORIZON_MULTIPLE) * there + 1.0, usual), left)
        elsewhere = left * (self._context.get(context, 0) - here) / (total + 2)
        share = here / there if there else 0.0
        known = self._project_cost.get(project, 0.0)
        return Context(
            decisions=float(here),
            outcomes=float(self._outcomes.get(key, 0)),
            share=share,
            importance=self._cost.get(key, 0.0) / known if known else share,
            staleness=float(there - self._last.get(key, 0)),
            remaining=left_project * (here + 1) / (there + 2),
            remaining_project=left_project,
            remaining_all=left,
            remaining_elsewhere=elsewhere,
            project_decisions=float(there),
            afterwards=AFTERWARDS * (total + left) if self._session else 0.0,
        )
