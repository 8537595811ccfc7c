"""Max and average pooling, channels last, with gradients that are elementwise work: fast in loops on every platform."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerato.errors import invalid
from kerato.kernels.largest import largest
from kerato.kernels.selection import gather
from kerato.kernels.windows import Padding, Windows, windows

Ints = int | Sequence[int]


def max_pool(x: ArrayLike, window: Ints, strides: Ints | None = None, padding: Padding = "valid") -> jax.Array:
    """The largest cell of every window: (batch, *spatial, channels) -> (batch, *spatial', channels).

    `strides` default to the window. The gradient goes to one cell, the first largest one in row-major order, as
    XLA's select-and-scatter (so Keras) has it.

    Raises: InvalidValue when the rank is not 3 to 5 or the window does not fit.
    """
    return largest(*_operands("max_pool", x, window, strides, padding))


def average_pool(x: ArrayLike, window: Ints, strides: Ints | None = None, padding: Padding = "valid") -> jax.Array:
    """The mean over the real cells of every window: (batch, *spatial, channels) -> (batch, *spatial', channels).

    `strides` default to the window; padding does not count (TensorFlow's rule).

    Raises: InvalidValue when the rank is not 3 to 5 or the window does not fit.
    """
    x, geometry = _operands("average_pool", x, window, strides, padding)
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
    return gather(x, geometry) / _counts(geometry).astype(x.dtype)


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
