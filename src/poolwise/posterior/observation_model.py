"""How outcomes are observed: what is assumed of outliers, age and projects. Defaults are meant to be right."""

from typing import Literal, NamedTuple


class ObservationModel(NamedTuple):
    """Counts in outcomes."""

    outliers: float | None = 4.0
    """Spreads from what was expected beyond which an outcome counts less, see `robust_weights`; None: all count
    fully."""
    half_life: float | Literal["learned"] | None = None
    """After so many outcomes an outcome counts half, see `discounting`; None: what was true once stays true."""
    trust: float = 0.95
    """Probability, before its outcomes, that a project is like the others, see `exchangeability`; 1: that is not
    asked."""


DEFAULT = ObservationModel()
