"""Results of tasks in a folder of JSON files, one each, so that the same work goes on where it was stopped."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from poolwise.errors import InputError


class Kept(NamedTuple):
    """Results are JSON. Two tasks with the same key are the same."""

    folder: Path
    key: Callable[[Any], str]

    def has(self, task: Any) -> bool:
        return self._path(task).is_file()

    def load(self, task: Any) -> Any:
        """Raises InputError where the file was changed by others."""
        path = self._path(task)
        try:
            body = json.loads(path.read_text())
            if body["key"] == self.key(task):
                return body["result"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise InputError(f"{path} does not hold the result of {self.key(task)}: delete it, and it is computed again")

    def save(self, task: Any, result: Any) -> None:
        """The file appears whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(task)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"key": self.key(task), "result": result}))
        draft.replace(path)

    def _path(self, task: Any) -> Path:
        return self.folder / f"{hashlib.sha256(self.key(task).encode()).hexdigest()[:24]}.json"
