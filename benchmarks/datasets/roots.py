"""A data root -> tables of real outcomes in the tidy form of `poolwise.table`.

Nothing is keyed to the name of a data set: what is replayed is what lies in the folders `aslib`, `provers`, `software`,
`ml` and `gpu` of the root.
"""

from functools import partial
from pathlib import Path

from benchmarks.datasets.programs import kernel_sets, learning_sets, software_sets
from benchmarks.datasets.reading import Source
from benchmarks.datasets.solvers import aslib_sets, eprover_sets, smtcomp_sets
from benchmarks.harness.machine import ROOT
from poolwise.errors import DataError
from poolwise.table import Table

DEFAULT_ROOT = ROOT.parent / "shared" / "data"


def replay_sets(root: Path, features: bool = False) -> list[Source]:
    """Every data set under `root` whose units are single jobs, in a fixed order; raises DataError if there is none.

    features: with those of the jobs, where the set has them; else nobody sees them, as peers without them do not.
    """
    root = Path(root)
    found = [*aslib_sets(root / "aslib"), *smtcomp_sets(root / "provers"), *eprover_sets(root / "provers")]
    found += [*software_sets(root / "software"), *learning_sets(root / "ml")]
    if not found:
        raise DataError(f"{root}: no data set found; give a folder that holds aslib, provers, software or ml")
    return found if features else [Source(one.name, partial(featureless, one)) for one in found]


def featureless(source: Source) -> Table:
    """The table without what is known of a job before it is decided."""
    return source.load()._replace(features=None, feature_names=())


def spaces(root: Path) -> list[Source]:
    """Every parameter space under `root`, one unit per machine; empty where there is none."""
    return kernel_sets(Path(root) / "gpu")
