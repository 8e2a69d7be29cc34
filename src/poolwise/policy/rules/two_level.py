"""Macro and micro: first a family, then an arm of it.

    p(arm) = p(family) p(arm | family)

The micro level asks the inner policy for p(arm | family) among the arms of one family. The macro level asks the same
policy to choose between families, where a family is believed to be worth what choosing it is worth: the average of its
arms under p(arm | family), means and scales alike (errors within a family are taken as shared). So 300 arms of equal
belief count as much as one of them. With one family, or one arm each, a level has nothing to choose and is left out.
"""

from functools import lru_cache

import numpy as np

from poolwise.errors import InputError
from poolwise.policy.construction import wrap_policy
from poolwise.policy.view import Array, Params, Policy, View, namespace


def macro_micro(policy: Policy) -> Policy:
    """`policy` applied twice, to families and within each.

    Layers that shut arms out belong around it: inside, they judge whole families and the arms of one family apart.

    `view.family` says how arms hang together and must be concrete: close over it where a simulator is traced. Raises
    InputError otherwise.
    """
    return wrap_policy("macro_micro", policy, _two_level)


def _two_level(params: Params, view: View, inner: Policy) -> Array:
    xp = namespace(view.mean)
    index, real, place = _layout(_key(view.family))
    if 1 in index.shape:
        return inner.probabilities(params, view)
    row, column = divmod(xp.asarray(place)[view.baseline], index.shape[1])
    home = np.arange(len(index))[:, None] == row
    part = _micro_view(view, index, real)._replace(baseline=xp.where(home, column, -1))
    micro = inner.probabilities(params, part)
    macro = inner.probabilities(params, _macro_view(view, part, micro)._replace(baseline=row))
    joint = macro[..., :, None] * micro
    return joint.reshape((*joint.shape[:-2], -1))[..., place]


def _key(family: Array) -> bytes:
    if not isinstance(family, np.ndarray):
        try:
            family = np.asarray(family)
        except Exception as error:
            raise InputError(
                "view.family is traced: close over it as a NumPy array, it is structure, not data"
            ) from error
    return family.astype(np.int64, copy=False).tobytes()


@lru_cache(maxsize=4096)
def _layout(key: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arms per family as a padded table: (families, widest) index and mask, and each arm's place in it, flattened.

    32 bits: what is kept between traces must be of one precision in all of them (`base.constant`).
    """
    family = np.frombuffer(key, dtype=np.int64)
    members = [np.flatnonzero(family == name) for name in np.unique(family)]
    shape = (len(members), max(map(len, members)))
    index, real = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=bool)
    place = np.empty(len(family), dtype=np.int32)
    for row, arms in enumerate(members):
        index[row, : len(arms)], real[row, : len(arms)] = arms, True
        place[arms] = row * shape[1] + np.arange(len(arms))
    return index, real, place


def _micro_view(view: View, index: np.ndarray, real: np.ndarray) -> View:
    return view._replace(
        mean=view.mean[..., index],
        scale=view.scale[..., index],
        noise=view.noise[..., index],
        allowed=view.allowed[..., index] & real,
        count=view.count[..., index],
        family=np.zeros(index.shape, dtype=np.int64),
        wider_mean=view.wider_mean[..., index],
        wider_scale=view.wider_scale[..., index],
        wider_share=None if view.wider_share is None else view.wider_share[..., index],
        contrast=None if view.contrast is None else view.contrast[..., index],
        chance=None if view.chance is None else view.chance[..., index],
    )


def _macro_view(view: View, part: View, micro: Array) -> View:
    """Families as arms. One without an allowed arm has no weights; it gets scale 1 and is not allowed."""
    xp = namespace(view.mean)
    empty = ~part.allowed.any(axis=-1)
    average = lambda values: (micro * values).sum(axis=-1)
    return view._replace(
        mean=average(part.mean),
        scale=average(part.scale) + empty,
        noise=average(part.noise) + empty,
        allowed=~empty,
        count=xp.where(part.allowed, part.count, 0).sum(axis=-1),
        family=np.arange(micro.shape[-2]),
        wider_mean=average(part.wider_mean),
        wider_scale=average(part.wider_scale) + empty,
        wider_share=None if part.wider_share is None else average(part.wider_share),
        contrast=None,
        chance=None,
    )
