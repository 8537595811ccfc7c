"""Convolutions on the CPU by oneDNN, where the library has been built: found, loaded, asked and called here.

`python -m kerato.kernels.native.build` makes the library; without it, or with `config.set_native_kernels(False)` or
`KERATO_NATIVE=0`, everything runs in the portable forms. `choice.py` decides; `docs/kernels.md` has the measurements.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config
from kerato.kernels.windows import Windows

ABI = 1  # of the calls; a program compiled for another version asks for another name
TARGET = f"kerato_convolution_v{ABI}"
LIBRARY = Path(__file__).parent / "libkerato_native.so"
BUILD = "python -m kerato.kernels.native.build"
ROLES = ("y", "x", "kernel")  # in the library's numbering
TYPES = ("float32", "bfloat16")
PRODUCTS = 64  # cells of a window up to which one input channel is a sum of shifted pictures, without oneDNN
SLOW = ("ref", "gemm")  # in the names of those ways of oneDNN that the portable forms outrun


@dataclass(frozen=True)
class Found:
    """The library, or the reason why there is none."""

    library: Any
    words: str


def explain() -> str:
    """One line for a person: which library computes, or why none does."""
    if not config.native_kernels():
        return "off (config.set_native_kernels, KERATO_NATIVE)"
    return find().words


def identity() -> str:
    """What programs compiled in this process may call; empty when nothing."""
    return f"{ABI} {find().words}" if config.native_kernels() and find().library else ""


@cache
def find() -> Found:
    """Load the library and tell XLA of it, once; says what is wrong instead of raising."""
    if not LIBRARY.exists():
        return Found(None, f"not built, the portable ones compute; {BUILD} builds them")
    try:
        library = ctypes.CDLL(str(LIBRARY))
        library.kerato_native_name.restype = ctypes.c_char_p
        if library.kerato_native_abi() != ABI:
            return Found(None, f"built for another version of Kerato; {BUILD} builds them anew")
        jax.ffi.register_ffi_target(TARGET, jax.ffi.pycapsule(library.kerato_convolution), platform="cpu")
    except Exception as error:  # of the loader, of the linker, of XLA: the portable forms do as well
        return Found(None, f"cannot be loaded ({str(error).splitlines()[0]}); {BUILD} builds them anew")
    return Found(library, library.kerato_native_name().decode())


def serves(role: str, shapes: dict[str, tuple[int, ...]], geometry: Windows, dtype: Any) -> bool:
    """Whether the library computes `role` of these shapes, and faster than the portable forms do."""
    if str(dtype) not in TYPES or not config.native_kernels() or find().library is None:
        return False
    if min(map(min, geometry.padding)) < 0 or 0 in map(prod, shapes.values()) or _better(role, shapes, geometry):
        return False
    name = implementation(_numbers(role, shapes, geometry), str(dtype))
    dense = role == "y" and shapes["kernel"][-2] == 1 and prod(geometry.window) <= PRODUCTS and "dw" not in name
    return name != "" and not dense and not any(word in name for word in SLOW)


def _better(role: str, shapes: dict[str, tuple[int, ...]], g: Windows) -> bool:
    """Where the portable forms were measured to be better, or are the only ones that keep many cores busy."""
    if shapes["x"][0] * 2 < (os.cpu_count() or 1):
        return True  # a picture is one thread's work
    strided = set(g.strides) != {1}
    if prod(g.window) == 1 and g.groups == 1:
        return role != "kernel"  # XLA's matrix products are as fast, and take what surrounds them along
    return role == "x" and strided and shapes["x"][-1] < 8


@lru_cache(1024)
def implementation(numbers: tuple[int, ...], dtype: str) -> str:
    """What oneDNN calls its way to compute it on this processor; empty where it has none."""
    name = ctypes.create_string_buffer(128)
    given = (ctypes.c_int64 * len(numbers))(*numbers)
    find().library.kerato_convolution_probe(
        given, ctypes.c_int64(len(numbers)), ctypes.c_int64(dtype == "bfloat16"), name, ctypes.c_int64(len(name))
    )
    return name.value.decode()


def solve(role: str, shapes: dict[str, tuple[int, ...]], a: jax.Array, b: jax.Array, geometry: Windows) -> jax.Array:
    """`role` of the other two roles; only where `serves`."""
    like = jax.ShapeDtypeStruct(shapes[role], a.dtype)
    numbers = np.asarray(_numbers(role, shapes, geometry), np.int64)
    return jnp.asarray(jax.ffi.ffi_call(TARGET, like)(a, b, geometry=numbers))


def _numbers(role: str, shapes: dict[str, tuple[int, ...]], g: Windows) -> tuple[int, ...]:
    """The geometry as the library reads it; it knows the type itself (the zero)."""
    batch, channels, filters = shapes["x"][0], shapes["x"][-1], shapes["y"][-1]
    low, high = zip(*g.padding, strict=True)
    axes = zip(g.lengths, g.window, g.strides, low, high, g.dilation, g.output, strict=True)
    return (ROLES.index(role), 0, g.rank, batch, channels, filters, g.groups, *chain(*axes))
