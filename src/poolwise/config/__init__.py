"""TOML -> checked settings. A wrong key or value is one line that says where it stands and what was probably meant.

[run]        workload, decisions, seed, store; [run.arrivals] project = first decision at which it takes part
[workload]   options of the workload, by name
[space]      baseline, and [space.families.NAME.parameters.NAME] with type = "choice" | "integer" | "real"
[policy]     spec, and [policy.params] with its constants
[engine]     what `engine.Settings` holds, and [engine.domain_priors] family = [successes, failures],
             [engine.utility_priors] family = [mean, standard deviation]
[model]      file, function: a NumPyro model of your own for `poolwise refit --method nuts`, see docs/models.md
[safety]     what `engine.Safety` holds; [safety.quarantine], [safety.conservative]; off = ["eligibility"] ..
[exploration] what `engine.Exploration` holds; [exploration.coverage], [exploration.drift]; off = ["drift"]
"""

from poolwise.config.load import from_tables, load, parse
from poolwise.config.tables import (
    Config,
    ConservativeTable,
    CoverageTable,
    DriftTable,
    EngineTable,
    ExplorationTable,
    QuarantineTable,
    SafetyTable,
)

__all__ = [
    "Config",
    "ConservativeTable",
    "CoverageTable",
    "DriftTable",
    "EngineTable",
    "ExplorationTable",
    "QuarantineTable",
    "SafetyTable",
    "from_tables",
    "load",
    "parse",
]
