"""One state that serves, under one set of scales and in one shape: what it believes, and one outcome more.

NumPy holds it until a compiled call is there (`compile`), then JAX does, and NumPy again where a call fails: what it
held is kept, and the outcomes since. Where effects have another form (`layouts`), or there are factors, NumPy serves.
"""

from operator import attrgetter
from typing import Any, Literal

import numpy as np

from poolwise.lazy import special
from poolwise.posterior import layouts
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.features.effects import FeatureEffects, nothing_known
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.features.serving import FeatureEffectsFilter
from poolwise.posterior.gp.correlated_gain import gain_over_best
from poolwise.posterior.hyperparameters import gaussian
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.likelihoods import censored, project_weights
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.projects import factors
from poolwise.posterior.projects.factors import Factors
from poolwise.posterior.recursive import compiled, initial, padding, prediction, updating
from poolwise.posterior.recursive.compiled import ROW, Answer, CallFailed, Program, Tail
from poolwise.posterior.recursive.exchangeability import CERTAIN, Effects
from poolwise.posterior.recursive.initial import Tally
from poolwise.posterior.recursive.types import CUT, NONE, SUCCESS, Constants, Outcome, Predictive, State, Structure
from poolwise.posterior.types import Marginals

Backend = Literal["auto", "numpy", "jax"]
"""`auto`: compiled beside once a process has learned some outcomes; `jax`: at once, while the caller waits."""
Row = tuple[int, int, int, float, int]
"""An outcome: project, context, arm, utility, kind (`recursive.types`)."""
Asked = tuple[int, int, np.ndarray, np.ndarray | None]
"""Project, context, numbers for the tail, features of the job."""
NO_ROW: Row = (0, 0, 0, 0.0, NONE)
_SINCE = 2_048
"""Outcomes that NumPy would learn again where a compiled call fails, at most."""
_SLOTS = 4e6
"""Numbers that the effects of projects by themselves may take."""
_mean, _variance = attrgetter("mean"), attrgetter("variance")


def _most_asked(shape: tuple[int, int, int]) -> int:
    """Projects of which there is room to ask whether they are like the others."""
    projects, contexts, arms = shape
    return min(projects, int(_SLOTS // (arms * (2 + contexts) ** 2)))


class Serving:
    """Mutable: an outcome changes the state, in NumPy in place."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        tally: Tally,
        options: ObservationModel,
        baseline: int | None,
        rows: FeatureRows | None = None,
    ) -> None:
        """rows: the outcomes with the features of their jobs, if there are any."""
        self.hyperparameters, self._trust = hyperparameters, options.trust
        self.form = layouts.effects_filter(hyperparameters, tally, rows)
        self._alone = self._asked(tally) if self.form is None and options.trust != 1 else {}
        self._options = options
        self.structure, self.constants, self.state = initial.init(
            hyperparameters, tally, options, baseline, tuple(self._alone), exact=self.form is None
        )
        self.heard = set(np.flatnonzero(tally.utility.count.any(axis=(1, 2))).tolist())
        self.program: Program | None = None
        self._safe: tuple[State, Constants, list[tuple[Row, np.ndarray | None]]] | None = None
        """What NumPy held before the program did, and the outcomes since."""
        self._copy: tuple[State, Constants, State] | None = None

    def _asked(self, tally: Tally) -> dict[int, int]:
        """Slots of the projects of which it is not certain yet that they are like the others, as many as there is room
        for: those with outcomes first, and of these those with fewest."""
        projects, slots = tally.shape[0], _most_asked(tally.shape)
        number = tally.utility.count.sum(axis=(1, 2))
        odds = tally.log_odds + special.logit(self._trust) + np.log(self._weight(projects))
        order = sorted(np.flatnonzero(odds <= CERTAIN).tolist(), key=lambda p: number[p] or np.inf)[:slots]
        spare = range(projects, projects + slots - len(order))
        return {project: slot for slot, project in enumerate((*order, *spare))}

    def make_room(self, projects: int, contexts: int) -> bool:
        """Let there be so many; nothing that is believed changes. False where all is to be computed again."""
        shape = projects, contexts, self.structure.arms
        if self.form is not None or layouts.kept_by(self.hyperparameters.gaussian, shape) is not None:
            return False
        slots = _most_asked(shape) if self.asks else 0
        structure, _, state = self._known()
        found = padding.padded(self.hyperparameters, self._options, structure, state, (projects, contexts), slots)
        if found is None:
            return False
        for project in range(structure.projects, projects):
            if len(self._alone) < slots:
                self._alone.setdefault(project, len(self._alone))
        self.structure, self.constants, self.state = found
        self.program, self._copy = None, None
        return True

    def _weight(self, projects: int) -> np.ndarray:
        return project_weights.pad_weights(self.hyperparameters.weight, projects)

    def slot(self, project: int) -> int:
        """-1: whether the project is like the others is not asked, since it is certain or there are no others."""
        alone = self.heard <= {project} and self.hyperparameters.gaussian.scales.pooled is None
        alone = alone and bool(self._weight(project + 1)[project] == 1)
        return -1 if alone else self._alone.get(project, -1)

    def _heard_of(self, row: Row) -> int:
        """Slot with which an outcome is learned, be its project alone or not; from then on it tells the others."""
        slot = self._alone.get(row[0], -1)
        if row[4] in (SUCCESS, CUT) and row[2] != self.structure.baseline:
            self.heard.add(row[0])
        return slot

    def tally(self) -> Tally:
        """All that was counted; the arrays are the caller's."""
        return initial.tally_of(self.state)

    def cells(self) -> CellMoments:
        """Moments of the successes of every cell, none of the baseline; to be read."""
        return CellMoments(*(np.asarray(self.state.cells)[:, :, part] for part in range(3)))

    def outcomes_of(self, project: int) -> float:
        """Number of outcomes of a project."""
        return float(np.asarray(self.state.cells[project, :, 3]).sum()) if project < self.shape[0] else 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Projects, contexts and arms, with room to come."""
        return self.structure[:3]

    @property
    def slots(self) -> np.ndarray:
        """(projects,): of every project, -1 where it has none."""
        return np.array([self._alone.get(p, -1) for p in range(self.structure.projects)], dtype=np.int32)

    @property
    def asks(self) -> bool:
        """Whether outcomes tell that a project is like the others, or is not."""
        return bool(self._alone)

    @property
    def _featured(self) -> bool:
        """Whether effects have slopes."""
        return isinstance(self.form, FeatureEffectsFilter)

    @property
    def factored(self) -> bool:
        """Whether projects inform each other by factors, which know nothing of features."""
        return not self._featured and self.hyperparameters.factors is not None and self.hyperparameters.factors.rank > 0

    def compile(self, tail: Tail, key: Any, extra: int, *, wait: bool) -> Program | None:
        """What answers in one call, once it is there; None for now or for good."""
        if self.program is None and not self.factored and not isinstance(self.form, layouts.EffectsFilter):
            ask = compiled.program if self.form is None else self.form.program
            self.program = ask(self.structure, tail, key, extra, wait)
            if self.program is not None:
                self._safe = self.state, self.constants, []
                self.state, self.constants = self.program.placed(self._safe[:2])
        return self.program

    def update_and_predict(self, program: Program, row: Row, raw: np.ndarray | None, asked: Asked) -> Answer | None:
        """One compiled call: an outcome, if any, then a cell. None: it failed, that was not learned, NumPy serves.
        raw: features of the outcome's job."""
        own, (project, context, extra, asks) = self._heard_of(row), asked
        numbers = np.empty(ROW + len(extra))
        numbers[:ROW], numbers[ROW:] = (*row, own, project, context, self.slot(project)), extra
        try:
            if isinstance(self.form, FeatureEffectsFilter):
                self.state, found = self.form.call(program, self.state, self.constants, numbers, (raw, asks))
            else:
                self.state, found = program(self.state, self.constants, numbers)
        except CallFailed:
            self._recover()
            return None
        if row[4] != NONE and self._safe is not None:
            self._safe[2].append((row, raw))
            if len(self._safe[2]) >= _SINCE:
                self._safe = *compiled.fetched((self.state, self.constants)), []
                if isinstance(self.form, FeatureEffectsFilter):
                    self.form.keep()
        return found

    def _recover(self) -> None:
        """Go on in NumPy, from the last state that it held."""
        assert self._safe is not None
        self.state, self.constants, since = self._safe
        self.program = self._copy = self._safe = None
        if isinstance(self.form, FeatureEffectsFilter):
            self.form.recover()
        for row, raw in since:
            self.update(row, raw)

    def update(self, row: Row, raw: np.ndarray | None = None) -> tuple[float, float]:
        """One outcome in NumPy; weight and value with which it counts. raw: features of the job."""
        project, context, arm, utility, kind = row
        outcome = Outcome(project, context, arm, utility, kind, self._heard_of(row))
        pooled = None
        if isinstance(self.form, FeatureEffectsFilter):
            pooled = self.form.marginal(project, context, arm, raw)
        elif self.form is not None or self.factored:
            found = self.with_factors(project, context)
            pooled = (found.mean[0, arm], found.variance[0, arm])
        self.state, counted = updating.update(self.structure, self.constants, self.state, outcome, pooled)
        weight, value = counted.tolist()
        if self.form is not None:
            self.form.update(self.state, row[:3], value, 0.0 if arm == self.structure.baseline else weight, raw)
        return weight, value

    def _known(self) -> tuple[Structure, Constants, State]:
        """In NumPy, to be read."""
        if self.program is None:
            return self.structure, self.constants, self.state
        if self._copy is None or self._copy[0] is not self.state:
            self._copy = self.state, *compiled.fetched((self.constants, self.state))
        return self.structure, *self._copy[1:]

    def predict(self, project: int, context: int, raw: np.ndarray | None = None) -> Predictive:
        """In NumPy. raw: features of the job."""
        near = None if self.form is None else self.form.near()
        given = self.predict_given_success(project, context, raw)
        seen = prediction.assemble(*self._known(), given, project, context, near)
        return seen if self.form is None or self.form.shares else seen._replace(wider_share=None)

    def predict_given_success(self, project: int, context: int, raw: np.ndarray | None = None) -> Effects:
        """Utility of a success, as far as the project is like the others."""
        pooled = self.with_factors(project, context, raw)
        return prediction.mix_with_independent(*self._known(), pooled, project, context, self.slot(project))

    def marginals(self, project: int, context: int) -> Marginals:
        """`effects` of the cell alone."""
        found = self.effects(project, context)
        return Marginals(found.mean[0], np.sqrt(found.variance[0]))

    def mean_given_success(self, project: int, context: int) -> np.ndarray:
        """(arms,), 0 of the baseline."""
        mean = np.array(self.predict_given_success(project, context).mean[0])
        if self.structure.baseline is not None:
            mean[self.structure.baseline] = 0.0
        return mean

    def among_configurations(
        self, at: tuple[int, int], known: Predictive, offered: np.ndarray, *, session: bool = False
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """What `gp.correlated_gain` says, and the chance of success, 1 of the baseline, which is worth what it is:
        (offered,) each. known: of the offered arms. None where arms are taken to stand alone."""
        if self.hyperparameters.gaussian.ground is None or not isinstance(self.form, layouts.EffectsFilter):
            return None, None
        chance, home = self.success_probability(*at), self.structure.baseline
        contrast = gain_over_best(self.form.state(at[0]), at, known, chance, offered, session=session)
        return contrast, chance[offered] if home is None else np.where(offered == home, 1.0, chance[offered])

    def feature_effects(self, features: int) -> FeatureEffects:
        """Which of the declared features matter, for which arms."""
        if isinstance(self.form, FeatureEffectsFilter):
            return self.form.feature_effects(features, self.structure.baseline)
        return nothing_known(features, self.structure.arms)

    def success_probability(self, project: int, context: int) -> np.ndarray:
        """(arms,): mean chance of success, 0 of the baseline, with which nothing is shared."""
        _, constants, state = self._known()
        near = None if self.form is None else self.form.near()
        found = np.array(prediction.predict_success(constants, state, project, context, near).mean)
        if self.structure.baseline is not None:
            found[self.structure.baseline] = 0.0
        return found

    def effects(self, project: int, context: int, raw: np.ndarray | None = None) -> Effects:
        """Utility of a success as the hierarchy has it."""
        if self.form is not None:
            return self.form.predict(project, context, raw)
        return prediction.predict_given_success(*self._known(), project, context)

    def with_factors(self, project: int, context: int, raw: np.ndarray | None = None) -> Effects:
        """The same, with what projects that resemble this one say of the cell."""
        every, found = self.effects(project, context, raw), self.hyperparameters.factors
        fit = self.hyperparameters.gaussian
        if found is None or not self.factored:
            return every
        cells = self.cells()
        scales = gaussian.effective(fit.scales, fit.families, cells.count.shape)
        resembling = factors.predict(found, cells, project, context, scales, np.asarray(fit.family))
        if resembling is None:
            return every
        mean, variance = np.array(every.mean), np.array(every.variance)
        mean[0], variance[0] = resembling.mean, np.square(resembling.scale)
        return Effects(mean, variance, every.along * (variance[0] / every.variance[0]))

    def sweep_censored(self, sites: censored.Sites) -> tuple[censored.Sites, Tally, np.ndarray, np.ndarray]:
        """Every outcome that was cut off judged by what is believed now: factors, what was counted with them, and what
        is believed of each, mean and standard deviation."""
        usual = self.form.usual if isinstance(self.form, FeatureEffectsFilter) else self.effects
        looks = {cell: usual(*cell) for cell in {place[:2] for place in sites}}
        found, noise = [(looks[place[:2]], place[2]) for place in sites], self._known()[1].noise
        mean, variance = (np.array([part(look)[0, a] for look, a in found]) for part in (_mean, _variance))
        anew = censored.update_sites(sites, mean, variance, np.array([noise[c, a] for _, c, a, _ in sites]))
        tally = self.tally()
        stats = censored.add_to_statistics(censored.add_to_statistics(tally.utility, sites, -1.0), anew)
        return anew, tally._replace(utility=stats), mean, np.sqrt(variance)

    def refit_factors(self, rank: int) -> Factors | None:
        """At most so many factors of all statistics, around what the hierarchy knows of every context with outcomes.

        None where projects inform each other by their surfaces, or are too few."""
        fit, cells = self.hyperparameters.gaussian, self.cells()
        part = self._weight(len(cells.count))[:, None, None]
        cells = cells._replace(count=part * cells.count, deviation=part * cells.deviation)
        contexts = int(np.flatnonzero(cells.count.any(axis=(0, 2))).max(initial=-1)) + 1
        if not contexts or not rank or (self.form and self.form.shares) or len(self.heard) < factors.MIN_PROJECTS:
            return None
        looks = [self.effects(0, context) for context in range(contexts)]
        level = Marginals(np.array([one.mean[2] for one in looks]), np.sqrt([one.variance[2] for one in looks]))
        scales = gaussian.effective(fit.scales, fit.families, cells.count.shape)
        return factors.refit(self.hyperparameters.factors, cells, scales, np.asarray(fit.family), level, rank)
