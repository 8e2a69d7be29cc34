"""Off-policy evaluation: what a policy would have earned, from decisions that another one made and logged.

log = ope.log(reward, action, propensity, evaluation, q_hat=...)      # checked; DataError names row and column
report = ope.evaluate(log)                                            # every estimator, or a veto with its reason
gain = ope.compare(log, other_evaluation)                             # paired difference of two policies
"""

from poolwise.ope.diagnosis import Diagnosis, diagnose
from poolwise.ope.estimators import ESTIMATORS, InfluenceTerms, dm, dr, dr_os, ips, sndr, snips, switch_dr
from poolwise.ope.evaluation import Comparison, Estimate, Evaluation, compare, evaluate
from poolwise.ope.frame import from_frame
from poolwise.ope.intervals import METHODS, Interval, interval
from poolwise.ope.logged import Log, from_obp, log, to_obp, weights
from poolwise.ope.reward_model import cross_fitted
from poolwise.ope.target import target_policy

__all__ = [
    "ESTIMATORS",
    "METHODS",
    "Comparison",
    "Diagnosis",
    "Estimate",
    "Evaluation",
    "InfluenceTerms",
    "Interval",
    "Log",
    "compare",
    "cross_fitted",
    "diagnose",
    "dm",
    "dr",
    "dr_os",
    "evaluate",
    "from_frame",
    "from_obp",
    "interval",
    "ips",
    "log",
    "sndr",
    "snips",
    "switch_dr",
    "target_policy",
    "to_obp",
    "weights",
]
