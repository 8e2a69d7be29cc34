"""A fault that tests put into the compiled call."""

from typing import Any

import jax


class Failing:
    """A compiled call that works so many times, then consumes its state and fails."""

    def __init__(self, call: Any, times: int) -> None:
        self.call, self.left = call, times

    def __call__(self, state: Any, constants: Any, row: Any) -> Any:
        self.left -= 1
        found = self.call(state, constants, row)
        if self.left < 0:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return found
