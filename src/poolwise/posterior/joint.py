"""The posterior of an engine, current after every outcome: a mutable shell over `recursive`.

Holds arrays with room to grow; knows indices, never names. What is estimated is `Scales`, what was counted a `Tally`,
and the state that serves follows from the two. Outcomes are learned one by one by one compiled call, or by NumPy until
that is there; where a system is too large for exact covariances, or arms resemble each other by their parameters, the
effects are kept by another form (`cores`), and everything else is the same.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import logit

from poolwise.posterior import censored, drift, factors, gaussian, hyper, layouts, unit
from poolwise.posterior.belief import Belief
from poolwise.posterior.contrast import contrast
from poolwise.posterior.crossed import Cells
from poolwise.posterior.factors import Factors
from poolwise.posterior.gaussian import Fit, Statistics
from poolwise.posterior.level import Change, amended, without
from poolwise.posterior.memory import Memory
from poolwise.posterior.options import DEFAULT, Options
from poolwise.posterior.recursive import compiled, initial, posterior
from poolwise.posterior.recursive.compiled import Answer, Program, Tail
from poolwise.posterior.recursive.exchangeability import CERTAIN, Effects
from poolwise.posterior.recursive.initial import Tally
from poolwise.posterior.recursive.types import CUT, FAILURE, NONE, SUCCESS, Constants, Outcome, State, Structure
from poolwise.posterior.room import rounded
from poolwise.posterior.scales import Scales, estimated, prior_scales, restored, to_dict

__all__ = ["Joint", "Look", "Scales", "estimated", "prior_scales", "restored", "to_dict"]

Backend = Literal["auto", "numpy", "jax"]
"""`auto`: compiled beside once a process has learned some outcomes; `jax`: at once, while the caller waits."""
Row = tuple[int, int, int, float, int]
"""An outcome that waits: project, context, arm, utility, kind."""
_NO_ROW: Row = (0, 0, 0, 0.0, NONE)
_FEW = 64
"""Outcomes that are learned one by one, though they come together."""
_WAITING = 16
"""Most outcomes that wait for the next answer."""
_SLOTS = 4e6
"""Numbers that the effects of projects by themselves may take."""
_WARM = 100
"""Outcomes that a process learns one by one before the posterior is compiled for it."""
_SWEEPS, _SETTLED = 5, 0.05
"""Most sweeps over the factors of outcomes that were cut off, and the change of a mean that ends them, in standard
deviations."""


def _nothing(seen: Any, _: Any) -> Any:
    return seen.count[:0]


_NO_TAIL: tuple[Tail, Any, int] = (_nothing, None, 0)


class Look(NamedTuple):
    """The belief about every arm in one (project, context): (arms,); the wider ones (2, arms), see `Predictive`."""

    mean: np.ndarray
    scale: np.ndarray
    noise: np.ndarray
    count: np.ndarray  # type: ignore[assignment]
    wider_mean: np.ndarray
    wider_scale: np.ndarray
    wider_share: np.ndarray | None


class Joint:
    """Mutable shell over the pure posterior; not safe to share between threads without a lock."""

    def __init__(
        self,
        scales: Scales,
        failure_utility: float,
        *,
        projects: int = 1,
        contexts: int = 1,
        options: Options = DEFAULT,
        baseline: int | None = None,
        backend: Backend = "auto",
    ) -> None:
        """baseline: the arm whose utility is 0 by definition, see `reference`; None: no arm stands apart."""
        shape = (rounded(projects), rounded(contexts), len(scales.gaussian.family))
        self.outcomes, self.prior, self.scales, self.options = 0, hyper.PRIOR, scales, options
        self._failed, self._baseline, self._rank, self._backend = failure_utility, baseline, factors.MOST, backend
        self._memory, self._tail, self._learned = Memory(shape, options), _NO_TAIL, 0
        self._waiting: list[Row] = []
        self._program: Program | None = None
        self._copy: tuple[State, Constants, State] | None = None
        self._restart(initial.empty(shape, failure_utility))

    def limit_factors(self, rank: int) -> None:
        """The largest number of project factors that is tried."""
        self._rank = rank

    @property
    def half_life(self) -> float:
        """In force; infinite: nothing fades."""
        return float(self._memory.half_life)

    @property
    def backend(self) -> str:
        """What the next answer comes from: `jax` or `numpy`."""
        return "numpy" if self._compiled() is None else "jax"

    def serve(self, tail: Tail, key: Any, extra: int) -> None:
        """Let compiled calls end in `tail(belief, extra)`, which takes so many numbers; key: names it."""
        tally = self._tally()
        self._tail = (tail, key, extra)
        self._restart(tally)

    def look(self, project: int, context: int) -> Look:
        """What is believed now. Projects and contexts need no outcome to be looked at."""
        return self.answer(project, context, np.zeros(self._tail[2]))[0]

    def answer(self, project: int, context: int, extra: np.ndarray) -> tuple[Look, np.ndarray | None]:
        """`look`, and what the function of `serve` makes of it where one compiled call does both; else None."""
        self.make_room(project, context)
        if (program := self._compiled()) is None:
            self._fold()
            return self._looked(project, context), None
        while len(self._waiting) > 1:
            self._run(program, project, context, extra)
        found = self._run(program, project, context, extra)
        belief = found.belief
        return Look(belief.mean[0], belief.scale[0], belief.noise, belief.count, belief.mean[1:], belief.scale[1:],
                    belief.share), found.tail  # fmt: skip

    def contrast(self, project: int, context: int, look: Look, offered: np.ndarray) -> np.ndarray | None:
        """See `posterior.contrast`; look: of these arms. None where arms are taken to stand alone."""
        self._fold()
        if self.scales.gaussian.ground is None or self._form is None:
            return None
        beta = posterior.chance(self._constants, self._state, project, context, self._form.near())
        chance = np.array(beta.mean)
        if self._baseline is not None:
            chance[self._baseline] = 0.0  # nothing is shared with the baseline
        return contrast(self._form.state, (project, context), look, chance, offered)

    def given_success(self, project: int, context: int) -> Belief:
        """What the hierarchy says now of the utility of success alone, before any project factors: (arms,)."""
        self.make_room(project, context)
        self._fold()
        found = self._effects(project, context)
        return Belief(found.mean[0], np.sqrt(found.variance[0]))

    def speed(self, project: int, context: int) -> np.ndarray:
        """(arms,) mean of the utility of a success in one cell."""
        self.make_room(project, context)
        self._fold()
        pooled, known = self._with_factors(project, context), self._known()
        mean = np.array(posterior.with_own(*known, pooled, project, context, self._slot(project)).mean[0])
        if self._baseline is not None:
            mean[self._baseline] = 0.0
        return mean

    def learn(self, project: int, context: int, arm: int, utility: float, ok: bool, cut: bool = False) -> None:
        """One outcome; the belief about every cell that borrows from it is current afterwards.

        cut: it was stopped, and `utility` is what it is at most. `ok` says whether it went well until then. Raises
        InputError for what is no utility.
        """
        if not abs(utility) <= gaussian.LARGEST:
            gaussian.check_utilities(np.array([utility]))
        self.make_room(project, context)
        self.outcomes += 1
        self._learned += 1
        self._waiting.append((project, context, arm, utility, (CUT if cut else SUCCESS) if ok else FAILURE))
        if self._program is None or len(self._waiting) > _WAITING:
            self._fold()

    def learn_many(
        self,
        project: np.ndarray,
        context: np.ndarray,
        arm: np.ndarray,
        utility: np.ndarray,
        ok: np.ndarray,
        cut: np.ndarray | None = None,
    ) -> None:
        """Many outcomes in their order; a few are learned one by one, many in one pass over the statistics."""
        gaussian.check_utilities(utility)
        cut = np.zeros(len(arm), bool) if cut is None else cut & ok
        if len(arm) <= _FEW or self._memory.learns:
            for row in zip(*(column.tolist() for column in (project, context, arm, utility, ok, cut)), strict=True):
                self.learn(*row)
            if cut.any():
                self._settle()
            return
        self.make_room(int(project.max()), int(context.max()))
        worth = drift.ages(self.half_life, self.outcomes, len(arm))
        self._discount(float(worth[0]))
        self.outcomes += len(arm)
        rows = initial.Rows(project, context, arm, utility, ok, cut, worth[1:])
        tally, weight = initial.extended(self._tally(), rows, self._baseline, self.options.outliers)
        self._memory.successes(weight)
        stopped = rows.where(cut if self._baseline is None else cut & (arm != self._baseline))
        for place, number in censored.counted(list(stopped.place), stopped.utility, stopped.worth):
            censored.joined(self._memory.sites, place, number, 0.0, 0.0)
        self._restart(tally)
        if cut.any():
            self._settle()

    def forget(self, project: int, context: int, arm: int, utility: float) -> None:
        """Take a failure back that was assumed before its outcome arrived."""
        self.outcomes -= 1
        self._restart(initial.without_failure(self._tally(), (project, context, arm), utility, self._baseline))

    def fade(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,) in [0, 1]: what was seen before a change holds no longer."""
        tally = initial.cell_discounted(self._tally(), project, context, keep, self._baseline)
        self._memory.discount_cell(project, context, keep)
        self._restart(tally)

    def succeeded(self, project: int, context: int, arm: int) -> None:
        """A success whose speed is told by `amend`."""
        self.make_room(project, context)
        self.outcomes += 1
        tally = self._tally()
        for part in (tally.outcomes, tally.successes):
            part[project, context, arm] += 1.0
        self._restart(tally)

    def amend(self, change: Change) -> None:
        """Add what levelled jobs say to the statistics; of the baseline they say nothing, whose utility is 0."""
        change = change if self._baseline is None else without(change, self._baseline)
        self._memory.amend(change)
        tally = self._tally()
        self._restart(tally._replace(utility=amended(tally.utility, change)))

    def reestimate(self) -> Fit:
        """All scales and concentrations from all statistics; they serve from now on."""
        found = estimated(*self.asked())
        if np.isfinite(found.gaussian.log_evidence):
            self.adopt(found)
        return found.gaussian

    def asked(self) -> tuple[Scales, Statistics, np.ndarray, np.ndarray, hyper.Prior]:
        """What `estimated` takes, copied: nothing that is learned later changes it."""
        tally = self._tally()
        return self.scales, self._memory.lasting(tally.utility), tally.outcomes, tally.successes, self.hyperprior

    @property
    def hyperprior(self) -> hyper.Prior:
        """Of the scales: what other stores know, or the usual one in the unit of what was seen."""
        return self.prior if self.prior is not hyper.PRIOR else unit.scaled(self.prior, unit.unit(self.statistics()))

    def adopt(self, scales: Scales) -> None:
        """Serve from these scales from now on, and from the project factors that follow from them."""
        tally = self._tally()
        self.scales = scales._replace(factors=self.scales.factors)
        self._restart(tally)
        self._settle()
        self.scales = self.scales._replace(factors=self._factors())

    def borrow(self, prior: hyper.Prior, success: np.ndarray | None) -> None:
        """Start from what other stores know: `prior.median.pooled` and the hyperprior around it, and evidence of
        success (`bernoulli.Hyper.pooled`). The scales in use stay until they are estimated again."""
        tally = self._tally()
        fit, self.prior = self.scales.gaussian, prior
        fit = fit._replace(hyper=fit.hyper._replace(pooled=prior.median.pooled))
        self.scales = self.scales._replace(gaussian=fit, success=self.scales.success._replace(pooled=success))
        self._restart(tally)

    def tally(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of outcomes and of successes of every cell [project, context, arm], with room to come."""
        tally = self._tally()
        return tally.outcomes, tally.successes

    def cells(self) -> Cells:
        """Mean and squared deviation of the successful outcomes of every cell, none of the baseline; to be read."""
        self._fold()
        return self._cells()

    def statistics(self) -> Statistics:
        """Of the successful outcomes, none of the baseline, with room for projects and contexts to come."""
        return self._tally().utility

    def make_room(self, project: int, context: int) -> None:
        """Let these indices exist; nothing that is believed changes."""
        projects, contexts = self._structure.projects, self._structure.contexts
        if project < projects and context < contexts:
            return
        wider = (rounded(max(project + 1, projects)), rounded(max(context + 1, contexts)))
        tally = self._tally()
        self._memory.make_room(((0, wider[0] - projects), (0, wider[1] - contexts), (0, 0)))
        self._restart(initial.padded(tally, wider))

    # The state

    def _tally(self) -> Tally:
        """All that was counted, outcomes that wait included; the arrays are the caller's."""
        self._fold()
        return initial.tally_of(self._state)

    def _cells(self) -> Cells:
        return Cells(*(np.asarray(self._state.cells)[:, :, part] for part in range(3)))

    def _counted(self) -> Tally:
        """The same of those that were learned."""
        return initial.tally_of(self._state)

    def _restart(self, tally: Tally) -> None:
        """From statistics, under the scales that serve."""
        fit = self.scales.gaussian
        self._form = layouts.form(fit, self.scales.success, tally)
        self._alone = {} if self._form or self.options.trust == 1 else self._asked(tally)
        self._structure, self._constants, self._state = initial.init(
            self.scales, tally, self.options, self._baseline, tuple(self._alone), exact=self._form is None
        )
        self._heard = set(np.flatnonzero(tally.utility.count.any(axis=(1, 2))).tolist())
        self._program, self._copy = None, None

    def _asked(self, tally: Tally) -> dict[int, int]:
        """Slots of the projects of which it is not certain yet that they are like the others, as many as there is room
        for: those with outcomes first, and of these those with fewest."""
        projects, contexts, arms = tally.shape
        slots = min(projects, int(_SLOTS // (arms * (2 + contexts) ** 2)))
        number = tally.utility.count.sum(axis=(1, 2))
        odds = tally.log_odds + logit(self.options.trust)
        order = sorted(np.flatnonzero(odds <= CERTAIN).tolist(), key=lambda p: number[p] or np.inf)[:slots]
        spare = range(projects, projects + slots - len(order))
        return {project: slot for slot, project in enumerate((*order, *spare))}

    def _slot(self, project: int) -> int:
        """-1: whether the project is like the others is not asked, since it is certain or there are no others."""
        alone = self._heard <= {project} and self.scales.gaussian.hyper.pooled is None
        return -1 if alone else self._alone.get(project, -1)

    def _known(self) -> tuple[Structure, Constants, State]:
        """In NumPy, to be read."""
        if self._program is None:
            return self._structure, self._constants, self._state
        if self._copy is None or self._copy[0] is not self._state:
            self._copy = self._state, *compiled.fetched((self._constants, self._state))
        return self._structure, *self._copy[1:]

    # One outcome

    def _compiled(self) -> Program | None:
        """What answers, once it is there and may."""
        if self._program is None and self._may_compile():
            found = compiled.program(self._structure, *self._tail, wait=self._backend == "jax")
            if found is not None:
                self._state, self._constants = compiled.placed((self._state, self._constants))
                self._program = found
        return self._program

    def _may_compile(self) -> bool:
        if self._backend == "numpy" or not (self._backend == "jax" or self._learned >= _WARM):
            return False
        found = self.scales.factors
        return self._form is None and self._memory.idle and not (found and found.rank)

    def _run(self, program: Program, project: int, context: int, extra: np.ndarray) -> Answer:
        """One compiled call: the next outcome that waits, if any, then a cell."""
        row = self._waiting[0] if self._waiting else _NO_ROW
        asked = (*row, self._slot(int(row[0])), project, context, self._slot(project))
        self._state, found = program(self._state, self._constants, np.concatenate([asked, extra]))
        self._after(row, *found.counted.tolist())
        return found

    def _fold(self) -> None:
        """Learn what waits."""
        while self._waiting and self._program is not None:
            self._run(self._program, 0, 0, np.zeros(self._tail[2]))
        while self._waiting:
            self._learn_here(self._waiting[0])

    def _learn_here(self, row: Row) -> None:
        """In NumPy."""
        project, context, arm, utility, kind = row
        outcome = Outcome(project, context, arm, utility, kind, self._slot(project))
        pooled = None
        if self._form is not None or (self.scales.factors and self.scales.factors.rank):
            found = self._with_factors(project, context)
            pooled = (found.mean[0, arm], found.variance[0, arm])
        self._state, counted = posterior.update(self._structure, self._constants, self._state, outcome, pooled)
        weight, value = counted.tolist()
        if self._form is not None:
            self._form.update(self._state, row[:3], value, 0.0 if arm == self._baseline else weight)
        self._after(row, weight, value)

    def _after(self, row: Row, weight: float, value: float) -> None:
        """What follows from an outcome that has been learned."""
        if not self._waiting:
            return
        del self._waiting[0]
        project, context, arm, utility, kind = row
        number = self.outcomes - len(self._waiting)
        if kind in (SUCCESS, CUT) and arm != self._baseline:
            self._heard.add(project)
            if kind == CUT:
                self._memory.cut((project, context, arm), utility, weight, value)
            else:
                self._memory.success((project, context, arm), value, weight, number)
        if self._form is not None and self._form.stale:
            self._restart(self._counted())
        if (chosen := self._memory.chosen(number, self._structure[:3])) is not None:
            self._restart(self._counted()._replace(utility=chosen))
        self._discount(self._memory.share(number))

    def _discount(self, share: float) -> None:
        """Let a share of everything count."""
        if share == 1:
            return
        tally = self._counted()
        self._memory.discount(share)
        # Of what is learned of half-lives, the candidates say what counts.
        self._restart(initial.discounted(tally, share, self._failed, utility=not self._memory.learns))

    def _settle(self) -> None:
        """Sweep over all outcomes that were cut off, each against what is believed now, until little changes."""
        sites, before = self._memory.sites, None
        for _ in range(_SWEEPS if sites else 0):
            looks = {cell: self._effects(*cell) for cell in {place[:2] for place in sites}}
            at = [(looks[p, c], a, self._constants.noise[c, a]) for p, c, a, _ in sites]
            mean = np.array([look.mean[0, a] for look, a, _ in at])
            variance = np.array([look.variance[0, a] for look, a, _ in at])
            if before is not None and (np.abs(mean - before) < _SETTLED * np.sqrt(variance)).all():
                return
            before = mean
            found = censored.refreshed(sites, mean, variance, np.array([noise for *_, noise in at]))
            tally = self._counted()
            stats = censored.added(censored.added(tally.utility, sites, -1.0), found)
            self._memory.sites = sites = found
            self._restart(tally._replace(utility=stats))

    # What is believed, in NumPy

    def _looked(self, project: int, context: int) -> Look:
        known = self._known()
        mixed = posterior.with_own(*known, self._with_factors(project, context), project, context, self._slot(project))
        near = None if self._form is None else self._form.near()
        seen = posterior.assemble(*known, mixed, project, context, near)
        share = seen.share if self._form is None or self._form.shares else None
        return Look(seen.mean[0], seen.scale[0], seen.noise, seen.count, seen.mean[1:], seen.scale[1:], share)

    def _effects(self, project: int, context: int) -> Effects:
        """Utility of a success as the hierarchy has it."""
        if self._form is not None:
            return self._form.look(project, context)
        return posterior.given_success(*self._known(), project, context)

    def _with_factors(self, project: int, context: int) -> Effects:
        """The same, with what projects that resemble this one say of the cell."""
        every, found, fit = self._effects(project, context), self.scales.factors, self.scales.gaussian
        if found is None or not found.rank:
            return every
        cells = self._cells()
        scales = hyper.effective(fit.hyper, fit.families, cells.count.shape)
        told = factors.at_project(found, cells, project, context, scales, np.asarray(fit.family))
        if told is None:
            return every
        mean, variance = np.array(every.mean), np.array(every.variance)
        mean[0], variance[0] = told.mean, np.square(told.scale)
        return Effects(mean, variance, every.along * (variance[0] / every.variance[0]))

    def _factors(self) -> Factors | None:
        """Factors of all statistics, around what the hierarchy knows of every context with outcomes; None where
        projects inform each other by their surfaces."""
        fit, cells = self.scales.gaussian, self._cells()
        contexts = int(np.flatnonzero(cells.count.any(axis=(0, 2))).max(initial=-1)) + 1
        if not contexts or not self._rank or fit.ground is not None or len(self._heard) < factors.FEW:
            return None
        looks = [self._effects(0, context) for context in range(contexts)]
        level = Belief(np.array([one.mean[2] for one in looks]), np.sqrt([one.variance[2] for one in looks]))
        scales = hyper.effective(fit.hyper, fit.families, cells.count.shape)
        return factors.refreshed(self.scales.factors, cells, scales, np.asarray(fit.family), level, self._rank)
