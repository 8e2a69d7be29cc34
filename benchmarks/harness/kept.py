"""A measurement of hours that goes on where it was stopped: what its tasks came to lies in a folder."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np


def kept(folder: Path | None, name: str, work: Callable[[], np.ndarray]) -> np.ndarray:
    """What `work` comes to, or came to when it was done under this name. Names say nothing of the code: delete the
    folder when that changes."""
    if folder is None:
        return work()
    path = folder / f"{name}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f"{name}.{os.getpid()}.part.npy"
        np.save(half, work())
        half.replace(path)
    return np.asarray(np.load(path))
