"""The largest cell of every window and its number: one primitive with two results, of which the value has a tangent."""

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
    value: jax.Array = LARGEST.bind(x, geometry=geometry)[0]
    return value


def _portable(platform: str | None, x: jax.Array, geometry: Windows) -> list[jax.Array]:
    """On the CPU the number is found picture by picture: XLA would otherwise fuse the search into the gradient and
    search each window again for every cell that it meets."""
    value, number = _winner(x, geometry)
    if platform == "cpu":
        number = lax.map(lambda one: _winner(one[None], geometry)[1][0], x)
    return [value, number]


def _alone(x: jax.Array, geometry: Windows) -> list[jax.Array]:
    if native.passes(x.dtype) and native.pools(x.shape, geometry):
        return native.max_pool(x, geometry)
    return _portable("cpu", x, geometry)


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


def _abstract(x: Any, *, geometry: Windows) -> list[Any]:
    value = x.update(shape=(x.shape[0], *geometry.output, x.shape[-1]), weak_type=False)
    return [value, value.update(dtype=jnp.dtype(_numbers(geometry)))]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, geometry: Windows) -> Any:
    value, number = LARGEST.bind(*primals, geometry=geometry)
    still = ad.Zero(jax.typeof(number).to_tangent_aval())
    (tangent,) = tangents
    if type(tangent) is ad.Zero:
        return [value, number], [ad.Zero(jax.typeof(value).to_tangent_aval()), still]
    return [value, number], [gather(tangent, geometry, number), still]


def _batch(values: Sequence[Any], axes: Sequence[int], *, geometry: Windows) -> Any:
    x = jnp.moveaxis(values[0], axes[0], 0)
    found = LARGEST.bind(x.reshape(-1, *x.shape[2:]), geometry=geometry)
    return [one.reshape(x.shape[0], -1, *one.shape[1:]) for one in found], [0, 0]


LARGEST.def_abstract_eval(_abstract)
LARGEST.def_impl(jax.jit(LARGEST.bind, static_argnames="geometry"))
ad.primitive_jvps[LARGEST] = _jvp
batching.primitive_batchers[LARGEST] = _batch
register(LARGEST, _portable, _alone)
