"""The largest cell of every window, and where a gradient asks for it its number: one primitive with two results.

Only the value has a tangent, gathered by the number; that is of a primitive again, so derivatives have every order.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching

from kerato.kernels import native
from kerato.kernels.lowering import register
from kerato.kernels.selection import gather
from kerato.kernels.taps import cells, pad, tap
from kerato.kernels.windows import Windows

LARGEST = Primitive("largest_of_windows")
LARGEST.multiple_results = True


def largest(x: jax.Array, geometry: Windows) -> jax.Array:
    """(batch, *lengths, channels) -> (batch, *output, channels); the gradient goes to one cell of each window."""
    value: jax.Array = LARGEST.bind(x, geometry=geometry, numbered=False)[0]
    return value


def _portable(platform: str | None, x: jax.Array, geometry: Windows, numbered: bool) -> list[jax.Array]:
    """On the CPU the number is found picture by picture: XLA would otherwise fuse the search into the gradient and
    search each window again for every cell that it meets."""
    value, number = _winner(x, geometry)
    if not numbered:
        return [value]
    if platform == "cpu":
        number = lax.map(lambda one: _winner(one[None], geometry)[1][0], x)
    return [value, number]


def _alone(x: jax.Array, geometry: Windows, numbered: bool) -> list[jax.Array]:
    """The value alone is left to XLA, which fuses it with what comes before."""
    if numbered and native.passes(x.dtype) and native.pools(x.shape, geometry):
        return native.max_pool(x, geometry)
    return _portable("cpu", x, geometry, numbered)


def _winner(x: jax.Array, geometry: Windows) -> tuple[jax.Array, jax.Array]:
    """The largest cell of every window and its number in it; NaN wins, as in XLA."""
    least = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    padded = pad(x, geometry.padding, fill=least)

    def better(best: tuple[jax.Array, jax.Array], other: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return lax.max(best[0], other[0]), jnp.where(other[0] > best[0], other[1], best[1])

    parts = [tap(padded, cell, geometry) for cell in cells(geometry.window)]
    return reduce(better, ((part, jnp.full(part.shape, k, _numbers(geometry))) for k, part in enumerate(parts)))


def _numbers(geometry: Windows) -> Any:
    return jnp.uint8 if prod(geometry.window) <= 256 else jnp.int32


def _abstract(x: Any, *, geometry: Windows, numbered: bool) -> list[Any]:
    value = x.update(shape=(x.shape[0], *geometry.output, x.shape[-1]), weak_type=False)
    return [value, value.update(dtype=jnp.dtype(_numbers(geometry)))] if numbered else [value]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, geometry: Windows, numbered: bool) -> Any:
    found = LARGEST.bind(*primals, geometry=geometry, numbered=True)
    zeros = [ad.Zero(jax.typeof(one).to_tangent_aval()) for one in found]
    moved = tangents[0] if type(tangents[0]) is ad.Zero else gather(tangents[0], geometry, found[1])
    results = 1 + numbered
    return found[:results], [zeros[0] if type(moved) is ad.Zero else moved, zeros[1]][:results]


def _batch(values: Sequence[Any], axes: Sequence[int], **parameters: Any) -> Any:
    x = jnp.moveaxis(values[0], axes[0], 0)
    found = LARGEST.bind(x.reshape(-1, *x.shape[2:]), **parameters)
    return [one.reshape(x.shape[0], -1, *one.shape[1:]) for one in found], [0] * len(found)


LARGEST.def_abstract_eval(_abstract)
LARGEST.def_impl(jax.jit(LARGEST.bind, static_argnames=("geometry", "numbered")))
ad.primitive_jvps[LARGEST] = _jvp
batching.primitive_batchers[LARGEST] = _batch
register(LARGEST, _portable, _alone)
