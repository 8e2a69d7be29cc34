"""What a refit must show before it may serve."""

from typing import NamedTuple


class GateThresholds(NamedTuple):
    """Limits of the gate; a figure on the wrong side of one rejects the snapshot."""

    r_hat: float = 1.05
    """Largest rank-normalised split R-hat of any quantity (Vehtari and others 2021 ask 1.01 for publication)."""
    bulk_ess: float = 100.0
    """Smallest effective sample size of a mean, all chains together."""
    tail_ess: float = 50.0
    """Smallest effective sample size of a 5 or 95 % quantile."""
    divergences: float = 0.005
    """Largest share of divergent transitions."""
    e_bfmi: float = 0.2
    """Smallest energy Bayesian fraction of missing information of any chain (Betancourt 2016 suggests 0.3)."""
    coverage: float = 0.7
    """Smallest share of the cells whose mean outcome lies in the 90 % interval that all other cells predict."""
    surprise: float = 4.0
    """Largest mean of squared standardised errors, of cells predicted and of outcomes around their cell's mean; 1 where
    the model is right."""
    tail: float = 1e-4
    """Smallest tail probability of what was observed under the prior and the posterior predictive."""
    mean_gap: float = 0.2
    """Median gap between the served mean of a cell and the full posterior's, in posterior standard deviations; the
    largest may be five times that."""
    ratio: tuple[float, float] = (0.8, 1.25)
    """Median ratio of served to full posterior standard deviation."""
    chance_gap: float = 0.05
    """Median gap between the served chance of success and the full posterior's."""
    shift: float = 3.0
    """Median shift of a belief against what served before, in the larger of the two standard deviations."""
    drift: float = 0.1
    """Largest gap between a belief updated outcome by outcome and the same from its statistics, in its sd; of systems
    that pool from time to time only, thirty times that."""


DEFAULT_THRESHOLDS = GateThresholds()
