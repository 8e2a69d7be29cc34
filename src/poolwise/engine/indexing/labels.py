"""Names of one kind as indices of arrays. A store's codes are other numbers where some names were forgotten since."""

from collections.abc import Sequence

import numpy as np

from poolwise.store.base import GONE


class Labels:
    """Indices without gaps, in the order of the codes. They stay what they are for as long as this lives."""

    def __init__(self, names: Sequence[str]) -> None:
        self.index: dict[str, int] = {}
        self._codes: list[int] = []
        self._place: list[int] = []
        self.follow(names)

    def follow(self, names: Sequence[str]) -> None:
        """Take up what a store has come to know, all of its names given in the order of their codes."""
        for code in range(len(self._place), len(names)):
            gone = names[code].startswith(GONE)
            self._place.append(-1 if gone else len(self._codes))
            if not gone:
                self.index[names[code]] = len(self._codes)
                self._codes.append(code)

    @property
    def met(self) -> int:
        """How many codes are known."""
        return len(self._place)

    @property
    def whole(self) -> bool:
        """Whether indices are the codes."""
        return len(self._codes) == len(self._place)

    def places(self, codes: np.ndarray) -> np.ndarray:
        """Indices of codes; -1 for what was forgotten; of codes not met yet, numbers from the next index on."""
        if self.whole:
            return codes
        beyond = codes - len(self._place) + len(self._codes)
        known = (codes >= 0) & (codes < len(self._place))
        place = np.array(self._place)[np.where(known, codes, 0)]
        return np.where(known, place, np.where(codes < 0, -1, beyond))

    def codes(self, indices: np.ndarray) -> np.ndarray:
        """Codes of indices."""
        return indices if self.whole else np.array(self._codes)[indices]
