"""Other histories out of one: some of its arms, contexts and projects under other names, another baseline, other jobs.

Pure: a table and a generator give a table. A policy that is learned on several of them cannot learn which arm is which,
that the baseline is the best arm, or when a history ends.
"""

import numpy as np

from poolwise.table import Table, available, take, utility


def varied(table: Table, seed: int) -> Table:
    """All of it once: four fifths of the arms, contexts and projects, renamed, with an ordinary baseline, jobs drawn
    with replacement, cut at a half to the whole of its length."""
    rng = np.random.default_rng((seed, 43))
    made = some_projects(rng, some_contexts(rng, some_arms(rng, ordinary(table), 0.8), 0.8), 0.8)
    made = compact(cut(renamed(rng, redrawn(rng, made)), int(len(made.units) * rng.uniform(0.5, 1.0)) + 1))
    return made._replace(name=f"{table.name}, varied {seed}")


def ordinary(table: Table) -> Table:
    """With the arm of median mean utility as baseline, of those that all units have: a table's own baseline is often
    the best arm in hindsight, which no project knows before."""
    everywhere = np.flatnonzero(available(table).all(axis=0))
    order = everywhere[np.argsort(-utility(table)[:, everywhere].mean(axis=0), kind="stable")]
    return table._replace(baseline=int(order[len(order) // 2]))


def some_arms(rng: np.random.Generator, table: Table, share: float) -> Table:
    """That share of the arms, at least three, the baseline among them."""
    count, home = len(table.arms), table.baseline
    others = rng.permutation(np.delete(np.arange(count), home))[: max(round(share * count), 3) - 1]
    return of_arms(table, np.sort(np.append(others, home)))


def renamed(rng: np.random.Generator, table: Table) -> Table:
    """With arms, contexts and projects in another order."""
    made = of_arms(table, rng.permutation(len(table.arms)))
    codes = {"project": made.project, "context": made.context}
    places = [(kind, int(code.max()) + 1, code) for kind, code in codes.items()]
    project, context = (rng.permutation(size)[code] for _, size, code in places)
    projects, contexts = (tuple(f"{kind} {k}" for k in range(size)) for kind, size, _ in places)
    return made._replace(project=project, context=context, projects=projects, contexts=contexts)


def of_arms(table: Table, chosen: np.ndarray) -> Table:
    """These arms in this order; the baseline is one of them."""
    return table._replace(
        arms=tuple(table.arms[k] for k in chosen),
        params=tuple(table.params[k] for k in chosen),
        family=table.family[chosen],
        reward=table.reward[:, chosen],
        status=table.status[:, chosen],
        baseline=int(np.flatnonzero(chosen == table.baseline)[0]),
        cost=None if table.cost is None else table.cost[:, chosen],
        repeats=None if table.repeats is None else table.repeats[:, chosen],
    )


def some_contexts(rng: np.random.Generator, table: Table, share: float) -> Table:
    """The units of that share of the contexts, at least one."""
    return _units_of(rng, table, table.context, share)


def some_projects(rng: np.random.Generator, table: Table, share: float) -> Table:
    """The units of that share of the projects, at least one."""
    return _units_of(rng, table, table.project, share)


def _units_of(rng: np.random.Generator, table: Table, code: np.ndarray, share: float) -> Table:
    there = rng.permutation(np.unique(code))
    return take(table, np.flatnonzero(np.isin(code, there[: max(round(share * len(there)), 1)])))


def compact(table: Table) -> Table:
    """Without the projects and contexts that no unit is of, which would take room in every belief."""
    projects, project = np.unique(table.project, return_inverse=True)
    contexts, context = np.unique(table.context, return_inverse=True)
    return table._replace(
        project=project,
        context=context,
        projects=tuple(table.projects[k] for k in projects),
        contexts=tuple(table.contexts[k] for k in contexts),
    )


def redrawn(rng: np.random.Generator, table: Table) -> Table:
    """As many units, drawn with replacement."""
    return take(table, rng.integers(len(table.units), size=len(table.units)))


def cut(table: Table, units: int) -> Table:
    """Its first units."""
    return take(table, np.arange(min(units, len(table.units))))
