"""The posterior of an engine, current after every outcome: a mutable shell over `recursive`.

Holds arrays with room to grow; knows indices, never names. `Hyperparameters` are estimated, a `Tally` is counted, and
the state that serves follows from the two. Each outcome is one compiled call, or NumPy's until that is there. Where a
system is too large for exact covariances, or arms resemble each other by their parameters, `layouts` keeps the effects.
"""

from typing import Any

import numpy as np

from poolwise.posterior import arguments
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.crossed.job_effects import StatisticsDelta, add_statistics, without
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.features.arguments import number_of_features, raw_of_many, raw_of_one
from poolwise.posterior.features.batch_rows import with_features
from poolwise.posterior.features.borrowed import BorrowedSlopes
from poolwise.posterior.features.effects import FeatureEffects
from poolwise.posterior.hyperparameters import estimation, gaussian, utility_scale
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, estimate_hyperparameters
from poolwise.posterior.likelihoods import discounting, project_weights
from poolwise.posterior.memory import Memory
from poolwise.posterior.observation_model import DEFAULT, ObservationModel
from poolwise.posterior.padding import padded_size
from poolwise.posterior.projects import factors
from poolwise.posterior.recursive import initial
from poolwise.posterior.recursive.compiled import Answer, Program, Tail
from poolwise.posterior.recursive.initial import Tally
from poolwise.posterior.recursive.types import CUT, FAILURE, SUCCESS, Predictive, State
from poolwise.posterior.serving import NO_ROW, Asked, Backend, Row, Serving
from poolwise.posterior.types import Marginals

_FEW, _ASKED = 64, 2_560
"""Outcomes that are learned one by one, though they come together; and where they tell whether projects are alike."""
_WAITING = 16
"""Most outcomes that wait for the next answer."""
WARM = 100
"""Outcomes that a process learns one by one before the posterior is compiled for it."""
_SWEEPS, _SETTLED = 5, 0.05
"""Most sweeps over outcomes that were cut off, and the change of a mean, in standard deviations, that ends them."""

_NO_TAIL: tuple[Tail, Any, int] = (lambda seen, _: seen.count[:0], None, 0)


class Posterior:
    """Mutable shell over the pure posterior; not safe to share between threads without a lock."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        failure_utility: float,
        *,
        projects: int = 1,
        contexts: int = 1,
        options: ObservationModel = DEFAULT,
        baseline: int | None = None,
        backend: Backend = "auto",
        most_factors: int = factors.MAX_RANK,
        features: int = 0,
    ) -> None:
        """baseline: the arm whose utility is 0 by definition; None: no arm stands apart. most_factors: of projects;
        features: numbers known of a job before it is decided, `raw` from here on."""
        shape = (padded_size(projects), padded_size(contexts), len(hyperparameters.gaussian.family))
        self.outcomes, self.prior, self.hyperparameters, self.options = 0, gaussian.HYPERPRIOR, hyperparameters, options
        self._failed, self._baseline, self._rank, self._backend = failure_utility, baseline, most_factors, backend
        self.features, self._tail, self._learned, self.warm = number_of_features(features), _NO_TAIL, 0, WARM
        self._memory = Memory(shape, options, self.features)
        self._waiting, self._raws = list[Row](), list[np.ndarray | None]()
        self._state: Serving | Tally = initial.empty(shape, failure_utility)

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
        self._state, self._tail = self._tally(), (tail, key, extra)

    def predict(self, project: int, context: int, raw: Any = None) -> Predictive:
        """What is believed now of any project and context. raw: (F,) features of the job, NaN: missing; None: all."""
        return self.answer(project, context, np.zeros(self._tail[2]), raw)[0]

    def answer(
        self, project: int, context: int, extra: np.ndarray, raw: Any = None
    ) -> tuple[Predictive, np.ndarray | None]:
        """`predict`, and what the function of `serve` makes of it where one compiled call does both; else None."""
        raw = None if raw is None else raw_of_one(raw, self.features)
        self.make_room(project, context)
        asked = project, context, extra[: self._tail[2]], raw
        while (program := self._compiled()) is not None:
            current = len(self._waiting) <= 1
            if (found := self._turn(program, asked)) is not None and current:
                return found.belief, found.tail if self._tail[2] else None
        return self.serving().predict(project, context, raw), None

    def among_configurations(self, *asked: Any, session: bool = False) -> Any:
        """See `Serving.among_configurations`."""
        return self.serving().among_configurations(*asked, session=session)

    def predict_given_success(self, project: int, context: int) -> Marginals:
        """What the hierarchy says now of the utility of success alone, before any project factors: (arms,)."""
        self.make_room(project, context)
        return self.serving().marginals(project, context)

    def mean_given_success(self, project: int, context: int) -> np.ndarray:
        """(arms,) mean of the utility of a success in one cell."""
        self.make_room(project, context)
        return self.serving().mean_given_success(project, context)

    def update(
        self, project: int, context: int, arm: int, utility: float, ok: bool, cut: bool = False, raw: Any = None
    ) -> None:
        """One outcome; the belief about every cell that borrows from it is current afterwards. cut: it was stopped, and
        `utility` is what it is at most; ok: whether it went well until then; raw: as in `predict`. Raises InputError
        for what is no utility, or no features."""
        raw = None if raw is None else raw_of_one(raw, self.features)
        if not abs(utility) <= arguments.MAX_UTILITY:
            arguments.check_utilities(np.array([utility]))
        self.make_room(project, context)
        self.outcomes, self._learned = self.outcomes + 1, self._learned + 1
        self._waiting.append((project, context, arm, utility, (CUT if cut else SUCCESS) if ok else FAILURE))
        self._raws.append(raw)
        if self._serving.program is None or len(self._waiting) > _WAITING:
            self._fold()

    def update_many(
        self,
        project: np.ndarray,
        context: np.ndarray,
        arm: np.ndarray,
        utility: np.ndarray,
        ok: np.ndarray,
        cut: np.ndarray | None = None,
        raw: Any = None,
    ) -> None:
        """Many outcomes in their order; a few are learned one by one, many in one pass. raw: (outcomes, F)."""
        raw = raw_of_many(raw, len(arm), self.features)
        arguments.check_utilities(utility)
        cut = np.zeros(len(arm), bool) if cut is None else cut & ok
        rows = initial.OutcomeRows(project, context, arm, utility, ok, cut, np.ones(len(arm)))
        if len(arm) <= _FEW or self._memory.learns or (len(arm) <= _ASKED and self._serving.asks):
            for p, c, a, y, fine, stop, own in zip(*(part.tolist() for part in rows[:6]), raw, strict=True):
                self.update(p, c, a, y, fine, stop, own if self.features else None)
            return
        self.make_room(int(project.max()), int(context.max()))
        weights = discounting.age_weights(self.half_life, self.outcomes, len(arm))
        self._discount(float(weights[0]))
        self.outcomes += len(arm)
        rows, before, limit = rows._replace(age_weight=weights[1:]), self._tally(), self.options.outliers
        self._memory.rows.extend(with_features(raw, rows, before, self._baseline, limit))
        self._state, weight = initial.update_many(before, rows, self._baseline, limit)
        self._memory.successes(weight)
        stopped = rows.where(cut if self._baseline is None else cut & (arm != self._baseline))
        self._memory.cut_many(list(stopped.place), stopped.utility, stopped.age_weight)
        if cut.any():
            self._settle()

    def remove_failure(self, project: int, context: int, arm: int, utility: float) -> None:
        """Take a failure back that was assumed before its outcome arrived."""
        self.outcomes -= 1
        self._state = initial.remove_failure(self._tally(), (project, context, arm), utility, self._baseline)

    def discount_cell(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,) in [0, 1]: what was seen before a change holds no longer."""
        self._state = initial.discount_cell(self._tally(), project, context, keep, self._baseline)
        self._memory.discount_cell(project, context, keep)

    def add_success(self, project: int, context: int, arm: int) -> None:
        """A success whose utility follows by `add_statistics`."""
        self.make_room(project, context)
        self.outcomes += 1
        self._state = initial.add_success(self._tally(), (project, context, arm))

    def add_statistics(self, change: StatisticsDelta) -> None:
        """Add what levelled jobs say to the statistics; of the baseline they say nothing, whose utility is 0."""
        change = change if self._baseline is None else without(change, self._baseline)
        self._memory.add_statistics(change)
        self._state = (tally := self._tally())._replace(utility=add_statistics(tally.utility, change))

    def feature_effects(self) -> FeatureEffects | None:
        """Which features matter, for which arms; None where there are none."""
        return self.serving().feature_effects(self.features) if self.features else None

    def reestimate(self) -> Fit:
        """All scales and concentrations from all statistics; they serve from now on."""
        if np.isfinite((found := estimate_hyperparameters(*self.estimation_arguments())).gaussian.log_evidence):
            self.set_hyperparameters(found)
        return found.gaussian

    def estimation_arguments(self) -> estimation.EstimationArguments:
        """What `estimate_hyperparameters` takes, copied: nothing that is learned later changes it."""
        tally = self._tally()
        lasting = self._memory.lasting(tally.utility)
        return self.hyperparameters, lasting, *tally[1:3], self.hyperprior, self._memory.rows.copied()

    @property
    def hyperprior(self) -> gaussian.Hyperprior:
        return utility_scale.hyperprior(self.prior, project_weights.downweight(*self._tally()[:2]))

    def set_hyperparameters(self, hyperparameters: Hyperparameters) -> None:
        """Serve from these scales from now on, and from the project factors that follow from them."""
        self._state = self._tally()
        self.hyperparameters = hyperparameters._replace(factors=self.hyperparameters.factors)
        self._settle()
        refitted = self.hyperparameters._replace(factors=self._serving.refit_factors(self._rank))
        self.hyperparameters = self._serving.hyperparameters = refitted

    def set_prior(self, prior: gaussian.Hyperprior, success: Any, lent: BorrowedSlopes | None = None) -> None:
        """Start from what other stores know: `prior.median.pooled` and the hyperprior around it, counts of
        success (`bernoulli.BetaHyperparameters.pooled`) or None, slopes. Scales in use stay until estimated again."""
        self._state, self.prior = self._tally(), prior
        self.hyperparameters = estimation.with_pooled(self.hyperparameters, prior.median.pooled, success, lent)

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of outcomes and of successes of every cell [project, context, arm], with room to come."""
        return (tally := self._tally()).outcomes, tally.successes

    def cells(self) -> CellMoments:
        """Mean and squared deviation of the successful outcomes of every cell, none of the baseline; to be read."""
        return self.serving().cells()

    def statistics(self) -> SufficientStatistics:
        """Of the successful outcomes, none of the baseline, with room for those to come."""
        return self._tally().utility

    def recompute(self) -> None:
        """Compute everything again from what was counted: rounding does not pile up, and the way does not matter."""
        self._state = self._tally()

    def ready(self) -> None:
        """Compute what the next answer needs, where nobody waits for it yet."""
        self.serving()
        self._compiled()

    def saved(self) -> dict[str, np.ndarray] | None:
        """All that `resume` needs, copied; None where a half-life is learned: only events give that back."""
        parts = {name: np.array(part) for name, part in self._tally()._asdict().items()}
        return None if self._memory.learns else {**parts, **self._memory.saved(), "learned": np.array(self.outcomes)}

    def resume(self, saved: dict[str, np.ndarray], learned: int = 0) -> None:
        """Go on from `saved`; learned: see `WARM`. Raises ValueError or KeyError for other arrays."""
        tally = initial.resumed(saved, len(self.hyperparameters.gaussian.family), self._failed)
        self.outcomes, self._learned = int(saved["learned"]), learned
        self._memory = Memory(tally.shape, self.options, self.features)
        self._memory.resume(saved)
        self._state = tally

    def make_room(self, project: int, context: int) -> None:
        """Let these indices exist; nothing that is believed changes."""
        projects, contexts = self._state.shape[:2]
        if project < projects and context < contexts:
            return
        wider = (padded_size(max(project + 1, projects)), padded_size(max(context + 1, contexts)))
        self._fold()
        self._memory.make_room(((0, wider[0] - projects), (0, wider[1] - contexts), (0, 0)))
        if not (isinstance(self._state, Serving) and self._state.make_room(*wider)):
            self._state = initial.padded(self._tally(), wider)

    def serving(self) -> Serving:
        """The state, for a loop that learns by itself: to be read, and given back by `set_state`."""
        self._fold()
        return self._serving

    def set_state(self, state: State, heard: set[int], outcomes: int) -> None:
        """The state after so many more outcomes, none of them cut off, where nothing fades."""
        self._serving.state, self._serving.heard = state, heard
        self.outcomes += outcomes

    def _tally(self) -> Tally:
        """All that was counted, outcomes that wait included; the arrays are the caller's."""
        self._fold()
        return self._state.tally() if isinstance(self._state, Serving) else self._state

    @property
    def _serving(self) -> Serving:
        """From statistics, under the scales that serve: computed when it is first asked for."""
        if not isinstance(self._state, Serving):
            rows = self._memory.rows.rows()
            self._state = Serving(self.hyperparameters, self._state, self.options, self._baseline, rows)
        return self._state

    def _compiled(self) -> Program | None:
        """What answers, once it is there and may."""
        warm = self._backend == "jax" or (self._backend == "auto" and self._learned >= self.warm)
        wait = self._backend == "jax"
        return self._serving.compile(*self._tail, wait=wait) if warm and self._memory.idle else None

    def _fold(self) -> None:
        """Learn what waits."""
        while self._waiting:
            if (program := self._serving.program) is not None:
                self._turn(program, (0, 0, np.zeros(self._tail[2]), None))
            else:
                self._after(self._waiting[0], *self._serving.update(self._waiting[0], self._raws[0]))

    def _turn(self, program: Program, asked: Asked) -> Answer | None:
        """The next outcome that waits, if any, then a cell; None: the call failed, and NumPy serves."""
        row, raw = (self._waiting[0], self._raws[0]) if self._waiting else (NO_ROW, None)
        found = self._serving.update_and_predict(program, row, raw, asked)
        if self._waiting and found is not None:
            self._after(row, *found.counted.tolist())
        return found

    def _after(self, row: Row, weight: float, value: float) -> None:
        """What follows from the first outcome that waited, now that it has been learned."""
        _, raw = self._waiting.pop(0), self._raws.pop(0)
        project, context, arm, utility, kind = row
        number, serving = self.outcomes - len(self._waiting), self._serving
        teaches = kind in (SUCCESS, CUT) and arm != self._baseline
        if self.features:
            self._memory.row(raw, (project, context, arm), value, weight * teaches, utility if kind == CUT else np.nan)
        if teaches:
            if kind == CUT:
                self._memory.cut((project, context, arm), utility, weight, value)
                if self._memory.sweep_due:
                    self._settle()
            else:
                self._memory.success((project, context, arm), value, weight, number)
        if serving.form is not None and serving.form.needs_refactor:
            self._state = serving.tally()
        if (chosen := self._memory.select_statistics(number, serving.structure[:3])) is not None:
            self._state = self._serving.tally()._replace(utility=chosen)
        self._discount(self._memory.factor(number))

    def _discount(self, factor: float) -> None:
        """Let a share of everything count."""
        if factor == 1:
            return
        tally = self._serving.tally()
        self._memory.discount(factor)
        # Of what is learned of half-lives, the candidates say what counts.
        self._state = initial.discount(tally, factor, self._failed, utility=not self._memory.learns)

    def _settle(self) -> None:
        """Sweep over all outcomes that were cut off, each against what is believed now, until little changes."""
        before = None
        for _ in range(_SWEEPS if self._memory.sites else 0):
            found, tally, mean, scale = self._serving.sweep_censored(self._memory.sites)
            if before is not None and (np.abs(mean - before) < _SETTLED * scale).all():
                return
            self._memory.judge(found)
            before, self._state = mean, tally
