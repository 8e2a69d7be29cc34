"""The card of a learned way of exploring: what it was trained on, where it gains and loses, and whether it may serve.

It is promoted only if on systems that it was not trained on the lower 95 % bound of its mean gain, 1 - regret / regret
of the policy it started from, is above zero and it is not less safe by more than chance. JSON.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from poolwise.errors import DataError
from poolwise.meta import exploration
from poolwise.meta.exploration import Model
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy.parsing import parse
from poolwise.policy.view import Policy
from poolwise.targets import target

FORMAT, SCHEMA = "poolwise exploration card", 1


def sentences(card: dict[str, Any]) -> list[str]:
    """The card in words."""
    held, shape = card["held_out"], card["trained"]["shape"]
    rows = held["by_stress"].items()
    lost = [name for name, row in rows if row["gain"] + 1.96 * row["error"] < 0]
    won = [name for name, row in rows if row["gain"] - 1.96 * row["error"] > 0]
    verdict = (
        "Promoted: name this card in [policy] learned."
        if card["promoted"]
        else "Not promoted: the lower bound of the gain is not above zero, or it is less safe. The default stays."
    )
    return [
        f"{card['policy']['spec']}, trained on {shape['projects']} projects of {shape['decisions']} decisions, "
        f"{shape['contexts']} contexts, {shape['arms']} arms",
        f"held out, {held['systems']} systems: gain {held['gain']:.1%}, lower 95 % bound {held['gain_low']:.1%}, "
        f"geometric mean of the regret ratio {held['geometric_mean_ratio']:.3f}, "
        f"unsafe decisions {held['unsafe_difference']:+.2%}",
        f"gains: {', '.join(won) or 'nowhere for certain'}; losses: {', '.join(lost) or 'nowhere for certain'}",
        verdict,
    ]


def write(card: dict[str, Any], path: Path) -> None:
    """As JSON, with its sentences. Raises InputError."""
    target(path, "card").write_text(json.dumps({**card, "text": sentences(card)}, indent=1) + "\n")


def read(path: str | Path) -> dict[str, Any]:
    """A card that may serve. Raises DataError for anything else."""
    try:
        card = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an exploration card: {error}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DataError(f"{path} is no exploration card: `poolwise learn --out FILE` writes one")
    if card.get("schema") != SCHEMA:
        raise DataError(f"{path} has schema {card.get('schema')!r}, this version reads {SCHEMA}: update Poolwise")
    numbers = [*card["range"]["low"], *card["range"]["high"]]
    numbers += [*np.ravel(card["model"]["weights"]), *np.ravel(card["model"]["bias"])]
    if not all(math.isfinite(number) for number in numbers):
        raise DataError(f"{path} holds numbers that are not finite: learn it again")
    if card["promoted"] is not True:
        raise DataError(f"{path} was not promoted: it did not gain for certain on held-out systems; keep the default")
    return card


def policy(card: dict[str, Any], known: MetaFeatures) -> tuple[Policy, list[str]]:
    """The card's policy for a system, and what is outside of the trained range: then the one it started from."""
    spec, params = card["policy"]["spec"], card["policy"]["params"]
    strange = exploration.outside(known, np.array(card["range"]["low"]), np.array(card["range"]["high"]))
    if strange:
        return parse(spec, params), strange
    body = card["model"]
    model = Model(tuple(body["names"]), *(np.array(body[name]) for name in Model._fields if name != "names"))
    values = exploration.constants(model, np.array([known]))[0]
    return parse(spec, {**params, **dict(zip(model.names, values.tolist(), strict=True))}), []
