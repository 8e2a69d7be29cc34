"""All families with their arms, and the baseline among them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from poolwise.errors import SpaceError, nearest
from poolwise.names import iterable, shown
from poolwise.space.family import Arm, Family, family_from_dict

FEW = 8
"""Families that are named where a space is shown."""


@dataclass(frozen=True)
class ArmSpace:
    """All families with their arms and the baseline: the arm that the system would use without us.

    Immutable: `add` and `retire` return a new space. The baseline is an arm's id, or a family with a single arm; it is
    offered even where it lies off the grid, or `limit` left it out.
    """

    families: Sequence[Family]
    baseline: str
    extra: tuple[Arm, ...] = ()
    """Arms added off the grid."""
    retired: frozenset[str] = frozenset()
    """Ids that are no longer offered; what was learned of them stays."""
    arms: tuple[Arm, ...] = field(init=False)
    index: dict[str, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self._check_types()
        extra = tuple(self.family(arm.family).arm(arm.params) for arm in self.extra)
        arms = {arm.id: arm for family in self.families for arm in family.arms()} | {arm.id: arm for arm in extra}
        arms = {key: arm for key, arm in arms.items() if key not in self.retired}
        baseline = self._baseline(arms)
        arms.setdefault(baseline.id, baseline)
        object.__setattr__(self, "extra", extra)
        object.__setattr__(self, "baseline", baseline.id)
        object.__setattr__(self, "arms", tuple(arms.values()))
        object.__setattr__(self, "index", {key: position for position, key in enumerate(arms)})

    def __repr__(self) -> str:
        names = [family.name for family in self.families]
        listed = ", ".join(names if len(names) <= FEW else [*names[:FEW], f"{len(names) - FEW} more"])
        return f"<ArmSpace: {len(self.arms)} arms of {listed}; baseline {self.baseline}>"

    @property
    def left_out(self) -> dict[str, tuple[int, int]]:
        """Families that allow more arms than their `limit`: how many were left out, of how many."""
        return {one.name: (one.size - one.limit, one.size) for one in self.families if one.size > one.limit}

    def family(self, name: str) -> Family:
        for family in self.families:
            if isinstance(name, str) and family.name == name:
                return family
        raise SpaceError(f"unknown family {shown(name)}: this space has {[family.name for family in self.families]}")

    def arm(self, key: str) -> Arm:
        if not isinstance(key, str) or key not in self.index:
            raise SpaceError(f"unknown arm {shown(key)}: `space.arms` lists the {len(self.arms)} arms of this space")
        return self.arms[self.index[key]]

    def add(self, family: str, params: Mapping[str, Any]) -> "ArmSpace":
        """With one more arm, on or off the grid, or a retired one brought back."""
        arm = self.family(family).arm(params)
        return replace(self, extra=(*self.extra, arm), retired=self.retired - {arm.id})

    def retire(self, key: str) -> "ArmSpace":
        """Without an arm. The baseline cannot be retired."""
        if self.arm(key).id == self.baseline:
            raise SpaceError(f"{shown(key)} is the baseline, which is always offered: name another baseline first")
        return replace(self, retired=self.retired | {key})

    def matching(self, names: Iterable[str]) -> list[str]:
        """Ids of the arms that are named, or whose family is: how availability is given per call."""
        if isinstance(names, str) or not iterable(names):
            raise SpaceError(f"give a list of arms or families, got {shown(names)}")
        names = list(names)
        known = set(self.index) | {arm.family for arm in self.arms}
        if unknown := [name for name in names if not isinstance(name, str) or name not in known]:
            raise SpaceError(f"unknown arm or family {shown(unknown[0])}: `space.arms` lists what is offered")
        wanted = set(names)
        return [arm.id for arm in self.arms if arm.id in wanted or arm.family in wanted]

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable description; `ArmSpace.from_dict` is its inverse."""
        return {
            "families": [family.to_dict() for family in self.families],
            "baseline": self.baseline,
            "extra": [[arm.family, arm.params] for arm in self.extra],
            "retired": sorted(self.retired),
        }

    @staticmethod
    def from_dict(body: Mapping[str, Any]) -> "ArmSpace":
        """Raises SpaceError for anything that describes no space."""
        if not isinstance(body, Mapping):
            raise SpaceError(f"{shown(body)} describes no arm space: pass what `to_dict` returned")
        try:
            families, baseline = list(body["families"]), body["baseline"]
            extra = [(family, dict(params)) for family, params in body.get("extra", ())]
            retired = frozenset(body.get("retired", ()))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SpaceError(f"this describes no arm space ({error!r}): pass what `to_dict` returned") from error
        added = tuple(Arm("", family, params) for family, params in extra)
        return ArmSpace([family_from_dict(one) for one in families], baseline, added, retired)

    def _check_types(self) -> None:
        families = tuple(self.families) if iterable(self.families) else ()
        if isinstance(self.families, Family) or not all(isinstance(one, Family) for one in families) or not families:
            raise SpaceError("an arm space needs a list of families: ArmSpace([Family('default'), ...], 'default')")
        object.__setattr__(self, "families", families)
        names = [family.name for family in families]
        if len(set(names)) != len(names):
            raise SpaceError(f"family names must differ, got {sorted(names)}")
        if not isinstance(self.baseline, str):
            raise SpaceError(f"the baseline is the id of an arm or a family, got {shown(self.baseline)}")
        retired, extra = (list(one) if iterable(one) else [None] for one in (self.retired, self.extra))
        if isinstance(self.retired, str) or not all(isinstance(one, str) for one in retired):
            raise SpaceError(f"retired is a set of ids of arms, got {shown(self.retired)}")
        if not all(isinstance(one, Arm) for one in extra):
            raise SpaceError(f"extra is a list of arms, got {shown(self.extra)}: use `add`")
        object.__setattr__(self, "retired", frozenset(retired))
        object.__setattr__(self, "extra", tuple(extra))

    def _baseline(self, arms: Mapping[str, Arm]) -> Arm:
        """The arm that is meant, be it among these or not."""
        if self.baseline in arms:
            return arms[self.baseline]
        inside = [arm for arm in arms.values() if arm.family == self.baseline]
        if len(inside) > 1:
            raise SpaceError(
                f"baseline {self.baseline!r} is a family of {len(inside)} arms: name one, for instance {inside[0].id!r}"
            )
        if inside:
            return inside[0]
        names = [family.name for family in self.families]
        family = self.baseline.partition("(")[0]
        if family not in names:
            raise SpaceError(
                f"baseline {shown(self.baseline)} is neither an arm nor a family of this space{nearest(family, names)}"
            )
        try:
            found = self.family(family).read(self.baseline)
        except SpaceError as error:
            raise SpaceError(f"baseline {shown(self.baseline)} cannot be offered: {error}") from None
        if found.id in self.retired:
            raise SpaceError(f"baseline {found.id!r} is retired: name another baseline, or bring it back with `add`")
        return found
