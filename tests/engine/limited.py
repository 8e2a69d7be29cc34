"""An engine of four arms under safety and exploration, and a life for it."""

import numpy as np

from poolwise import policy
from poolwise.engine import Engine, Exploration, Safety, Settings
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.policy.constraints.coverage_guarantee import Guarantee
from poolwise.space import ArmSpace, Family

ARMS = ["default", "fast", "slow", "odd"]


SPACE = ArmSpace([Family(name) for name in ARMS], "default")


GAIN = {"default": 0.0, "fast": 0.7, "slow": -0.1, "odd": 0.1}


FULL = Settings(
    estimate="inline",
    safety=Safety(conservative=Conservative(), fallbacks=("slow",)),
    exploration=Exploration(context_budget=0.5, overall_budget=0.4, coverage=Guarantee(0.1, 4, 40), memory=50.0),
)


OPEN = Settings(estimate="inline", safety=Safety(delta=None), exploration=Exploration())


def live(engine, rounds, gain=GAIN, seed=0, contexts=("a", "b"), project="p", noise=0.1):
    """Decide and observe in turn; the decisions."""
    draws, made = np.random.default_rng(seed), []
    for i in range(rounds):
        decision = engine.decide(project, contexts[i % len(contexts)])
        engine.observe(decision.id, utility=gain[decision.arm] + float(draws.normal(0, noise)))
        made.append(decision)
    return made


def thompson(settings=OPEN, seed=1, spec="thompson", url="memory://"):
    settings = settings or Settings(estimate="inline")
    return Engine.open(url, SPACE, seed=seed, policy=policy.parse(spec), settings=settings)
