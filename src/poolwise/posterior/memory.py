"""What is remembered of outcomes beside the statistics that serve: bounds, half-lives, and what came before they faded.

An outcome that was cut off is a factor that is refined later (`censored`). Where the system drifts (`discounting`),
outcomes fade, while scales are estimated from what they came to before: those of cells at a time, however few still
count.
"""

import math

import numpy as np

from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.job_effects import StatisticsDelta, add_statistics
from poolwise.posterior.features.rows import RowMemory
from poolwise.posterior.likelihoods import censored, discounting
from poolwise.posterior.observation_model import ObservationModel

Place = tuple[int, int, int]


class Memory:
    """Mutable; outcomes are numbered by whoever counts them all."""

    def __init__(self, shape: tuple[int, int, int], options: ObservationModel, features: int = 0) -> None:
        self.sites: censored.Sites = {}
        self.rows = RowMemory(features)
        """Outcomes with the features of their jobs."""
        self._cuts, self._settle_at = 0, 1
        self._candidates = discounting.half_life_grid() if options.half_life == "learned" else None
        self.half_life = options.half_life if isinstance(options.half_life, int | float) else np.inf
        """In force; infinite: nothing fades."""
        empty = SufficientStatistics(*(np.zeros(shape) for _ in range(3)))
        self._lasting = empty if options.half_life is not None else None

    @property
    def learns(self) -> bool:
        """A half-life is learned: outcomes are taken one by one."""
        return self._candidates is not None

    @property
    def idle(self) -> bool:
        """Nothing fades, so that no outcome need be remembered but those that were cut off."""
        return self._lasting is None

    def success(self, place: Place, y: float, weight: float, number: int) -> None:
        """The `number`-th outcome of all, which counts as `weight`."""
        if self._lasting is not None:
            for power, part in enumerate(self._lasting):
                part[place] += weight * y**power
        if self._candidates is not None:
            discounting.update(self._candidates, place, y, weight, number)

    def successes(self, stats: SufficientStatistics) -> None:
        """Many, with weights that are not for their age."""
        self._lasting = self._lasting and self._lasting.plus(stats)

    def row(self, raw: np.ndarray | None, place: Place, value: float, weight: float, bound: float) -> None:
        """An outcome with the features of its job, as it counts; bound: NaN where it was not cut off."""
        self.rows.append(raw, place, value, weight, float(censored.quantised(bound)))

    def judge(self, sites: censored.Sites) -> None:
        """Let all that were cut off count as these factors."""
        self.sites = sites
        self.rows.judge(sites)

    def cut(self, place: Place, bound: float, weight: float, value: float) -> None:
        """One that was cut off, and what it counts as."""
        self._cuts += 1
        censored.add_to_site(self.sites, (*place, int(censored.quantised(bound))), 1.0, weight, value)

    def cut_many(self, at: list[np.ndarray], bound: np.ndarray, weight: np.ndarray) -> None:
        """Many that were cut off, to be judged later."""
        for place, number in censored.group_by_bound(at, bound, weight):
            censored.add_to_site(self.sites, place, number, 0.0, 0.0)

    @property
    def sweep_due(self) -> bool:
        """Whether all that were cut off are due to be judged anew: each time there are a sixteenth more."""
        due = self._cuts >= self._settle_at
        self._settle_at = self._cuts + self._cuts // 16 + 1 if due else self._settle_at
        return due

    def select_statistics(self, number: int, shape: tuple[int, int, int]) -> SufficientStatistics | None:
        """The statistics that count, where after the `number`-th outcome a half-life is chosen again."""
        if self._candidates is None or not discounting.due(self._candidates, number):
            return None
        index = discounting.select_half_life(self._candidates)
        self.half_life = discounting.HALF_LIVES[index]
        return censored.add_to_statistics(discounting.statistics(self._candidates, index, shape), self.sites)

    def factor(self, number: int) -> float:
        """Of everything, what counts from the `number`-th outcome on."""
        due = math.isfinite(self.half_life) and number % discounting.step(self.half_life) == 0
        return discounting.discount_factor(self.half_life) if due else 1.0

    def discount(self, factor: float) -> None:
        """Let a share of everything count."""
        censored.discount(self.sites, factor)
        self.rows.discount(factor)

    def discount_cell(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,)."""
        self.rows.discount_cell(project, context, keep)
        for part in self._lasting or ():
            part[project, context] *= keep
        for place in [place for place in self.sites if place[:2] == (project, context)]:
            factor, site = float(keep[place[2]]), self.sites.pop(place)
            if factor > 0:
                self.sites[place] = censored.Site(site.number * factor, site.weight * factor, site.value)
        if self._candidates is not None:
            discounting.discount(self._candidates, project, context, keep)

    def add_statistics(self, change: StatisticsDelta) -> None:
        """Add what levelled jobs say."""
        self._lasting = self._lasting and add_statistics(self._lasting, change)

    def make_room(self, pad: tuple[tuple[int, int], ...]) -> None:
        """For projects and contexts to come."""
        self._lasting = self._lasting and SufficientStatistics(*(np.pad(part, pad) for part in self._lasting))

    def saved(self) -> dict[str, np.ndarray]:
        """What `resume` needs, copied, where no half-life is learned."""
        sites = np.array([(*place, *site) for place, site in self.sites.items()]).reshape(-1, 7)
        lasting = {} if self._lasting is None else {"lasting": np.array(self._lasting)}
        return {"sites": sites, **lasting, **self.rows.saved()}

    def resume(self, saved: dict[str, np.ndarray]) -> None:
        """Go on from what was saved; arms that came since have no outcomes."""
        self.rows.resume(saved)
        rows = saved["sites"].tolist()
        self.sites = {(int(p), int(c), int(a), int(b)): censored.Site(*site) for p, c, a, b, *site in rows}
        if self._lasting is not None:
            for whole, part in zip(self._lasting, saved["lasting"], strict=True):
                whole[..., : part.shape[-1]] = part

    def lasting(self, now: SufficientStatistics) -> SufficientStatistics:
        """What scales are estimated from, as arrays of its own. now: what counts."""
        lasting = self._lasting and SufficientStatistics(*(part.copy() for part in self._lasting))
        kept = lasting and discounting.detrended(lasting, self._candidates)
        return censored.add_to_statistics(kept, self.sites) if kept else now
