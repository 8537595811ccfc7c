"""Convolutions on the CPU by oneDNN and passes beside them, where the library has been built: found, loaded, called.

`python -m kerato.kernels.native.build` makes the library; without it, or with `config.set_native_kernels(False)` or
`KERATO_NATIVE=0`, everything runs in the portable forms. `choice.py` decides; `docs/kernels.md` has the measurements.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
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
from kerato.kernels.roles import kernel_outweighs
from kerato.kernels.windows import Windows

ABI = 4  # of the calls; a program compiled for another version asks for another name
CALLS = (
    *("convolution", "convolution_with_bias", "max_pool", "outer", "resample"),
    *("channel_totals", "channel_products", "channel_moments"),
)
TARGETS = {name: f"kerato_{name}_v{ABI}" for name in CALLS}
TARGET = TARGETS["convolution"]
LIBRARY = Path(__file__).parent / "libkerato_native.so"
BUILD = "python -m kerato.kernels.native.build"
ROLES = ("y", "x", "kernel")  # in the library's numbering
TYPES = ("float32", "bfloat16")
FILLS = ("constant", "nearest", "reflect", "wrap")  # in the library's numbering
PRODUCTS = 64  # cells of a window up to which one input channel is a sum of shifted pictures, without oneDNN
LANES = 16  # channels from which the pass over windows outruns XLA's, and columns that products take together
FEW = 512  # rows up to which outer products outrun XLA's
WINOGRAD = "winograd"  # how the names of the library's own ways begin
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
        for name, target in TARGETS.items():
            jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(library[f"kerato_{name}"]), platform="cpu")
    except Exception as error:  # of the loader, of the linker, of XLA: the portable forms do as well
        return Found(None, f"cannot be loaded ({str(error).splitlines()[0]}); {BUILD} builds them anew")
    return Found(library, library.kerato_native_name().decode())


def passes(dtype: Any) -> bool:
    """Whether the library computes with numbers of this type."""
    return str(dtype) in TYPES and config.native_kernels() and find().library is not None


def narrow() -> bool:
    """Whether the library is there and this processor multiplies bfloat16 numbers itself."""
    if not passes("bfloat16"):
        return False
    side, cells = Windows((16, 16), (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1)), (8, 16, 16, 64)
    numbers = _numbers("y", {"x": cells, "kernel": (5, 5, 64, 64), "y": cells}, side)
    return any(word in implementation(numbers, "bfloat16") for word in ("amx", "bf16"))


def serves(role: str, shapes: dict[str, tuple[int, ...]], geometry: Windows, dtype: Any) -> bool:
    """Whether the library computes `role` of these shapes, and faster than the portable forms do."""
    if not passes(dtype):
        return False
    if min(map(min, geometry.padding)) < 0 or 0 in map(prod, shapes.values()) or _better(role, shapes, geometry):
        return False
    name = implementation(_numbers(role, shapes, geometry), str(dtype))
    if name.startswith(WINOGRAD):
        return True
    if str(dtype) == "float32" and role != "kernel" and kernel_outweighs(shapes) and geometry.groups == 1:
        return False  # bringing it into oneDNN's layout takes as long as the convolution
    dense = role == "y" and shapes["kernel"][-2] == 1 and prod(geometry.window) <= PRODUCTS and "dw" not in name
    return name != "" and not dense and not any(word in name for word in SLOW)


def _better(role: str, shapes: dict[str, tuple[int, ...]], g: Windows) -> bool:
    """Where the portable forms were measured to be better, or are the only ones that keep many cores busy."""
    strided = set(g.strides) != {1}
    if role == "x" and g.strides[0] != 1 and _few(shapes["x"]):
        return True
    if prod(g.window) == 1 and g.groups == 1:
        return role != "kernel"  # XLA's matrix products are as fast, and take what surrounds them along
    return role == "x" and strided and shapes["x"][-1] < 8


def _few(x: tuple[int, ...]) -> bool:
    """Whether most cores would have nothing to do where a picture is one thread's work."""
    return x[0] * 2 < (os.cpu_count() or 1)


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


def solve_biased(
    shapes: dict[str, tuple[int, ...]], x: jax.Array, kernel: jax.Array, bias: jax.Array, geometry: Windows, relu: bool
) -> jax.Array:
    """y of x and kernel plus bias, cut at 0 with `relu`; only where y is served."""
    numbers = np.asarray(_numbers("y", shapes, geometry), np.int64)
    call = jax.ffi.ffi_call(TARGETS["convolution_with_bias"], jax.ShapeDtypeStruct(shapes["y"], x.dtype))
    return jnp.asarray(call(x, kernel, bias, geometry=numbers, relu=np.bool_(relu)))


def pools(x: tuple[int, ...], geometry: Windows) -> bool:
    """Whether the library finds the largest cells of windows, and faster than the portable form does."""
    return prod(geometry.window) <= 256 and x[-1] >= LANES and 0 not in x and not _few(x)


def max_pool(x: jax.Array, geometry: Windows) -> list[jax.Array]:
    """The largest cell of every window and its number, uint8; only where it `pools`."""
    shape = (x.shape[0], *geometry.output, x.shape[-1])
    like = jax.ShapeDtypeStruct(shape, x.dtype), jax.ShapeDtypeStruct(shape, jnp.uint8)
    g, low = geometry, [before for before, _ in geometry.padding]
    axes = list(zip(g.lengths, g.window, g.strides, low, g.dilation, g.output, strict=True))
    three = np.asarray([*[(1, 1, 1, 0, 1, 1)] * (3 - g.rank), *axes], np.int64)
    return list(jax.ffi.ffi_call(TARGETS["max_pool"], like)(x, geometry=three.ravel()))


def channel_totals(x: jax.Array) -> jax.Array:
    """The sum over all axes but the last."""
    return jnp.asarray(jax.ffi.ffi_call(TARGETS["channel_totals"], jax.ShapeDtypeStruct(x.shape[-1:], x.dtype))(x))


def channel_products(a: jax.Array, b: jax.Array) -> jax.Array:
    """The sum of a * b over all axes but the last; b is float32."""
    return jnp.asarray(jax.ffi.ffi_call(TARGETS["channel_products"], _per_channel(a))(a, b))


def channel_moments(x: jax.Array) -> list[jax.Array]:
    """Mean and variance over all axes but the last, float32."""
    return list(jax.ffi.ffi_call(TARGETS["channel_moments"], (_per_channel(x), _per_channel(x)))(x))


def multiplies(rows: int, columns: int, dtype: Any) -> bool:
    """Whether the library sums outer products of so many rows, faster than XLA does."""
    fits = 0 < rows <= FEW and columns % LANES == 0 and str(dtype) == "float32"
    return fits and passes(dtype) and bool(find().library.kerato_has_lanes())


def outer(a: jax.Array, b: jax.Array) -> jax.Array:
    """a (rows, i) and b (rows, o) to (i, o), the sum of the products of their rows; only where it `multiplies`."""
    return jnp.asarray(
        jax.ffi.ffi_call(TARGETS["outer"], jax.ShapeDtypeStruct((a.shape[1], b.shape[1]), a.dtype))(a, b)
    )


def resamples(x: tuple[int, ...], dtype: Any) -> bool:
    """Whether the library reads such pictures at other places, faster than XLA does; it numbers cells with 31 bits."""
    return passes(dtype) and str(dtype) == "float32" and 0 not in x and prod(x[1:3]) < 2**31


def resample(x: jax.Array, places: Sequence[jax.Array], fill_mode: str, fill_value: float) -> jax.Array:
    """Pictures mixed of the cells around `places`, matrices and perhaps shifts, float32; only where it `resamples`."""
    fill = {"fill": np.int64(FILLS.index(fill_mode)), "value": np.float32(fill_value)}
    call = jax.ffi.ffi_call(TARGETS["resample"], jax.ShapeDtypeStruct(x.shape, x.dtype))
    return jnp.asarray(call(x, *places, **fill))


def _per_channel(x: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape[-1:], jnp.float32)


def _numbers(role: str, shapes: dict[str, tuple[int, ...]], g: Windows) -> tuple[int, ...]:
    """The geometry as the library reads it; it knows the type itself (the zero)."""
    batch, channels, filters = shapes["x"][0], shapes["x"][-1], shapes["y"][-1]
    low, high = zip(*g.padding, strict=True)
    axes = zip(g.lengths, g.window, g.strides, low, high, g.dilation, g.output, strict=True)
    return (ROLES.index(role), 0, g.rank, batch, channels, filters, g.groups, *chain(*axes))
