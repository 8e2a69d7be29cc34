"""Problems to refit: an engine's own after simulated outcomes, small enough for NUTS in seconds."""

import numpy as np

from poolwise import ArmSpace, Choice, Engine, Family

SPACE = ArmSpace([Family("default"), Family("fast"), Family("odd", {"level": Choice([1, 2, 3])})], baseline="default")


def engine(
    outcomes: int = 300, *, projects: int = 3, contexts: int = 2, seed: int = 0, url: str = "memory://"
) -> Engine:
    """Speeds differ by arm, context and project; one outcome in ten fails."""
    random = np.random.default_rng(seed)
    made = Engine.open(url, SPACE, seed=seed)
    if outcomes:
        names = [list(random.choice([f"{kind}{i}" for i in range(size)], outcomes))
                 for kind, size in (("project-", projects), ("context-", contexts))]  # fmt: skip
        chosen = made.decide_many(*names)
        effect = 0.3 * chosen.arm - 0.2 * chosen.context + 0.1 * chosen.project
        status = ["failed" if one else "ok" for one in random.uniform(size=outcomes) < 0.1]
        made.observe_many(chosen.id, utility=effect + random.normal(0, 0.3, outcomes), status=status)
    return made
