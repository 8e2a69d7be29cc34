"""Reading and checking a configuration file."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from poolwise.config.mistakes import explained
from poolwise.config.tables import Config, EngineTable
from poolwise.errors import ConfigError


def load(path: str | Path) -> Config:
    """Read and check a file. Raises ConfigError, in one line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {path}: `poolwise init {path}` writes one to start from") from None
    except (OSError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as a configuration: {error}") from error
    return parse(text, str(path))


def parse(text: str, source: str = "configuration") -> Config:
    """The checked configuration of a TOML text; `source` names it in messages. Raises ConfigError.

    >>> parse("[run]\\nseed = 7").run.seed
    7
    """
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not valid TOML: {error}") from error
    return from_tables(body, source)


def from_tables(body: Any, source: str = "configuration") -> Config:
    """The checked configuration of its tables. Raises ConfigError."""
    try:
        config = Config.model_validate(body)
    except ValidationError as error:
        raise ConfigError(explained(error.errors()[0], source)) from error
    _check_priors(config.engine, source)
    return config


def _check_priors(engine: EngineTable, source: str) -> None:
    """Raises ConfigError for a prior that is no pair, or has a number out of range."""
    rules = (
        ("domain_priors", (True, True), "two counts above 0, [successes, failures], for instance [3, 1]"),
        ("utility_priors", (False, True), "[mean, standard deviation], the second above 0, for instance [0.2, 0.1]"),
    )
    for table, positive, wanted in rules:
        for family, pair in getattr(engine, table).items():
            if len(pair) != 2 or any(above and not number > 0 for number, above in zip(pair, positive, strict=True)):
                raise ConfigError(f"{family} = {pair} in [engine.{table}] of {source}: give {wanted}")
