"""What serves, kept beside the events: opening a store folds only what came after.

A checkpoint is one blob under a name that says which settings it was folded with, so engines that differ do not disturb
each other. Nothing is lost with it: where it is absent, damaged, or of another version, all events are folded.
"""

import hashlib
import io
import json
import zipfile
from typing import Any, NamedTuple

import numpy as np

from poolwise.engine.settings import Settings
from poolwise.engine.state.other_baseline import rebased
from poolwise.engine.state.serving import Serving
from poolwise.store.base import Checkpoint, Store

VERSION = 1
"""Of what is saved, and of how events are folded: an older one is not used."""
EVERY, AT_CLOSE = 2_000, 1_000
"""Outcomes since the last checkpoint at which one is due, and at which a store that is closed gets one."""
_FOLD = (
    "failure_utility",
    "utility_limit",
    "outcome_timeout",
    "timeouts",
    "half_life",
    "outliers",
    "safety",
    "exploration",
)
"""Settings on which it depends what events are folded to."""


class Taken(NamedTuple):
    """A copy of what serves."""

    name: str
    outcomes: int
    decisions: int
    arrays: dict[str, np.ndarray]
    body: dict[str, Any]


def taken(serving: Serving) -> Taken | None:
    """Of what serves, level with the store; None where only events give it back."""
    saved = serving.belief.saved()
    if saved is None or serving.ahead:
        return None
    arrays, body = saved
    safeguards = serving.policy_gate.safeguards
    parts = {"live": body, "uses": serving.usage.saved(), "suite": None if safeguards is None else safeguards.saved()}
    whole = {**parts, "arms": list(serving.name_index.known)}
    baseline = serving.name_index.ids[serving.name_index.baseline]
    return Taken(_name(serving, baseline), serving.outcomes, serving.decisions, arrays, whole)


def write(store: Store, taken: Taken) -> None:
    """Raises StoreError."""
    body = _packed(taken.arrays, json.dumps(taken.body))
    store.save_checkpoint(taken.name, Checkpoint(taken.outcomes, taken.decisions, body))


def restore(serving: Serving) -> None:
    """Let a value that has folded nothing yet start from the store's checkpoint, where there is one that fits. Raises
    Unusable where it turns out to be none; then the value is spoiled."""
    home, found = _fitting(serving)
    if found is None:
        return
    try:
        _resume(serving, home, *_unpacked(found.body))
    except Unusable:
        raise
    except (ValueError, KeyError, TypeError, IndexError, OSError, zipfile.BadZipFile) as error:
        raise Unusable(f"{error!r}") from error
    serving.outcomes, serving.decisions, serving.saved = found.outcomes, found.decisions, found.outcomes


def moved(taken: Taken, serving: Serving) -> None:
    """Let a value that has folded nothing yet go on from one that was served with as many arms in the same places, of
    which those that nobody chose may be others now."""
    body = json.loads(json.dumps({**taken.body, "arms": serving.name_index.known[: len(taken.body["arms"])]}))
    _resume(serving, serving.name_index.ids[serving.name_index.baseline], taken.arrays, body)
    serving.outcomes, serving.decisions = taken.outcomes, taken.decisions


class Unusable(Exception):
    """A checkpoint that cannot be read; events can."""


class OtherOrder(Unusable):
    """It can be read with its arms first, in its own order: the space has changed since."""

    def __init__(self, arms: list[str]) -> None:
        super().__init__("its arms stand in another order")
        self.arms = arms


def _fitting(serving: Serving) -> tuple[str, Checkpoint | None]:
    """The checkpoint to start from, and the baseline that it was folded with: another one only where events before it
    were archived, so that they cannot be folded again with this one."""
    baseline, store = serving.name_index.ids[serving.name_index.baseline], serving.store
    pruned, ends = store.pruned()[0], (store.answered(), store.made())
    others = [id for id in serving.name_index.known if id != baseline] if pruned else []
    found: list[tuple[str, Checkpoint]] = []
    for home in (baseline, *others):
        kept = store.checkpoint(_name(serving, home))
        if kept is not None and pruned <= kept.outcomes <= ends[0] and kept.decisions <= ends[1]:
            found.append((home, kept))
    return max(found, key=lambda one: (one[0] == baseline, one[1].outcomes), default=(baseline, None))


def _resume(serving: Serving, home: str, arrays: dict[str, np.ndarray], body: dict[str, Any]) -> None:
    known, safeguards = body["arms"], serving.policy_gate.safeguards
    if (safeguards is None) != (body["suite"] is None):
        raise ValueError("it was folded with other layers")
    if list(serving.name_index.known[: len(known)]) != known:
        if set(known) <= {*serving.name_index.known, *serving.name_index.passed}:
            raise OtherOrder(known)
        raise ValueError("it was folded with arms that nobody chose and nobody offers any more")
    before, now = known.index(home), int(serving.name_index.columns[serving.name_index.baseline])
    if before != now:
        arrays = rebased(arrays, body["live"]["jobs"]["told"], before, now)
    serving.belief.resume(arrays, body["live"], rebased=before != now)
    serving.usage.resume(body["uses"])
    if safeguards is not None:
        safeguards.resume(body["suite"])


def _name(serving: Serving, baseline: str) -> str:
    settings: Settings = serving.settings
    fold = [repr(getattr(settings, name)) for name in _FOLD]
    if settings.total:
        fold += [settings.known_objective, repr(settings.timeout_factor), repr(settings.timeouts)]
    undone = [serving.belief.undone] if serving.belief.undone else []
    text = repr((VERSION, baseline, fold, *undone))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _packed(arrays: dict[str, np.ndarray], text: str) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, body=np.frombuffer(text.encode(), np.uint8), **arrays)
    return file.getvalue()


def _unpacked(blob: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(io.BytesIO(blob), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    body = json.loads(arrays.pop("body").tobytes())
    return arrays, body
