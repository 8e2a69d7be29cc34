"""Where JAX works, in double precision: small scales lose their gradient in single."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from poolwise.errors import RefitError
from poolwise.posterior.recursive.compiled import keep_on_disk


@contextmanager
def on(device: str) -> Iterator[None]:
    """Everything inside runs on the CPU or a GPU. Raises RefitError where there is none."""
    try:
        chosen = jax.devices(device)[0]
    except RuntimeError as error:
        raise RefitError(
            f"JAX sees no {device} here: install a JAX with support for it (jax[cuda13]), or use --device cpu"
        ) from error
    keep_on_disk(jax)
    with jax.enable_x64(True), jax.default_device(chosen):
        yield
