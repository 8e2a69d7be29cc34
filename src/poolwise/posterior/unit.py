"""A belief in units of its own outcomes, so that one hyperprior fits solver times, accuracies and frame rates alike.

    unit^2 = (1 + sum y^2) / (1 + n)

over the n outcomes so far: the natural unit at first, their root mean square later. The belief inside learns y / unit.
Whenever the unit has moved by more than a fifth since, all outcomes are learned again in the new one.
"""

import math
from collections.abc import Callable

import numpy as np

from poolwise.posterior.joint import Joint, Look

_MOVED = 0.2
"""Logarithm of the change of the unit that is worth learning everything again."""


class Scaled:
    """A `Joint` in the unit of its outcomes; the same look and learn. `make` gives a new, empty one."""

    def __init__(self, make: Callable[[], Joint]) -> None:
        self._make, self._joint = make, make()
        self.unit, self.estimated = 1.0, 0
        """`estimated`: number of outcomes that the scales rest on."""
        self._squares = 1.0
        self._rows: list[tuple[int, int, int, float]] = []

    @property
    def outcomes(self) -> int:
        """How many outcomes the belief rests on."""
        return len(self._rows)

    def look(self, project: int, context: int) -> Look:
        """What is believed now, in the outcomes' own terms; see `Joint.look`."""
        found = self._joint.look(project, context)
        return Look(*(part if name == "count" else part * self.unit for name, part in found._asdict().items()))

    def learn(self, project: int, context: int, arm: int, y: float) -> None:
        """One outcome of the arm, a failure's at what it cost."""
        self._rows.append((project, context, arm, y))
        self._squares += y * y
        self._joint.learn(project, context, arm, y / self.unit, True)
        if self.outcomes < 10:
            self._settle()

    def reestimate(self) -> None:
        """All scales from all outcomes."""
        self._settle()
        self._joint.reestimate()
        self.estimated = self.outcomes

    def _settle(self) -> None:
        unit = math.sqrt(self._squares / (1 + self.outcomes))
        if abs(math.log(unit / self.unit)) <= _MOVED:
            return
        self.unit, self._joint = unit, self._make()
        project, context, arm, y = (np.array(column) for column in zip(*self._rows, strict=True))
        self._joint.make_room(int(project.max()), int(context.max()))
        self._joint.learn_many(project, context, arm, y / unit, np.ones(len(y), bool))
        if self.estimated:
            self._joint.reestimate()
