"""Compiled calls on disk, ready to run: a new process loads one instead of tracing and lowering its source again.

JAX's own cache knows what XLA makes of a lowered function, and lowering one takes the interpreter longer than all the
rest. Here a call is known by what it was made from: this source, the versions, the processor, and what names it. A file
that is damaged, of another user, or not to be written is as none. It holds machine code, as JAX's cache does.
"""

import hashlib
import logging
import os
import platform
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

LOG = logging.getLogger("poolwise")
_MADE_FROM = ("posterior/**/*.py", "policy/**/*.py", "arrays.py", "views.py")
_LIBRARIES = ("jax", "jaxlib", "numpy", "scipy")
_MOST = 64
"""Files that are kept."""
_CHECK = 32
"""Bytes at the beginning of a file: the digest of the others."""


def load(jax: Any, name: Any, arguments: tuple[Any, ...], device: Any) -> Any | None:
    """The compiled call of this name, which takes such arguments and returns the first and a vector; None: there is
    none that works."""
    if (path := _path(jax, name, device)) is None:
        return None
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        kept = path.read_bytes()
        if hashlib.sha256(kept[_CHECK:]).digest() != kept[:_CHECK]:
            return None
        return _tried(jax, kept[_CHECK:], arguments, device)
    except FileNotFoundError:
        return None
    except Exception:
        LOG.debug("a compiled call on disk cannot be used", exc_info=True)
        return None


def save(jax: Any, name: Any, arguments: tuple[Any, ...], device: Any, call: Any) -> None:
    """Keep a compiled call for other processes, where that is possible."""
    if (path := _path(jax, name, device)) is None:
        return
    try:
        from jax.experimental.serialize_executable import serialize

        content, *_ = serialize(call)
        _tried(jax, content, arguments, device)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(hashlib.sha256(content).digest() + content)
        draft.replace(path)
        for old in sorted(path.parent.iterdir(), key=lambda one: one.stat().st_mtime)[:-_MOST]:
            old.unlink(missing_ok=True)
    except Exception:
        LOG.debug("a compiled call cannot be kept on disk", exc_info=True)


def _tried(jax: Any, content: bytes, arguments: tuple[Any, ...], device: Any) -> Any:
    """The call, once it has run: one that came from JAX's own cache and is written again lacks its functions."""
    from jax.experimental.serialize_executable import deserialize_and_load

    trees = jax.tree.structure((arguments, {})), jax.tree.structure((arguments[0], 0))
    call = deserialize_and_load(content, *trees, backend=device.client, execution_devices=[device])
    with jax.enable_x64():
        nothing = jax.device_put(jax.tree.map(lambda one: np.zeros(one.shape), arguments), device)
        jax.block_until_ready(call(*nothing))
    return call


def _path(jax: Any, name: Any, device: Any) -> Path | None:
    """Beside what JAX keeps; None where it is to keep nothing, or nothing on this machine."""
    folder = str(jax.config.jax_compilation_cache_dir or folder_of_user())
    if "://" in folder or not jax.config.jax_enable_compilation_cache or device.platform != "cpu":
        return None
    digest = hashlib.sha256(repr((_origin(), device.client.platform_version, name)).encode())
    return Path(folder) / "poolwise" / digest.hexdigest()


def folder_of_user() -> Path:
    """Where compiled functions are kept, unless the user has told JAX where."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "poolwise" / "jax"


@lru_cache(1)
def _origin() -> tuple[str, ...]:
    """Whatever else a compiled call depends on."""
    root, source = Path(__file__).parents[2], hashlib.sha256()
    for path in sorted(path for pattern in _MADE_FROM for path in root.glob(pattern)):
        source.update(path.read_bytes())
    versions = (platform.python_version(), *(import_module(name).__version__ for name in _LIBRARIES))
    return source.hexdigest(), *versions, os.environ.get("XLA_FLAGS", ""), _processor()


def _processor() -> str:
    """What the machine code may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line for line in lines if line.startswith(("flags", "Features"))), str(platform.uname()))
