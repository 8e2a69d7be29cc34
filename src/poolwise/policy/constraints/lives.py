"""How long each project has lasted and been silent, counted decision by decision, for `lifetimes`."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator

import numpy as np

from poolwise.policy.constraints.lifetimes import EDGES, Survival, in_band, silent_until, survival, within

_EDGES: list[float] = EDGES.tolist()


class Lives:
    """Of all projects of a store, in the order of its decisions. The life table is kept until it changes."""

    def __init__(self) -> None:
        self.latest, self._run, self._grows = -1, 0, 0
        """The project of the last decision, how many in a row were its own, and at which of them it comes to the next
        band."""
        self._before = 0
        """Decisions of all projects before that row."""
        self._found: dict[int, list[int]] = {}
        """Of each project, without that row: decisions, all decisions at its last one, longest silence, and how many
        decisions bring it to the next band."""
        self._table: Survival | None = None
        self._ended = False
        self._until = -1
        """The table holds up to so many decisions, unless a project comes to another band or back."""

    @property
    def total(self) -> int:
        """Decisions of all projects."""
        return self._before + self._run

    @property
    def projects(self) -> int:
        """How many have had decisions."""
        return len(self._found)

    def made(self, project: int) -> int:
        """Decisions of a project."""
        before = self._found[project][0] if project in self._found else 0
        return before + self._run if project == self.latest else before

    def decided(self, project: int) -> None:
        """One decision more."""
        if project != self.latest:
            self._turn(project)
        self._run += 1
        if self._run >= self._grows:
            self._grown()

    def _turn(self, project: int) -> None:
        """Another project comes, or comes back."""
        now = self._settled()
        self.latest, found = project, self._found.get(project)
        if found is None:
            found = self._found[project] = [0, now, 0, 1]
        elif (silence := now - found[1]) > found[2]:
            found[2], self._table = silence, None
        self._grows = found[3] - found[0]

    def _settled(self) -> int:
        """The row of decisions of the latest project is over; decisions of all."""
        now = self._before + self._run
        if self._run:
            found = self._found[self.latest]
            found[0] += self._run
            found[1] = self._before = now
            self._run, self._grows = 0, self._grows - self._run
        return now

    def _grown(self) -> None:
        """The latest project has come to another band."""
        self._table, found = None, self._found[self.latest]
        found[3] = _first_of_next(found[0] + self._run)
        self._grows = found[3] - found[0]

    def decided_together(self, projects: np.ndarray) -> None:
        """Decisions of several projects, in this order."""
        if not len(projects):
            return
        before = self._settled()
        for project, start, end, count, silence in _rows(projects):
            made, last, longest, _ = self._found.get(project, (0, before + start, 0, 1))
            silence = max(silence, before + start - last, longest)
            self._found[project] = [made + count, before + end + 1, silence, _first_of_next(made + count)]
        self._before, self.latest = before + len(projects), int(projects[-1])
        self._grown()

    def remaining(self, project: int) -> float:
        """Decisions that are expected of it."""
        found, made = self._current(), float(self.made(project))
        since = min(max(made, 1.0), _EDGES[-1])
        k = min(bisect_right(_EDGES, since), len(_EDGES) - 1)
        share, ahead = found
        return float(in_band(made, since, _EDGES[k - 1], _EDGES[k], share[k - 1], share[k], ahead[k]))

    def within(self, project: int, chances: np.ndarray) -> np.ndarray:
        """What the decisions to come stay below with each of these probabilities."""
        return within(self._current(), float(self.made(project)), chances)

    def any_ended(self) -> bool:
        """Whether there is a project that has."""
        self._current()
        return self._ended

    def _current(self) -> Survival:
        if self._table is None or self.total > self._until:
            rows = np.array(self.saved(), dtype=np.float64).reshape(-1, 4)[:, 1:]
            until = silent_until(rows)
            self._ended = bool((until < self.total).any())
            self._until = int(min(until[until >= self.total], default=math.inf)) if len(rows) else 0
            self._table = Survival(*(part.tolist() for part in survival(rows, np.float64(self.total))))
        return self._table

    def saved(self) -> list[list[int]]:
        """[project, decisions, all decisions at its last one, longest silence] rows, for `resume`."""
        self._settled()
        return [[project, *row[:3]] for project, row in self._found.items()]

    def resume(self, saved: Iterable[Iterable[int]]) -> None:
        """Go on from what was saved."""
        for row in saved:
            project, made, last, silence = map(int, row)
            self._found[project] = [made, last, silence, _first_of_next(made)]
            self._before += made


def _rows(projects: np.ndarray) -> Iterator[tuple[int, int, int, int, int]]:
    """Of every project: its places from first to last, how many, and the longest silence between two."""
    order = np.argsort(projects, kind="stable")
    first = np.flatnonzero(np.diff(projects[order], prepend=-1))
    silence = np.diff(order, prepend=0) - 1
    silence[first] = 0
    ends = np.append(first[1:], len(order))
    parts = (projects[order[first]], order[first], order[ends - 1], ends - first, np.maximum.reduceat(silence, first))
    yield from zip(*(part.tolist() for part in parts), strict=True)


def _first_of_next(made: int) -> int:
    """The least number of decisions that lies in a later band."""
    return math.ceil(_EDGES[min(bisect_right(_EDGES, made), len(_EDGES) - 1)]) if made else 1
