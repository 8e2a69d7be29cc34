"""Stores that have learned something, and what a new one believes."""

import numpy as np

from poolwise.engine import Engine, Settings
from poolwise.meta.pool_priors import Names
from poolwise.space import ArmSpace, Family

ARMS = ("default", "fast", "slow")


TRUE = np.array([[0.0, 0.6, -0.4], [0.0, -0.3, -0.6]])


SPACE = ArmSpace([Family(arm) for arm in ARMS], "default")


def learned(projects=6, seed=1, space=SPACE, store="memory://", true=TRUE, tries=4):
    """An engine whose projects have tried every arm in every context."""
    engine = Engine.open(store, space, seed=seed, settings=Settings(log_views=False))
    rng = np.random.default_rng(seed)
    for p in range(projects):
        shift = rng.normal(0, 0.1, true.shape)
        for c, k in np.ndindex(true.shape):
            for _ in range(tries):
                made = engine.decide(f"secret-{p}", f"kind-{c}", available=["default", space.arms[k].family])
                a = [arm.id for arm in space.arms].index(made.arm)
                engine.observe(made.id, utility=float(true[c, a] + shift[c, a] + 0.1 * rng.normal()))
    return engine


def belief(engine, project="new"):
    """Mean utility [context, arm] in a project without outcomes."""
    for c in range(2):
        engine.decide(project, f"kind-{c}")
    table = engine.beliefs().query("project == @project")
    return table.pivot_table("mean", "context", "arm")[list(ARMS)].to_numpy()


def names(arms=ARMS, families=None, contexts=("kind-0", "kind-1"), baseline="default"):
    return Names(contexts, arms, families or arms, baseline, np.tile((3.0, 0.6), (len(arms), 1)), -0.7)
