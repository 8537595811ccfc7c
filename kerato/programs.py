"""Compiled programs: when they are compiled, with which options, where the results are kept, and how arrays get in.

A `Program` counts its compilations and says in the log (`logging.getLogger("kerato")`) what caused each. The first
one turns on JAX's persistent cache below the user's cache folder, unless the user has chosen one or switched it off
with `config.set_compile_cache(False)` or `KERATO_COMPILE_CACHE=0`.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kerato import config, memory

_log = logging.getLogger("kerato")

CACHE_LIMIT_BYTES = 2 * 1024**3
#: arrays above so many bytes are copied and looked through by several threads
LARGE_BYTES = 8 * 1024**2

_cache_ready = False
_spent_s = 0.0


def seconds_compiling() -> float:
    """How long this process has been in calls of programs that had to be traced and compiled first."""
    return _spent_s


def prepare_cache() -> None:
    """Turn on the persistent cache, once per process, if nobody has decided otherwise."""
    global _cache_ready
    if _cache_ready:
        return
    _cache_ready = True
    if not config.compile_cache() or jax.config.jax_compilation_cache_dir is not None:
        return
    folder = cache_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        _log.info("compile cache: off, because %s cannot be written", folder)
        return
    prune(folder)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def prune(folder: Path, limit: int = CACHE_LIMIT_BYTES) -> None:
    """Delete the files of `folder` that were read longest ago until the others take at most 3/4 of `limit` bytes;
    nothing where they take no more than `limit`.

    JAX can bound its cache too, but lists the whole folder before it writes each program.
    """
    with contextlib.suppress(OSError):
        found = [(entry.stat(), entry.path) for entry in os.scandir(folder) if entry.is_file()]
        size = sum(stat.st_size for stat, _ in found)
        if size <= limit:
            return
        for stat, path in sorted(found, key=lambda item: max(item[0].st_atime, item[0].st_mtime)):
            if size <= limit * 3 // 4:
                return
            Path(path).unlink(missing_ok=True)
            size -= stat.st_size


def cache_folder() -> Path:
    """Where compiled programs are kept: a program made for one processor is never loaded on another, and one that
    calls native kernels only where there are the same."""
    from kerato.kernels import native

    made_for = f"{_processor()} {native.identity()}".strip()
    return config.cache_home() / "programs" / hashlib.sha256(made_for.encode()).hexdigest()[:16]


def _processor() -> str:
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line for line in lines if line.startswith("flags")), platform.processor())
    return f"{platform.machine()} {platform.processor()}"


def compiler_options() -> dict[str, Any] | None:
    """What XLA is told per program.

    On a CPU without native kernels the default fusion of operations into YNNPACK calls makes the portable convolutions
    slower; an empty list of fusion types switches it off. Beside native ones it makes a step up to a third faster.
    """
    from kerato.kernels import native

    portable = jax.default_backend() == "cpu" and not native.identity()
    return {"xla_cpu_experimental_ynn_fusion_type": ""} if portable else None


#: JAX's own windows, which XLA's CPU backend brings to its fast form at top level only; Kerato's kernels stay fast
_SLOW_INSIDE = {
    "conv_general_dilated": "a convolution written with jax.lax",
    "select_and_scatter_add": "the gradient of a pooling written with jax.lax",
    "select_and_gather_add": "the gradient of a pooling written with jax.lax",
}


def slow_in_loops(operations: set[str]) -> list[str]:
    """Which of a program's operations would make many steps in one loop slower than single ones, in words."""
    if jax.default_backend() != "cpu":
        return []
    return sorted({words for name, words in _SLOW_INSIDE.items() if name in operations})


class Program:
    """A function compiled by XLA once per signature of its arguments.

    Args:
        function: pure; takes and returns trees of arrays.
        name: what it is called in the log.
        donated: positions of arguments whose memory the results may take over.
    """

    def __init__(self, function: Callable[..., Any], name: str, donated: Sequence[int] = ()) -> None:
        self.name = name
        self.compilations = 0
        self._last: list[str] = []
        self._function = function
        self._donated = tuple(donated)
        self._jit: Any = None
        self._counted = 0
        self._scattered = False

    def __call__(self, *args: Any) -> Any:
        began = time.perf_counter()
        if self._scattered:
            self._scattered = False
            memory.give_back()
        result = (self._jit or self._prepare())(*args)
        if self.compilations != self._counted:
            self._count(began)
        return result

    def _count(self, began: float) -> None:
        global _spent_s
        _spent_s += time.perf_counter() - began
        self._counted = self.compilations
        # What compiling leaves behind lies where this call's memory was: the next one's will not fit.
        self._scattered = memory.kept()

    def _prepare(self) -> Any:
        prepare_cache()
        self._jit = jax.jit(self._traced, donate_argnums=self._donated, compiler_options=compiler_options())
        return self._jit

    def operations(self, *args: Any) -> set[str]:
        """The names of JAX's primitives in the program for these arguments, also inside loops and branches."""
        global _spent_s
        began = time.perf_counter()
        traced = (self._jit or self._prepare()).trace(*args)
        _spent_s += time.perf_counter() - began
        return set(_primitives(traced.jaxpr.jaxpr))

    def _traced(self, *args: Any) -> Any:
        self.compilations += 1
        found = [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(args)]
        changed = [f"{a} -> {b}" for a, b in zip(self._last, found, strict=False) if a != b]
        cause = ", ".join(changed[:3]) if self._last else "first call"
        _log.info("compiling %s (compilation %d: %s)", self.name, self.compilations, cause or "new structure")
        self._last = found
        return self._function(*args)


def enter(tree: Any) -> Any:
    """Arrays of a tree as device arrays, by one copy."""
    return jax.tree.map(lambda array: jax.device_put(_own(array)), tree)


def _own(array: Any) -> Any:
    # A device array aliases NumPy memory that begins at a multiple of 64, which its owner may change later; memory
    # that does not is copied. So the copy is made here, where it can be aliased.
    if not isinstance(array, np.ndarray):
        return array
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    in_parts(np.copyto, copy, array)
    return copy


def in_parts(function: Callable[..., Any], *arrays: np.ndarray[Any, Any]) -> list[Any]:
    """`function` of equal parts of `arrays`, cut along the samples; by threads where there is much to go through."""
    workers = min(4, os.cpu_count() or 1) if arrays[0].nbytes > LARGE_BYTES else 1
    if workers == 1 or not arrays[0].ndim:
        return [function(*arrays)]
    edges = [len(arrays[0]) * i // workers for i in range(workers + 1)]
    cuts = [slice(low, high) for low, high in itertools.pairwise(edges)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda cut: function(*(array[cut] for array in arrays)), cuts))


def _primitives(jaxpr: Any) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jax.tree.leaves(equation.params):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from _primitives(inner)
