"""Room in a state for projects and contexts to come, which are independent of all that was learned: nothing is solved.

In every tier the new effects have their prior variances and no covariance with the others, whose rows and columns move
to their new places.
"""

import numpy as np

from poolwise.arrays import Array
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import EffectLayout
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.recursive import initial
from poolwise.posterior.recursive.types import Constants, State, Structure


def padded(
    hyperparameters: Hyperparameters,
    options: ObservationModel,
    structure: Structure,
    state: State,
    shape: tuple[int, int],
    slots: int,
) -> tuple[Structure, Constants, State] | None:
    """The state with room for so many projects and contexts, and so many slots; in NumPy. None where effects to come
    are not independent of the others, or kept otherwise in the larger shape: then all is to be computed again."""
    known = hyperparameters.gaussian.scales
    if known.pooled is not None or known.elicited is not None or slots < structure.slots:
        return None
    nothing = initial.empty((*shape, structure.arms), 0.0)
    wider, constants, fresh = initial.init(hyperparameters, nothing, options, structure.baseline, tuple(range(slots)))
    if wider.cells != structure.cells:
        return None
    after = State(
        effects=_embedded(state.effects, fresh.effects, _places(structure.layout, wider.layout)),
        cells=_padded(state.cells, fresh.cells),
        contexts=_padded(state.contexts, fresh.contexts),
        arms=np.array(state.arms),
        baseline=_padded(state.baseline, fresh.baseline),
        baseline_sums=state.baseline_sums,
        own_effects=_embedded(state.own_effects, fresh.own_effects, _places(structure.own_layout, wider.own_layout)),
        log_odds=_padded(state.log_odds, fresh.log_odds),
    )
    return wider, constants, after


def _places(form: EffectLayout, wider: EffectLayout) -> np.ndarray:
    """Coordinates of one layout in a larger one."""
    contexts, projects = 1 + np.arange(form.contexts), np.arange(form.projects)
    first = 1 + wider.contexts
    own = (first + wider.projects + projects[:, None] * wider.contexts + contexts - 1).ravel()
    return np.concatenate([[0], contexts, first + projects, own[: own.size * form.cells]])


def _embedded(tiers: tuple[Array, ...], fresh: tuple[Array, ...], places: np.ndarray) -> tuple[np.ndarray, ...]:
    """Every tier's vectors among those of a larger one that has learned nothing."""
    found = tuple(np.array(tier) for tier in fresh)
    for tier, known in zip(found, tiers, strict=True):
        tier[np.ix_(np.arange(len(known)), places, np.append(places, tier.shape[1]))] = known
    return found


def _padded(part: Array, fresh: Array) -> np.ndarray:
    out = np.array(fresh)
    out[tuple(slice(size) for size in part.shape)] = part
    return out
