"""What several sources say of settings of a policy for one project, as one: cards, and the project's own past.

    mean_k = sum_s mean_sk / error_sk^2  /  sum_s 1 / error_sk^2

over the sources s that have tried setting k. A card's error grows with the distance of its histories from this project
and with how much they disagree, so that what is alike counts most. What the project has shown itself is a history like
the others, at no distance: settings live through it again, completed by what is believed of all its arms. An off-policy
estimate on its log would not do: it tells what other probabilities would have earned at each decision, given what was
known then, so that whatever tries less looks better, and what trials teach is not in it.

The setting with the least upper bound is chosen; the default, for which it is 0, is always among them. So a card costs
something only where it is wrong with confidence, and then until the project's own past says so: whatever loses there
for certain is out, however many others it gained with.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.meta import policy_card as cards
from poolwise.meta.histories import History
from poolwise.meta.meta_features import MetaFeatures
from poolwise.meta.racing import compared
from poolwise.meta.recommendation import BOUND
from poolwise.policy.view import Params, Policy

OWN = 0.1
"""Standard deviation of a setting's log ratio between the past of a project and what is to come."""
NEVER = 1e6
"""Error of what was never tried."""


class Evidence(NamedTuple):
    """Log ratio of regret over the default's, of the default, {}, and other settings; (settings,) each."""

    settings: tuple[Params, ...]
    log_ratio: np.ndarray
    error: np.ndarray


class Choice(NamedTuple):
    """What is taken; of the default all is 0."""

    params: Params
    log_ratio: float
    error: float


def of_card(card: dict[str, Any], known: MetaFeatures) -> Evidence:
    """Of a card for a system; known: NaN where a characteristic is not known yet."""
    found = cards.recommended(card, known)
    return Evidence(tuple(card["settings"]), found.log_ratio, found.error)


def of_past(past: History, policy: Policy, settings: Sequence[Params], seeds: Sequence[int]) -> Evidence:
    """Of the project itself, as far as it has come."""
    made = [past.play(policy._replace(params={**policy.params, **one}), seeds) for one in settings]
    (ratio,), (error,) = compared([made])
    return Evidence(tuple(settings), ratio, np.hypot(error, OWN))


def pooled(parts: Sequence[Evidence]) -> Evidence:
    """All that is said; `parts` must not be empty."""
    settings: list[Params] = [{}]
    settings += [one for part in parts for one in part.settings if one]
    settings = [one for k, one in enumerate(settings) if one not in settings[:k]]
    shape = (len(parts), len(settings))
    ratio, precision = np.zeros(shape), np.full(shape, NEVER**-2)
    for s, part in enumerate(parts):
        for one, value, error in zip(part.settings, part.log_ratio, part.error, strict=True):
            k = settings.index(one)
            ratio[s, k], precision[s, k] = value, max(error, 1e-6) ** -2
    total = precision.sum(axis=0)
    mean, error = (precision * ratio).sum(axis=0) / total, total**-0.5
    mean[0] = error[0] = 0.0
    return Evidence(tuple(settings), mean, error)


def corrected(found: Evidence, own: Evidence) -> Evidence:
    """By the project's own past."""
    lost = [one for one, low in zip(own.settings, own.log_ratio - BOUND * own.error, strict=True) if low > 0]
    every = pooled([found, own])
    return every._replace(error=np.where([one in lost for one in every.settings], NEVER, every.error))


def best(found: Evidence, number: int) -> list[Params]:
    """The default and that many others, those of least upper bound."""
    order = np.argsort(found.log_ratio + BOUND * found.error, kind="stable")
    return [{}, *[found.settings[k] for k in order.tolist() if k][:number]]


def choice(found: Evidence) -> Choice:
    """The setting of least upper bound."""
    k = int((found.log_ratio + BOUND * found.error).argmin())
    return Choice(found.settings[k], float(found.log_ratio[k]), float(found.error[k]))
