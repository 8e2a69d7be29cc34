"""`policy.uses` for many runs at once: how often contexts were used, and how often they will be."""

import numpy as np

from poolwise.policy.base import Context
from poolwise.policy.uses import GO_ON


class Occasions:
    """Running counts per run, cell (project and context), project and context. Every method takes a cell per run."""

    def __init__(self, project: np.ndarray, context: np.ndarray, horizon: float | None, runs: int) -> None:
        self._project, self._context, self._horizon = np.asarray(project), np.asarray(context), horizon
        self._each, self._total = np.arange(runs), 0
        self._here, self._outcomes, self._last = (np.zeros((runs, len(project))) for _ in range(3))
        self._there = np.zeros((runs, int(self._project.max()) + 1))
        self._shared = np.zeros((runs, int(self._context.max()) + 1))
        self._projects = np.zeros(runs)

    def decided(self, cell: np.ndarray) -> None:
        """One decision per run."""
        at = (self._each, self._project[cell])
        self._projects += self._there[at] == 0
        self._there[at] += 1
        self._here[self._each, cell] += 1
        self._shared[self._each, self._context[cell]] += 1
        self._total += 1

    def observed(self, cell: np.ndarray) -> None:
        """One outcome per run."""
        self._outcomes[self._each, cell] += 1
        self._last[self._each, cell] = self._there[self._each, self._project[cell]]

    def context(self, cell: np.ndarray) -> Context:
        """The scalars of one cell per run, (runs, 1) each; as `Uses.context`, where no costs are known."""
        here, there = self._here[self._each, cell], self._there[self._each, self._project[cell]]
        total, projects = float(self._total), np.maximum(self._projects, 1)
        known = self._horizon is not None
        left = max(self._horizon - total, 1.0) if self._horizon is not None else max(GO_ON * total, 10.0)
        usual = (left if known else GO_ON * total) / projects
        left_project = np.minimum(np.maximum((1 if known else GO_ON) * there + 1, usual), left)
        share = np.where(there > 0, here / np.maximum(there, 1), 0.0)
        elsewhere = left * (self._shared[self._each, self._context[cell]] - here) / (total + 2)
        age = there - self._last[self._each, cell]
        scalars = Context(
            decisions=here,
            outcomes=self._outcomes[self._each, cell],
            share=share,
            importance=share,
            staleness=age,
            remaining=left_project * (here + 1) / (there + 2),
            remaining_project=left_project,
            remaining_all=np.full(len(here), left),
            remaining_elsewhere=elsewhere,
        )
        return Context(*(np.asarray(part, float)[:, None] for part in scalars))
