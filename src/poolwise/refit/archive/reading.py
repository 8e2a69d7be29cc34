"""Events from wherever they are kept -> the problem of a refit: a partitioned log, or what `aggregate` reads."""

import numpy as np

from poolwise.compute import LOCAL, Executor
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.progress import Progress, silent
from poolwise.refit import aggregate
from poolwise.refit.archive import partitions
from poolwise.refit.archive.sums import Dense
from poolwise.refit.events import NAMES


def read(source: str, problem: RefitData, executor: Executor = LOCAL, progress: Progress = silent) -> RefitData:
    """`aggregate.read`, and of a log that `poolwise archive` wrote the sums of its partitions, which the executor
    folds as far as they are not folded."""
    folders = [] if "://" in source else partitions.workspaces(source)
    if not folders:
        return aggregate.read(source, problem)
    asked = partitions.Asked(problem.settings, problem.limit)
    dense, special = partitions.read(folders, asked, executor, progress)
    return _placed(dense, special, problem, source)


def _placed(dense: Dense, special: partitions.Special, problem: RefitData, source: str) -> RefitData:
    """The sums on the axes of the problem: what it does not know comes after what it does."""
    separate, names = aggregate.special_columns(special)
    seen = {
        kind: np.array([*dict.fromkeys((*known, *rest.tolist()))], dtype=object)
        for kind, known, rest in zip(NAMES, dense.names, names, strict=True)
    }
    aggregate.check_names(seen, source)
    by_arm = dense.sums[0].sum((0, 1))
    aggregate.known_arms(np.array(dense.names[2], dtype=object), by_arm, problem.arms, source)
    aggregate.known_arms(names[2], np.ones(len(names[2])), problem.arms, source)
    projects = aggregate.extended(problem.projects, seen["project"])
    contexts = aggregate.extended(problem.contexts, seen["context"])
    axes = (projects, contexts, problem.arms)
    at = np.ix_(*(aggregate.codes(axis, known) for axis, known in zip(axes, dense.names, strict=True)))
    rows, ok, total, squares = (np.zeros(tuple(map(len, axes))) for _ in range(4))
    for part, values in zip((rows, ok, total, squares), dense.sums, strict=True):
        part[at] = values
    taught = np.array([arm != problem.baseline for arm in problem.arms])  # see `baseline_utility`
    whole = problem._replace(
        projects=tuple(projects),
        contexts=tuple(contexts),
        stats=SufficientStatistics(ok * taught, total * taught, squares * taught),
        tried=rows,
        succeeded=ok,
        outcomes=int(rows.sum()) + len(separate.decision),
        online=None,
    )
    places = (aggregate.codes(axis, known) for axis, known in zip(axes, names, strict=True))
    return aggregate.learned(whole, separate._replace(**dict(zip(NAMES, places, strict=True))))
