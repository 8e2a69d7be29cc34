"""Views for the tests of policies: easy, extreme and masked, and how to hand them to JAX."""

import jax.numpy as jnp
import numpy as np

from poolwise.policy import Context, View

FAMILY = np.array([0, 1, 1, 1, 2, 2])
ARMS = len(FAMILY)
CONTEXT = Context(
    decisions=40.0,
    outcomes=35.0,
    share=0.1,
    importance=0.3,
    staleness=12.0,
    remaining=50.0,
    remaining_project=500.0,
    remaining_all=900.0,
)


def view(mean, scale, allowed=None, context=CONTEXT, baseline=0, family=None, noise=0.2) -> View:
    mean, scale = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(scale, dtype=float))
    arms = mean.shape[-1]
    family = np.arange(arms) if family is None else np.asarray(family)
    return View(
        mean=mean,
        scale=scale,
        noise=np.full(mean.shape, noise),
        allowed=np.ones(mean.shape, dtype=bool) if allowed is None else np.asarray(allowed, dtype=bool),
        count=np.arange(arms, dtype=float),
        family=family,
        baseline=baseline,
        wider_mean=np.stack([0.5 * mean, 0.3 * mean]),
        wider_scale=np.stack([0.8 * scale, 0.6 * scale]),
        context=context,
    )


def _means() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(20)
    return {
        "usual": draws.normal(scale=0.3, size=ARMS),
        "ties": np.zeros(ARMS),
        "far": np.array([0.0, 1e3, -1e3, 1e3, 5.0, -1e3]),
        "one ahead": np.array([0.0, 0.1, 0.0, 40.0, 0.1, 0.0]),
    }


def _scales() -> dict[str, np.ndarray]:
    return {
        "usual": np.array([0.05, 0.2, 0.3, 0.4, 0.2, 0.3]),
        "narrow": np.full(ARMS, 1e-12),
        "wide": np.full(ARMS, 1e6),
        "uneven": np.array([1e-12, 1e6, 1.0, 1e-3, 1e3, 1e-6]),
    }


MASKS = {
    "all": np.ones(ARMS, dtype=bool),
    "some": np.array([True, False, True, True, False, False]),
    "no baseline": np.array([False, True, False, False, True, True]),
    "two families": np.array([True, False, False, False, True, True]),
}
VIEWS = {
    f"{m} means, {s} scales, {mask}": view(mean, scale, allowed, family=FAMILY)
    for m, mean in _means().items()
    for s, scale in _scales().items()
    for mask, allowed in MASKS.items()
}
VIEWS["usual means, usual scales, alike"] = VIEWS["usual means, usual scales, all"]._replace(
    contrast=np.array([1.0, 0.5, 0.1, 0.0, 0.9, 1.0])
)
VIEWS["usual means, usual scales, some fail"] = VIEWS["usual means, usual scales, alike"]._replace(
    chance=np.array([1.0, 0.9, 0.5, 0.05, 0.99, 0.3])
)


def traced(view: View) -> View:
    """The same view as JAX arrays; the family stays concrete, as it must."""
    arrays = {name: jnp.asarray(getattr(view, name)) for name in _held(view)}
    return view._replace(**arrays, context=Context(*map(jnp.asarray, view.context)))


VIEW_ARRAYS = ("mean", "scale", "noise", "allowed", "count", "wider_mean", "wider_scale")


def _held(view: View) -> tuple[str, ...]:
    return (*VIEW_ARRAYS, *(name for name in ("contrast", "chance") if getattr(view, name) is not None))


def permuted(view: View, order: np.ndarray) -> View:
    """The same arms under other names: arm k of the result is arm order[k] of `view`."""
    arrays = {name: getattr(view, name)[..., order] for name in (*_held(view), "family")}
    return view._replace(**arrays, baseline=int(np.flatnonzero(order == view.baseline)[0]))
