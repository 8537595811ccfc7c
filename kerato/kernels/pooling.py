"""Max and average pooling, channels last, with gradients that are elementwise work: fast in loops on every platform."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from kerato.errors import invalid
from kerato.kernels.selection import gather
from kerato.kernels.taps import cells, pad, tap
from kerato.kernels.windows import Padding, Windows, windows

Ints = int | Sequence[int]


def max_pool(x: ArrayLike, window: Ints, strides: Ints | None = None, padding: Padding = "valid") -> jax.Array:
    """The largest cell of every window: (batch, *spatial, channels) -> (batch, *spatial', channels).

    `strides` default to the window. The gradient goes to one cell, the first largest one in row-major order, as
    XLA's select-and-scatter (so Keras) has it.

    Raises: InvalidValue when the rank is not 3 to 5 or the window does not fit.
    """
    return _largest(*_operands("max_pool", x, window, strides, padding))


def average_pool(x: ArrayLike, window: Ints, strides: Ints | None = None, padding: Padding = "valid") -> jax.Array:
    """The mean over the real cells of every window: (batch, *spatial, channels) -> (batch, *spatial', channels).

    `strides` default to the window; padding does not count (TensorFlow's rule).

    Raises: InvalidValue when the rank is not 3 to 5 or the window does not fit.
    """
    x, geometry = _operands("average_pool", x, window, strides, padding)
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
    return gather(x, geometry) / _counts(geometry).astype(x.dtype)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _largest(x: jax.Array, geometry: Windows) -> jax.Array:
    return _winner(x, geometry)[0]


def _largest_jvp(
    geometry: Windows, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """The value by `_largest` again, so that second derivatives also go to one cell."""
    x = lax.stop_gradient(primals[0])
    whole, single = partial(_number, geometry), partial(lax.map, lambda one: _number(geometry, one[None])[0])
    index = lax.platform_dependent(x, cpu=single, default=whole)
    return _largest(primals[0], geometry), gather(tangents[0], geometry, index)


_largest.defjvp(_largest_jvp)


def _number(geometry: Windows, x: jax.Array) -> jax.Array:
    """Which cell of every window is the largest. On the CPU this runs picture by picture: XLA would otherwise fuse the
    search into the gradient and search each window again for every cell that it meets."""
    return _winner(x, geometry)[1]


def _winner(x: jax.Array, geometry: Windows) -> tuple[jax.Array, jax.Array]:
    """The largest cell of every window and its number in it; NaN wins, as in XLA."""
    least = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    padded = pad(x, geometry.padding, fill=least)
    number = jnp.uint8 if prod(geometry.window) <= 256 else jnp.int32

    def better(best: tuple[jax.Array, jax.Array], other: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return lax.max(best[0], other[0]), jnp.where(other[0] > best[0], other[1], best[1])

    parts = [tap(padded, cell, geometry) for cell in cells(geometry.window)]
    return reduce(better, ((part, jnp.full(part.shape, k, number)) for k, part in enumerate(parts)))


def _counts(geometry: Windows) -> jax.Array:
    """How many cells of every window are real, 1 where none is: (*output, 1), or 1 instead of an axis that is even.

    A product of one vector per axis, so that a large volume needs no large constant.
    """

    def along(axis: int) -> np.ndarray:
        starts = np.arange(geometry.output[axis]) * geometry.strides[axis] - geometry.padding[axis][0]
        first, last = np.maximum(starts, 0), np.minimum(starts + geometry.window[axis], geometry.lengths[axis])
        real: np.ndarray = np.maximum(last - first, 1)
        even = real[:1] if real.size and (real == real[0]).all() else real
        return even.reshape(-1, *(1,) * (geometry.rank - axis))

    return reduce(jnp.multiply, (jnp.asarray(along(axis)) for axis in range(geometry.rank)))


def _operands(
    owner: str, x: ArrayLike, window: Ints, strides: Ints | None, padding: Padding
) -> tuple[jax.Array, Windows]:
    x = jnp.asarray(x)
    if not 3 <= x.ndim <= 5:
        raise invalid(owner, "x", "(batch, *spatial, channels) with 1 to 3 spatial axes", x)
    return x, windows(owner, x.shape[1:-1], window, window if strides is None else strides, padding)
