"""How far a benchmark is, on standard error."""

import logging

from poolwise.progress import Logged, log


def shown(seconds: float = 10.0) -> Logged:
    """Progress as a line at most every so many seconds, with the time of day; `say` tells what comes next."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    return Logged(seconds)


def say(what: str) -> None:
    log.info(what)
