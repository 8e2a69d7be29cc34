"""Progress for people: a bar on a terminal; elsewhere a line every ten seconds, on standard error."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from poolwise.progress import Logged, Progress


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """What a long piece of work is to tell how far it is, with an estimate of what is left. quiet: for machines."""
    from poolwise.cli import printing

    if not printing.console.is_terminal:
        logging.basicConfig(format="%(message)s", stream=sys.stderr)
        logging.getLogger("poolwise.progress").setLevel(logging.WARNING if quiet else logging.INFO)
        yield Logged()
        return
    with printing.bar(quiet) as bar:
        tasks: dict[str, Any] = {}

        def step(part: str, done: int, total: int) -> None:
            if part not in tasks:
                tasks[part] = bar.add_task(part, total=total)
            bar.update(tasks[part], completed=done)

        yield step
