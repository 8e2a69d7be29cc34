"""One call of a command: timed, bounded, and ended with everything that it started."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO, NamedTuple

from poolwise.errors import WorkloadError

TAIL = 65_536
"""Bytes of the output that are kept, its last."""
PATIENCE = 1.0
"""Seconds that output is waited for once all is ended: a process that left the group may keep the pipe open."""


class Call(NamedTuple):
    """What came of it."""

    code: int
    """Exit status; negative: the signal that ended it."""
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of processor time of the process and of the children that it waited for."""
    output: str
    """The last of what it wrote, standard output and errors together."""
    expired: bool
    """It was ended because its time was up."""


class Calls:
    """The calls that run now, in whatever threads; `close` ends them."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._closed = False

    def run(self, command: Sequence[str], folder: str, timeout: float) -> Call:
        """Run it in a process group of its own, which is killed when the time is up, or when anything is raised here.

        timeout: seconds. Raises WorkloadError where the command cannot be started.
        """
        watch = _Watch(_started(command, folder))
        group = watch.process.pid
        self._groups.add(group)
        try:
            expired = not watch.ended.wait(0 if self._closed else timeout)
        finally:
            _kill_group(group)
            self._groups.discard(group)
            watch.join()
        return Call(watch.code, watch.wall, watch.cpu, watch.output.decode("utf-8", "replace"), expired)

    def close(self) -> None:
        """End all, and whatever is started from now on."""
        self._closed = True
        for group in list(self._groups):
            _kill_group(group)


def _started(command: Sequence[str], folder: str) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise WorkloadError(f"cannot run {command[0]!r}: {error}") from error


class _Watch:
    """Waits for a process and reads what it writes, each in a thread, since either may take for ever."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process, self.began = process, time.perf_counter()
        self.ended, self.output = threading.Event(), b""
        self.code, self.wall, self.cpu = 0, 0.0, 0.0
        assert process.stdout is not None
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._waiter.start()
        self._reader.start()

    def join(self) -> None:
        """After the group was killed."""
        self._waiter.join()
        self._reader.join(PATIENCE)

    def _wait(self) -> None:
        _, status, used = os.wait4(self.process.pid, 0)
        self.wall, self.cpu = time.perf_counter() - self.began, used.ru_utime + used.ru_stime
        self.code = self.process.returncode = os.waitstatus_to_exitcode(status)
        self.ended.set()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while part := os.read(pipe.fileno(), TAIL):
                self.output = (self.output + part)[-TAIL:]


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
