"""Arms as indices of arrays: those that are offered, or were chosen once. All others a store merely has names for.

A space that was changed and changed back leaves names behind that nobody chose; they take part in nothing, so beliefs
are as they were, and edits cost nothing. The indices are those of one process at one time; what is kept by arm is kept
with the store's codes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from poolwise.store.base import DecisionColumns, OutcomeColumns

Rows = TypeVar("Rows", DecisionColumns, OutcomeColumns)


class ArmIndex(NamedTuple):
    """Which arms take part."""

    known: list[str]
    codes: np.ndarray
    """(known arms,): of the store; of those that it has no name for yet, the codes that it would give them."""
    place: np.ndarray
    """(codes,): index of every code among the known arms; of those that take no part, the number of known arms."""


def arm_index(
    stored: Sequence[str], offered: Sequence[str], chosen: Iterable[int], first: Sequence[str] = ()
) -> ArmIndex:
    """stored: names by code; chosen: codes; first: stored names whose order is to be kept, as something is kept in it.
    The others follow in the order of their codes.

    >>> arm_index(["a", "b", "c"], ["c", "new"], chosen=[0]).known
    ['a', 'c', 'new']
    >>> arm_index(["a", "b", "c"], ["a"], chosen=[1], first=["c"]).known
    ['c', 'a', 'b']
    """
    names = list(dict.fromkeys((*stored, *offered)))
    code_of, wanted, taken = {name: code for code, name in enumerate(names)}, set(offered), set(chosen)
    kept = [code_of[name] for name in first]
    codes = list(dict.fromkeys((*kept, *(k for k, name in enumerate(names) if name in wanted or k in taken))))
    place = np.full(len(names), len(codes))
    place[codes] = np.arange(len(codes))
    return ArmIndex([names[code] for code in codes], np.array(codes), place)


def indexed(index: ArmIndex, rows: Rows) -> Rows:
    """Rows of a store with arms by index; arms that take no part have an index beyond the last one."""
    within = (rows.arm >= 0) & (rows.arm < len(index.place))
    beyond = np.where(rows.arm < 0, rows.arm, len(index.known))
    return rows._replace(arm=np.where(within, index.place[np.where(within, rows.arm, 0)], beyond))


class Axes(NamedTuple):
    """What the arrays of hyperparameters are for."""

    codes: tuple[int, ...]
    """Of every known arm."""
    families: tuple[str, ...]
    """Of every known arm."""
    surfaces: Mapping[str, Sequence[str]]
    """Families whose effects are smooth, and in which parameters."""

    def labels(self) -> dict[str, Any]:
        """To be kept with a snapshot, as JSON, so that it can be `aligned`."""
        surfaces = {family: list(names) for family, names in self.surfaces.items()}
        return {"arms": list(self.codes), "families": list(self.families), "surfaces": surfaces}


def aligned(body: Mapping[str, Any], axes: Axes) -> dict[str, Any]:
    """Hyperparameters of a snapshot as they apply to these arms: what was found of an arm, a family, or a parameter of
    one, goes with it. Of new arms their family's is taken, else NaN says that nothing is known."""
    before, families = body.get("arms", axes.codes), body.get("families", axes.families)
    found = {**body, **axes.labels()}
    if list(before) == list(axes.codes) and body.get("surfaces", axes.surfaces) == axes.labels()["surfaces"]:
        return found
    row = {code: k for k, code in enumerate(before)}
    mate = {family: k for k, family in enumerate(families)}
    rows = [row.get(code, mate.get(family)) for code, family in zip(axes.codes, axes.families, strict=True)]
    surfaces = body.get("surfaces", {}), axes.surfaces
    found |= _fit(body, rows, *surfaces)
    if body.get("separate"):
        found["separate"] = {**body["separate"], **_fit(body["separate"], rows, *surfaces)}
    for name, width in (("expert", None), ("success_prior", 2)):
        if body.get(name):
            none = float("nan") if width is None else [float("nan")] * width
            found[name] = [[none if k is None else column[k] for k in rows] for column in body[name]]
    if body.get("factors"):
        found["factors"] = _factors(body["factors"], [row.get(code) for code in axes.codes])
    return found


def _fit(
    body: Mapping[str, Any],
    rows: Sequence[int | None],
    before: Mapping[str, Sequence[str]],
    now: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Coordinates go by family and parameter: those of others would be a wrong place to search from."""
    noise = {**body["gaussian"], "noise": _noise(body["gaussian"]["noise"], rows)}
    smooth = _smooth(body["smooth"], before, now) if body.get("smooth") else body.get("smooth")
    return {"gaussian": noise, "smooth": smooth, "coordinates": []}


def _noise(before: Sequence[float], rows: Sequence[int | None]) -> list[float]:
    usual = float(np.median(before))
    return [usual if k is None else before[k] for k in rows]


def _factors(body: Mapping[str, Any], rows: Sequence[int | None]) -> dict[str, Any] | None:
    """None where an arm has come: fitted again when that is due."""
    if None in rows:
        return None
    taken = {name: [[context[k] for k in rows if k is not None] for context in body[name]]
             for name in ("level", "variance", "loadings")}  # fmt: skip
    return {**body, **taken}


def _smooth(
    body: Mapping[str, Any], before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]
) -> dict[str, Any] | None:
    """Of every smooth family of now, each parameter's numbers, NaN for new ones; None: no family is known."""
    if not before.keys() & now.keys():
        return None
    number = {family: k for k, family in enumerate(before)}
    found = {}
    for name in ("length", "rho"):
        of = {family: dict(zip(before[family], body[name][k], strict=True)) for family, k in number.items()}
        found[name] = [[of.get(family, {}).get(one, float("nan")) for one in names] for family, names in now.items()]
    return {**body, **found}
