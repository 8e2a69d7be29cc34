"""The card of a learned way of exploring: how settings of a policy did in histories, and whether it may serve. JSON.

It is promoted only if what histories recommend to those of other groups than their own (project, table, domain) gains:
the upper 95 % bound of the mean log ratio of regret over the default's, by group, lies below zero.
"""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from poolwise.errors import DataError
from poolwise.meta import recommendation
from poolwise.meta.meta_features import MetaFeatures
from poolwise.meta.recommendation import Found, Recommendation
from poolwise.policy.parsing import parse
from poolwise.targets import target

if TYPE_CHECKING:
    from poolwise.meta.racing import Race

FORMAT, SCHEMA = "poolwise exploration card", 2


def of_race(race: "Race") -> dict[str, Any]:
    """The card of what a race came to."""
    rows = zip(race.names, race.groups, race.known, race.log_ratio, race.error, race.seeds, strict=True)
    card: dict[str, Any] = {
        "format": FORMAT,
        "schema": SCHEMA,
        "policy": {"spec": race.policy.spec, "params": dict(race.policy.params)},
        "settings": [dict(one) for one in race.settings],
        "luck": race.luck.tolist(),
        "histories": [
            {
                "name": name,
                "group": group,
                "known": list(known),
                "log_ratio": ratio.tolist(),
                "error": error.tolist(),
                "seeds": seeds.tolist(),
            }
            for name, group, known, ratio, error, seeds in rows
        ],
    }
    card["held_out"] = held_out(card)
    return {**card, "promoted": card["held_out"]["high"] < 0}


def held_out(card: dict[str, Any]) -> dict[str, Any]:
    """Every history with the setting that those of other groups recommend: mean log ratio over groups, its upper 95 %
    bound (infinite where there is but one group), shared luck in it, and the worst."""
    every = arrays(card)
    chosen, found = recommendation.left_out(every)
    mean = np.array([found[every.groups == kind].mean() for kind in dict.fromkeys(every.groups)])
    high = math.inf
    if len(mean) > 1:
        error = math.hypot(mean.std(ddof=1) / len(mean) ** 0.5, every.luck[chosen].mean())
        high = mean.mean() + stdtrit(len(mean) - 1, 0.975) * error
    return {
        "groups": len(mean),
        "log_ratio": float(mean.mean()),
        "high": float(high),
        "worst": float(found.max()),
        "settings": chosen.tolist(),
    }


def sentences(card: dict[str, Any]) -> list[str]:
    """The card in words."""
    held, rows, names = card["held_out"], card["histories"], card["settings"]
    taken = sorted(set(held["settings"]), key=held["settings"].count, reverse=True)
    shown = [", ".join(f"{name} {value:.3g}" for name, value in names[k].items()) or "the default" for k in taken]
    verdict = (
        "Promoted: name this card in [policy] learned."
        if card["promoted"]
        else "Not promoted: on histories that it was not learned from it does not gain for certain. The default stays."
    )
    return [
        f"{card['policy']['spec']}, {len(names)} settings on {len(rows)} histories of {held['groups']} groups",
        f"left out one group at a time: {math.exp(held['log_ratio']):.3f} of the default's regret, upper 95 % bound "
        f"{math.exp(min(held['high'], 9.0)):.3f}, worst history {math.exp(held['worst']):.3f}",
        f"recommended there: {'; '.join(shown)}",
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
        raise DataError(f"{path} has schema {card.get('schema')!r}, this version reads {SCHEMA}: learn it again")
    try:
        _check(card)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is a damaged exploration card ({error}): learn it again") from error
    if card["promoted"] is not True:
        raise DataError(f"{path} was not promoted: it did not gain for certain on other histories; keep the default")
    return card


def _check(card: dict[str, Any]) -> None:
    """Raises ValueError and others for a card whose parts do not fit."""
    _, rows, ratio, error, luck = arrays(card)
    settings = card["settings"]
    if len(rows) < 2:
        raise ValueError("it was learned from one history only")
    if not all(np.isfinite(part).all() for part in (rows, ratio, error, luck)) or (error < 0).any():
        raise ValueError("it holds numbers that are not finite")
    shape = (len(rows), len(settings))
    fits = (ratio.shape, error.shape, luck.shape) == (shape, shape, shape[1:])
    if rows.shape[1] != len(MetaFeatures._fields) or not fits or settings[0]:
        raise ValueError("its histories do not fit its settings")
    for one in settings:
        parse(card["policy"]["spec"], {**card["policy"]["params"], **one})


def arrays(card: dict[str, Any]) -> Found:
    """What it found in its histories."""
    histories = card["histories"]
    known, ratio, error = (np.array([one[key] for one in histories], float) for key in ("known", "log_ratio", "error"))
    groups, luck = np.array([one["group"] for one in histories]), card.get("luck", [0.0] * len(card["settings"]))
    return Found(groups, known, ratio, error, np.array(luck, float))


def recommended(card: dict[str, Any], known: MetaFeatures) -> Recommendation:
    """What its histories say about a system; known: NaN where a characteristic is not known yet."""
    return recommendation.recommend(known, arrays(card))
