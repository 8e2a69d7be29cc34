"""Poolwise inside an Optuna study: `optuna.create_study(sampler=PoolwiseSampler())`."""

from poolwise.extras import named

try:
    from poolwise.integrations.optuna.sampler import PoolwiseSampler
except ModuleNotFoundError as error:
    raise named(error) from None

__all__ = ["PoolwiseSampler"]
