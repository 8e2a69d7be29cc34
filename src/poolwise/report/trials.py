"""What happened, where reports had it before engines did: `Engine.trials` gives the same."""

from poolwise.engine.insight.trials import trials

__all__ = ["trials"]
