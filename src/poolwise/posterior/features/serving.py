"""Effects and slopes as they serve: from rows and what is estimated to the filter, and from raw features to it."""

from typing import Any

import numpy as np

from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.features import compiled_call, feature_filter, feature_map, feature_prediction, slopes
from poolwise.posterior.features.borrowed import BorrowedSlopes
from poolwise.posterior.features.compiled_call import WholeStructure
from poolwise.posterior.features.effects import FeatureEffects, feature_effects, nothing_known
from poolwise.posterior.features.estimation import TOLD
from poolwise.posterior.features.feature_hyperparameters import FeatureHyperparameters
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.features.slope_types import RecentJobs, SlopeState
from poolwise.posterior.features.slopes import SlopeEvidence
from poolwise.posterior.likelihoods import project_weights
from poolwise.posterior.recursive import compiled
from poolwise.posterior.recursive.compiled import Answer, Program, Tail
from poolwise.posterior.recursive.exchangeability import Effects
from poolwise.posterior.recursive.types import Constants, State, Structure

_ROOM = 4
"""Numbers of directions are multiples of it, so that code is compiled rarely: those beyond are 0."""


def _padded(phi: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([phi, np.zeros((*phi.shape[:-1], size - phi.shape[-1]))], -1)


class FeatureEffectsFilter:
    """The interface of `layouts.EffectsFilter`. Mutable; the state is NumPy's until a compiled call takes it."""

    shares, needs_refactor = True, False

    def __init__(
        self,
        fit: Fit,
        features: FeatureHyperparameters,
        weight: np.ndarray,
        utility: SufficientStatistics,
        rows: FeatureRows,
        borrowed: BorrowedSlopes | None = None,
    ) -> None:
        """borrowed: what another store knows of slopes along these directions."""
        heard = project_weights.pad_weights(weight, len(utility.count))
        counted = rows.counted()
        stats = batch.cells(project_weights.apply_weights(utility, weight))
        known, size = features.map, -(-features.map.size // _ROOM) * _ROOM
        phi = _padded(feature_map.apply(known, counted.raw), size)
        own = counted.weight * heard[counted.project]
        found = slopes.collect(stats, counted.place, counted.utility, own, phi)
        self.features, self._size = features, size
        self._last: tuple[bytes, np.ndarray] = b"", np.zeros(0)
        scales = np.column_stack([features.scales, np.ones(len(features.scales))])
        blocks = (*known.blocks, size - known.size)
        evidence = None if borrowed is None else SlopeEvidence(borrowed.precision, borrowed.information)
        self.structure, constants, self.state = feature_filter.init(fit, stats, found, scales, blocks, heard, evidence)
        project, context, phi = features.recent
        recent = RecentJobs(project, context, _padded(phi, size), np.zeros((len(phi), 0)))
        unknown = features.unknown
        constants = constants._replace(unknown=np.append(unknown, np.zeros(self.structure.arms - len(unknown))))
        self.constants = feature_prediction.with_variance(self.structure, constants, self.state, recent)
        self._copy: tuple[SlopeState, SlopeState] | None = None
        self._placed: Any = None
        """The constants where the compiled call runs."""
        self._safe = self.state
        """What NumPy held last, once a compiled call has the state."""

    def program(self, base: Structure, tail: Tail, key: Any, extra: int, wait: bool) -> Program | None:
        """As `compiled.program`; the state is that call's from then on."""
        whole = WholeStructure(base, self.structure, len(self.constants.recent.project))
        found = compiled.program(whole, tail, key, extra, wait, compiled_call.algebra(whole))
        if found is not None:
            self._safe = self.state
            self.state, self._placed = found.placed((self.state, self.constants))
        return found

    def keep(self) -> None:
        """Hold what is known now, for `recover`."""
        self._safe = compiled.fetched(self.state)

    def recover(self) -> None:
        """Go on in NumPy from what was held."""
        self.state, self._copy = self._safe, None

    def call(
        self,
        program: Program,
        state: State,
        constants: Constants,
        row: np.ndarray,
        raws: tuple[np.ndarray | None, np.ndarray | None],
    ) -> tuple[State, Answer]:
        """One compiled call. raws: features of the outcome's job, and of the one that is asked about."""
        row = np.concatenate([row, *map(self.directions, raws)])
        (state, self.state), found = program((state, self.state), (constants, self._placed), row)
        return state, found

    def _known(self) -> tuple[Any, Any, SlopeState]:
        """In NumPy, to be read."""
        if isinstance(self.state.number, np.ndarray):
            return self.structure, self.constants, self.state
        if self._copy is None or self._copy[0] is not self.state:
            self._copy = self.state, compiled.fetched(self.state)
        return self.structure, self.constants, self._copy[1]

    def directions(self, raw: np.ndarray | None) -> np.ndarray:
        """(d,) of a job; None: the usual one."""
        if raw is None:
            return np.zeros(self._size)
        if (key := raw.tobytes()) != self._last[0]:
            self._last = key, _padded(feature_map.apply(self.features.map, raw), self._size)
        return self._last[1]

    def predict(self, project: int, context: int, raw: np.ndarray | None = None) -> Effects:
        """Of the utility of a success of a job with these features, None: the usual ones, and of recent jobs."""
        return feature_prediction.predict(*self._known(), project, context, self.directions(raw))

    def marginal(self, project: int, context: int, arm: int, raw: np.ndarray | None) -> tuple[float, float]:
        """Mean and variance of one arm's."""
        return feature_filter.marginal(*self._known(), (project, context, arm), self.directions(raw))

    def usual(self, project: int, context: int) -> Effects:
        """Of every arm at the mean features of its own outcomes here; nothing of what is shared."""
        known = self._known()
        at = known[2].directions[project, context]
        found = [feature_filter.marginal(*known, (project, context, arm), phi) for arm, phi in enumerate(at)]
        mean, variance = np.array(found).T
        return Effects(mean[None], variance[None], np.zeros((0, len(mean))))

    def feature_effects(self, features: int, baseline: int | None) -> FeatureEffects:
        """See `effects.feature_effects`; nothing while it is not likely that any matters."""
        if self.features.probability < TOLD:
            return nothing_known(features, self.structure.arms)
        structure, _, state = self._known()
        slope = feature_prediction.slopes_of_arms(structure, state)
        return feature_effects(self.features.map, *slope, features, baseline)

    def near(self) -> np.ndarray | None:
        """Chances of success are pooled over all arms alike."""
        return None

    def update(
        self, state: State, at: tuple[int, int, int], y: float, weight: float, raw: np.ndarray | None = None
    ) -> None:
        """After an outcome, in NumPy; weight: what it counts as, 0 for none of the utility."""
        if weight > 0:
            phi = self.directions(raw)
            self.state = feature_filter.update(self.structure, self.constants, self.state, at, y, weight, phi)
