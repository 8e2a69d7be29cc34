"""Outcomes that wait to be sent: in a file that survives the process, or in memory.

A line each, appended and flushed to the disk before `add` returns. Sending moves the file away first, so that what
comes meanwhile is not lost, and deletes it last: after a crash in between it is sent again, and the service learns each
outcome once. Several processes may share a file.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Report = dict[str, Any]
"""As `observe:batch` takes it."""
TOGETHER = 1_000
"""Outcomes that are sent with one request."""


class Spool:
    """Adds and sends; safe to share between processes where it is a file."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """path: None keeps outcomes in memory, which ends with the process."""
        self._path = None if path is None else Path(path)
        self._memory: list[Report] = []
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._memory) if self._path is None else sum(len(_read(one)) for one in self._files(self._path))

    def add(self, report: Report) -> None:
        """Durable when it returns, where there is a file."""
        if self._path is None:
            self._memory.append(report)
            return
        with self._locked(self._path):
            line = json.dumps(report).encode() + b"\n"
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)
                os.fsync(file)
            finally:
                os.close(file)

    def send(self, sent: Callable[[Sequence[Report]], None]) -> int:
        """Give everything to `sent`, some at a time, and forget it; how many these were. Where it raises, the rest
        stays."""
        if self._path is None:
            count = 0
            while self._memory:
                part = self._memory[:TOGETHER]
                sent(part)
                del self._memory[: len(part)]
                count += len(part)
            return count
        count = 0
        with self._locked(self._path):
            while (file := self._moved(self._path)) is not None:
                count += _sent_file(file, sent)
        return count

    @staticmethod
    def _moved(path: Path) -> Path | None:
        """What is to be sent next: first what was being sent when a process ended."""
        going = path.with_name(f"{path.name}.sending")
        if not going.exists() and path.exists():
            os.replace(path, going)
        return going if going.exists() else None

    @staticmethod
    def _files(path: Path) -> list[Path]:
        return [one for one in (path.with_name(f"{path.name}.sending"), path) if one.exists()]

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        with open(path.with_name(f"{path.name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _read(path: Path) -> list[Report]:
    """Whole lines: the last one of a process that was killed may be half."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            report = json.loads(line) if line else None
        except ValueError:
            report = None
        if isinstance(report, dict):
            found.append(report)
    return found


def _sent_file(path: Path, sent: Callable[[Sequence[Report]], None]) -> int:
    reports = _read(path)
    for first in range(0, len(reports), TOGETHER):
        sent(reports[first : first + TOGETHER])
    path.unlink()
    return len(reports)
