"""One chain of NUTS in blocks, each written down before the next: it shows its progress and survives interruption."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from numpyro.handlers import reparam
from numpyro.infer import NUTS, init_to_value
from numpyro.infer.hmc import hmc
from numpyro.infer.util import initialize_model

from poolwise.refit.checkpoint import load, whole
from poolwise.refit.methods.collapsed import DensityArguments, Whitened
from poolwise.refit.methods.submodels import Submodel

BLOCK = 50
"""Steps between two looks."""
FIELDS = ("diverging", "energy", "num_steps", "accept_prob", "potential_energy")
"""Of the sampler's state, kept for every draw."""
_APART = 1.5
"""Standard deviations of the posterior by which round chains start around its mode."""
_CAREFUL, _BOLD = 0.9, 0.7
"""Acceptance that the step size is adapted to: with all effects, and in round coordinates."""


class Sampler(NamedTuple):
    """Compiled once per part, for all its chains."""

    start: Callable[[Any], Any]
    """Key -> state of the kernel."""
    advance: Callable[[Any], Any]
    """State -> state and draws after `BLOCK` steps."""
    constrained: Callable[[Any], Any]
    """Draws of a block -> sites of the model."""


def sampler(part: Submodel, warmup: int, near: Callable[[Any], dict[str, Any]]) -> Sampler:
    """NUTS on a part (Hoffman and Gelman 2014), multinomial, diagonal metric, as NumPyro has it. near: key -> values to
    start from."""
    model = reparam(part.model, config=part.centring)
    kernel = NUTS(model, target_accept_prob=_CAREFUL)
    arguments = {"data": part.data}

    def start(key: Any) -> Any:
        placing, walking = jax.random.split(key)
        strategy = init_to_value(values=near(key))
        begin = initialize_model(placing, model, init_strategy=strategy, model_kwargs=arguments).param_info.z
        return kernel.init(walking, warmup, begin, (), arguments)

    # The kernel knows how to constrain once it has started.
    walk = lambda state, given: kernel.sample(state, (), given)
    return _compiled(walk, start, lambda z, given: kernel.postprocess_fn((), given)(z), arguments)


def round_sampler(density: Whitened, warmup: int) -> Sampler:
    """NUTS in round coordinates: only its step size is adapted. Chains start apart, so that R-hat can tell whether they
    met."""
    init, sample = hmc(potential_fn_gen=lambda given: lambda u: density.potential(u, given), algo="NUTS")
    adapted: dict[str, Any] = {"adapt_mass_matrix": False, "target_accept_prob": _BOLD}

    def start(key: Any, given: DensityArguments) -> Any:
        placing, walking = jax.random.split(key)
        begin = _APART * jax.random.normal(placing, (density.size,))
        return init(begin, warmup, **adapted, model_args=(given,), rng_key=walking)

    first = jax.jit(start)
    walk = lambda state, given: sample(state, (given,))
    return _compiled(walk, lambda key: first(key, density.given), density.constrained, density.given)


def _compiled(
    sample: Callable[[Any, Any], Any], start: Callable[[Any], Any], constrained: Callable[[Any, Any], Any], given: Any
) -> Sampler:
    """What it is given is an argument of all that is compiled: another time, with other outcomes, it is there."""

    def step(given: Any, state: Any, _: None) -> tuple[Any, Any]:
        state = sample(state, given)
        return state, (state.z, {name: getattr(state, name) for name in FIELDS})

    advance = jax.jit(lambda state, given: lax.scan(partial(step, given), state, None, length=BLOCK))
    every = jax.jit(lambda z, given: lax.map(lambda one: constrained(one, given), z))
    return Sampler(start, lambda state: advance(state, given), lambda z: every(z, given))


def blocks(made: Sampler, key: Any, warmup: int, draws: int, folder: Path | None) -> Iterator[tuple[int, Any | None]]:
    """(steps done, draws of the block or None in the warm-up), the finished blocks of an earlier process included.

    The warm-up is rounded up to whole blocks, and so are the draws.
    """
    state = made.start(key)
    before, total = (-(-count // BLOCK) for count in (warmup, warmup + draws))
    known = _known(folder, state)
    number = 0
    if known is not None:
        number, state = known
        for earlier in range(before, number):
            yield (earlier + 1) * BLOCK, _read(folder, earlier)
    for block in range(number, max(total, before + -(-draws // BLOCK))):
        state, drawn = jax.block_until_ready(made.advance(state))
        drawn = jax.tree.map(np.asarray, drawn) if block >= before else None
        if folder is not None:
            _write(folder, block, state, drawn)
        yield (block + 1) * BLOCK, drawn


def _write(folder: Path, block: int, state: Any, drawn: Any | None) -> None:
    """The draws first, then the state that says that they are there; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    if drawn is not None:
        z, fields = drawn
        named = z if isinstance(z, dict) else {"": z}
        arrays = {**{f"z/{name}": v for name, v in named.items()}, **{f"s/{name}": v for name, v in fields.items()}}
        whole(folder / f"{block:06}.npz", arrays)
    leaves = jax.tree.leaves(state)
    whole(folder / "state.npz", {"block": np.array(block + 1), **{str(i): np.asarray(v) for i, v in enumerate(leaves)}})


def _read(folder: Path | None, block: int) -> Any:
    assert folder is not None
    named = load(folder / f"{block:06}.npz")
    z, fields = ({name[2:]: v for name, v in named.items() if name.startswith(kind)} for kind in ("z/", "s/"))
    return z.get("", z), fields


def _known(folder: Path | None, like: Any) -> tuple[int, Any] | None:
    """Where an earlier process stopped: number of blocks and state."""
    if folder is None or not (folder / "state.npz").exists():
        return None
    known = load(folder / "state.npz")
    leaves = [jax.numpy.asarray(known[str(i)]) for i in range(len(known) - 1)]
    return int(known["block"]), jax.tree.unflatten(jax.tree.structure(like), leaves)
