"""Everything Poolwise raises, in one tree.

    PoolwiseError
      InputError                 the caller gave something that cannot be used (also a ValueError)
        SpaceError               an arm space that contradicts itself, or an arm it does not hold
        ConfigError              a configuration file with a wrong key or value
        OutcomeError             an outcome that is not a number, negative, or of an unknown status
        UnknownDecision          an outcome for a decision that the store does not hold
        ConflictingOutcome       a second outcome for a decision that differs from the first
        DataError                a table or log that is malformed; says row and column
        MissingLibrary           a library of an extra that is not installed
      StoreError                 the store cannot be used as it is
        StoreLocked              another process holds it: a later try may succeed
        StoreFull                the disk is full: a later try may succeed
        StoreUnreachable         the server of the database does not answer: a later try may succeed
      StoreTaken               another process has become the writer: open the store anew
      StoreGone                the file was removed, or exchanged for another one, while it was open
        StoreReadOnly            the file or folder may not be written
        StoreDamaged             truncated, overwritten, or no store at all
        StoreForeign             a database of another program
        StoreNewer               written by a newer version of Poolwise
        StorePruned              events are asked for that were archived
        StoreStale               a name was forgotten that this process still writes: refresh
        StoreForked              opened before a fork, used in the child: open it there
        StoreClosed              used after `close`
      RefitError                 a refit that could not be carried out; the old snapshot keeps serving
      WorkloadError              a system under tuning that cannot be started
      ComputeError               an executor that cannot be used, or a task whose workers died

Every message says what is wrong, why, and what to do instead, in one line.
"""

import difflib
import re
from collections.abc import Iterable

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line and paragraph separators, directions of writing, halves of surrogate pairs."""


def escaped(text: str) -> str:
    """The text with everything that a terminal might obey written out.

    >>> print(escaped("red\\x1b[31m"))
    red\\x1b[31m
    """
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


class PoolwiseError(Exception):
    """Base of all errors of this package."""

    def __str__(self) -> str:
        """One line, whatever names it tells of."""
        return escaped(super().__str__())


class InputError(PoolwiseError, ValueError):
    """The caller gave something that cannot be used."""


class SpaceError(InputError):
    """An arm space that contradicts itself, or an arm it does not hold."""


class ConfigError(InputError):
    """A configuration file with a wrong key or value."""


class OutcomeError(InputError):
    """An outcome that is not a number, negative, or of an unknown status."""


class UnknownDecision(InputError):
    """An outcome for a decision that the store does not hold."""


class ConflictingOutcome(InputError):
    """A second outcome for a decision that differs from the first."""


class DataError(InputError):
    """A table or log that is malformed; the message says row and column."""


class MissingLibrary(InputError):
    """A library of an extra that is not installed; the message names the extra."""


class StoreError(PoolwiseError):
    """The store cannot be used as it is."""


class StoreLocked(StoreError):
    """Another process holds the store."""


class StoreFull(StoreError):
    """The disk of the store is full."""


class StoreUnreachable(StoreError):
    """The server of the database does not answer."""


class StoreTaken(StoreError):
    """Another process has become the writer of the store."""


class StoreGone(StoreError):
    """The file was removed, or exchanged for another one, while it was open."""


class StoreReadOnly(StoreError):
    """The file or folder of the store may not be written."""


class StoreDamaged(StoreError):
    """The file is truncated, overwritten, or no store at all."""


class StoreForeign(StoreError):
    """The file is a database of another program."""


class StoreNewer(StoreError):
    """The store was written by a newer version of Poolwise."""


class StorePruned(StoreError):
    """Events are asked for that were archived and have left the store."""


class StoreStale(StoreError):
    """A name was forgotten that this process still writes."""


class StoreForked(StoreError):
    """The store was opened before a fork; a child has to open it itself."""


class StoreClosed(StoreError):
    """The store was used after `close`."""


class RefitError(PoolwiseError):
    """A refit that could not be carried out; the old snapshot keeps serving."""


class WorkloadError(PoolwiseError):
    """A system under tuning that cannot be started."""


class ComputeError(PoolwiseError):
    """An executor that cannot be used, or a task whose workers died."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`: did you mean 'seed'?`, or the list of what there is.

    >>> nearest("sede", ["seed", "store"])
    ": did you mean 'seed'?"
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f": did you mean {close[0]!r}?" if close else f": there are {', '.join(known) or 'none'}"
