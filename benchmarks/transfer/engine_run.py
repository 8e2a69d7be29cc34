"""An engine over the units of a table: for settings that a replay does not have."""

import numpy as np

from poolwise import ArmSpace, Choice, Engine, Family, Settings
from poolwise.policy import Policy
from poolwise.table import Table, available, utility


def run_engine(
    table: Table, order: np.ndarray, seed: int, settings: Settings | None = None, policy: Policy | None = None
) -> np.ndarray:
    """(units,) arms that an engine chooses, told the utility of each before the next."""
    stated = (settings or Settings())._replace(log_views=False, estimate="inline")
    names = arm_names(table)
    codes = {name: code for code, name in enumerate(names)}
    engine = Engine.open("memory://", space(table, names), seed=seed, settings=stated, policy=policy)
    gain, present = utility(table), available(table)
    all_present = present.all(axis=1)
    chosen = np.empty(len(order), dtype=int)
    for step, unit in enumerate(order.tolist()):
        offered = None if all_present[unit] else [names[a] for a in np.flatnonzero(present[unit])]
        place = table.projects[table.project[unit]], table.contexts[table.context[unit]]
        decision = engine.decide(*place, available=offered)
        chosen[step] = codes[decision.arm]
        engine.observe(decision.id, utility=float(gain[unit, chosen[step]]))
    engine.close()
    return chosen


def arm_names(table: Table) -> list[str]:
    """Ids in the engine's space of the table's arms, in its order."""
    sizes = np.bincount(table.family, minlength=len(table.families))
    return [
        table.families[f] if sizes[f] == 1 else f"{table.families[f]}(arm={arm})"
        for f, arm in zip(table.family, table.arms, strict=True)
    ]


def space(table: Table, names: list[str]) -> ArmSpace:
    """The table's families, the arms of each as the values of one parameter without an order."""
    members = [[table.arms[a] for a in np.flatnonzero(table.family == f)] for f in range(len(table.families))]
    families = [
        Family(name, {"arm": Choice(arms)} if len(arms) > 1 else {}, limit=len(arms))
        for name, arms in zip(table.families, members, strict=True)
        if arms
    ]
    return ArmSpace(families, names[table.baseline])
