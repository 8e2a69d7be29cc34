"""What is believed before any outcome, as the settings say."""

import math
from collections.abc import Sequence

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.settings import Settings
from poolwise.posterior.gp.coregionalisation import ArmFeatures
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, init_hyperparameters
from poolwise.posterior.transfer.elicited_prior import ElicitedPrior, elicit


def expected(settings: Settings, families: Sequence[str], index: np.ndarray) -> ElicitedPrior | None:
    """What is said of utilities, for the family of every arm: (arms,) names and indices."""
    stated = {family: (mean, sd) for family, mean, sd in settings.utility_priors}
    mean, sd = np.array([stated.get(family, (0.0, math.inf)) for family in families]).T
    return elicit(mean, sd, index)


def starting_hyperparameters(settings: Settings, names: NameIndex, ground: ArmFeatures | None) -> Hyperparameters:
    """Of all arms that are known. ground: where they stand among each other by their parameters."""
    usual = settings.usual_success if settings.domain_priors else None
    families, index, home = names.known_names, names.known_family, int(names.columns[names.baseline])
    success, elicited = settings.success_prior(families), expected(settings, families, index)
    return init_hyperparameters(index, success, usual=usual, elicited=elicited, ground=ground, baseline=home)
