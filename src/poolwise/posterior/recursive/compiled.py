"""The serving posterior as one compiled call: an outcome, if any, the belief about one cell, and what is made of it.

Compiled beside, by one worker thread, for a structure at a time, and kept for the whole process, and on disk for the
next one (`executables`). Until it is there, where there is no working JAX, and for good once a call has failed, NumPy
runs the same source. JAX is imported by that thread, never by `import poolwise`.
"""

import logging
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array, namespace, whole
from poolwise.lazy import import_beside
from poolwise.posterior.recursive import executables, prediction, updating
from poolwise.posterior.recursive.effects import ROWS
from poolwise.posterior.recursive.exchangeability import Effects
from poolwise.posterior.recursive.types import Constants, Numbers, Outcome, Predictive, State, Structure
from poolwise.posterior.thread_switching import nimble

LOG = logging.getLogger("poolwise")
_ASKED_FOR: dict[str, dict[str, Any]] = {
    "jax": {"Array": type("Array", (), {}), "float0": None},
    "jax.core": {"Tracer": type("Tracer", (), {})},
}
"""What SciPy asks of JAX as soon as it is in `sys.modules`, for any array: none is JAX's while that is imported."""
ROW = 9
"""Numbers before those of the tail: the six of an outcome, then project, context and slot that are asked about."""
Kernel = Callable[[Callable[..., Any]], Callable[..., Any]]
Tail = Callable[[Predictive, Array], Array]
"""From the belief about a cell, and numbers known only when it is asked for, to a vector: a policy, for instance."""


class Algebra(NamedTuple):
    """What is compiled for a kind of structure."""

    call: Callable[..., Any]
    """As `update_and_predict`."""
    shapes: Callable[..., Any]
    """As the function `shapes`."""
    row: int
    """Numbers that the call takes beside those of the tail."""
    wider: int
    """Wider rows of the belief."""


class Answer(NamedTuple):
    """What one call returns beside the state."""

    counted: np.ndarray
    """(2,): weight and value with which the outcome counted."""
    belief: Predictive
    tail: np.ndarray


def update_and_predict(
    structure: Structure, tail: Tail, state: State, constants: Constants, row: Array, kernel: Kernel = lambda part: part
) -> tuple[State, Array]:
    """row: (ROW + tail's,). The state after the outcome, and counted, belief and tail as one vector. kernel: makes one
    compiled function of a part."""
    state, counted = kernel(partial(_updated, structure))(constants, state, row)
    mixed = _mixed(structure, constants, state, row)
    return state, kernel(partial(packed, structure, tail))(constants, state, mixed, counted, row)


def _updated(structure: Structure, constants: Constants, state: State, row: Array) -> tuple[State, Array]:
    project, context, arm, kind, slot = (whole(row[i]) for i in (0, 1, 2, 4, 5))
    return updating.update(structure, constants, state, Outcome(project, context, arm, row[3], kind, slot))


def _mixed(structure: Structure, constants: Constants, state: State, row: Array) -> Effects:
    project, context, slot = (whole(row[i]) for i in (6, 7, 8))
    pooled = prediction.predict_given_success(structure, constants, state, project, context)
    return prediction.mix_with_independent(structure, constants, state, pooled, project, context, slot)


def packed(
    structure: Structure, tail: Tail, constants: Constants, state: State, mixed: Effects, counted: Array, row: Array
) -> Array:
    """Counted, belief and tail as one vector. row: as `update_and_predict` takes it."""
    seen = prediction.assemble(structure, constants, state, mixed, whole(row[6]), whole(row[7]))
    parts = (part.reshape(-1) for part in seen if part is not None)
    return namespace(row).concatenate((counted, *parts, tail(seen, row[ROW:])))


def _one_kernel(part: Callable[..., Any]) -> Callable[..., Any]:
    """Under `jax.jit` on a processor one function of the machine's, where XLA would make a task of each of its fusions:
    some hundred, of a microsecond each, handed over between threads. What multiplies matrices stays outside."""
    import jax
    from jax.experimental.xla_metadata import set_xla_metadata

    return set_xla_metadata(xla_cpu_small_call="true", inlineable="false")(jax.jit(part))


def unpacked(packed: np.ndarray, arms: int, wider: int = ROWS - 1) -> Answer:
    """The vector of `update_and_predict`, as views."""
    start = 2 + 4 * arms
    end = start + 3 * wider * arms
    here, more = packed[2:start].reshape(4, arms), packed[start:end].reshape(3, wider, arms)
    return Answer(packed[:2], Predictive(*here, *more), packed[end:])


class CallFailed(Exception):
    """What a compiled call ended in; its state may be gone."""


class Program:
    """A compiled `update_and_predict`; `state` and `constants` must be where it runs (`placed`)."""

    def __init__(self, call: Any, arms: int, wider: int, device: Any) -> None:
        self._call, self._arms, self._wider, self._device = call, arms, wider, device

    @property
    def text(self) -> str:
        """The compiled instructions."""
        return str(self._call.as_text())

    def placed(self, part: Any) -> Any:
        """See `placed`."""
        return placed(part, self._device)

    def __call__(self, state: Any, constants: Any, row: np.ndarray) -> tuple[Any, Answer]:
        """Consumes `state`, row by row in double precision. Raises CallFailed where JAX or memory does."""
        import jax

        try:
            with jax.enable_x64():
                state, found = self._call(state, constants, row)
            return state, unpacked(np.asarray(found), self._arms, self._wider)
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            _give_up(error)
            raise CallFailed from error


_FAILURES: list[str] = []
"""Of calls, in this process."""


def failure() -> str:
    """What the first compiled call that failed in this process ended in; none is used since. Empty: none has failed."""
    return _FAILURES[0] if _FAILURES else ""


def _give_up(error: Exception) -> None:
    _FAILURES.append(" ".join(f"{type(error).__name__}: {error}".split())[:300])
    if len(_FAILURES) == 1:
        LOG.warning(
            "a compiled call of the posterior failed (%s): NumPy serves from here, some times slower", failure()
        )


Name = tuple[Hashable, Hashable, int]
"""Structure, key of the tail, and how many numbers that takes."""
_PROGRAMS: dict[Name, "Future[Program | None]"] = {}
_LOCK = threading.Lock()
_WORKER = ThreadPoolExecutor(1, "poolwise-compile")
_PID = os.getpid()


def program(
    structure: Any, tail: Tail, key: Hashable, extra: int, wait: bool = False, algebra: Algebra | None = None
) -> Program | None:
    """The compiled call, or None while it is being compiled or where that fails. key: names the tail, which takes
    `extra` numbers. wait: until it is compiled. algebra: None: `ORDINARY`."""
    algebra = algebra or ORDINARY
    if _FAILURES or os.getpid() != _PID:
        return None  # threads do not survive a fork, nor does a JAX that was started before it
    with _LOCK:
        if not (_imported().done() or wait):
            return None  # by then there may be more projects or contexts
        name = structure, key, extra
        found = _PROGRAMS.get(name)
        if found is None:
            found = _PROGRAMS[name] = _WORKER.submit(_beside, name, tail, algebra)
    return found.result() if wait or found.done() else None


@lru_cache(1)
def _imported() -> "Future[ModuleType]":
    return _WORKER.submit(_import)


def _import() -> ModuleType:
    with nimble():
        return import_beside("jax", _ASKED_FOR)


def placed(part: Any, device: Any = None) -> Any:
    """A pytree of NumPy arrays as one of JAX, copied, in double precision. device: None for the usual one."""
    import jax

    with jax.enable_x64():
        return jax.device_put(jax.tree.map(np.array, part), device)


def fetched(part: Any) -> Any:
    """A pytree of JAX arrays as one of NumPy, copied: a buffer that is looked at cannot be donated."""
    import jax

    return jax.tree.map(lambda leaf: np.array(leaf), part)


@lru_cache(1)
def _device(jax: Any) -> Any:
    """Where calls run: on a processor, within the call. JAX's own client hands each to a thread, and waiting for that
    takes as long as the call; which it does is chosen when a client is made, for the whole process, so this one is
    ours. The usual device where there is another than the processor, or where no client can be made."""
    usual = jax.devices()[0]
    if usual.platform != "cpu":
        return usual
    try:
        from jaxlib import xla_client

        client: Any = xla_client.make_cpu_client(asynchronous=False)
        return client.devices()[0]
    except (ImportError, AttributeError, TypeError, RuntimeError):
        return usual


def _beside(name: Name, tail: Tail, algebra: Algebra) -> Program | None:
    with nimble():
        try:
            return _compiled(_imported().result(), name, tail, algebra)
        except Exception:
            LOG.warning("JAX cannot compile the posterior here: NumPy serves, some times slower", exc_info=True)
            return None


def _compiled(jax: Any, name: Any, tail: Tail, algebra: Algebra) -> Program:
    """From disk, where it was kept and whatever it was made from is ours."""
    structure, _, extra = name
    with jax.enable_x64():
        device = _device(jax)
        if device.platform != "cpu":
            keep_on_disk(jax)
        place = jax.sharding.SingleDeviceSharding(device)
        double = lambda *shape: jax.ShapeDtypeStruct(shape, "float64", sharding=place)
        arguments = *algebra.shapes(structure, double), double(algebra.row + extra)
        ours = tail.__module__.startswith("poolwise.")
        call = executables.load(jax, name, arguments, device) if ours else None
        if call is None:
            call = _executable(jax, partial(algebra.call, structure, tail), arguments)
            if ours:
                with suppress(RuntimeError):  # the interpreter is about to end
                    _WORKER.submit(executables.save, jax, name, arguments, device, call)
        return Program(call, structure.arms, algebra.wider, device)


def _executable(jax: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """In few kernels, where this JAX can make them."""
    try:
        return jax.jit(partial(function, kernel=_one_kernel), donate_argnums=0).lower(*arguments).compile()
    except Exception:
        LOG.debug("JAX cannot compile the posterior in few kernels", exc_info=True)
        return jax.jit(function, donate_argnums=0).lower(*arguments).compile()


def shapes(structure: Structure, of: Callable[..., Any]) -> tuple[State, Constants]:
    """`of(*shape)` for every array of a state and its constants."""
    projects, contexts, arms = structure[:3]
    q, own = structure.layout.size, structure.own_layout.size
    rows = (arms, max(structure.family) + 1, 1) if structure.family else (arms, 1)
    state = State(
        effects=tuple(of(n, q, q + 1) for n in rows),
        cells=of(projects, contexts, 5, arms),
        contexts=of(contexts, 2, arms),
        arms=of(9, arms),
        baseline=of(projects, contexts, 6),
        baseline_sums=of(10),
        own_effects=tuple(of(structure.slots * n, own, own + 1) for n in rows) if structure.slots else (),
        log_odds=of(projects),
    )
    return state, Constants(of(contexts, arms), of(2, arms), of(len(Numbers._fields)), of(projects))


def keep_on_disk(jax: Any) -> None:
    """Compiled functions of this process, in the user's cache folder, unless the user has said where."""
    if jax.config.jax_compilation_cache_dir is not None:
        return
    folder = executables.folder_of_user()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))


ORDINARY = Algebra(update_and_predict, shapes, ROW, ROWS - 1)
"""Of a `Structure`."""
