"""Max and average pooling, channels last, with gradients that are cheap on every platform."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from kerato.errors import invalid
from kerato.kernels.windows import Padding, Windows, windows

Ints = int | Sequence[int]


def max_pool(x: ArrayLike, window: Ints, strides: Ints | None = None, padding: Padding = "valid") -> jax.Array:
    """The largest cell of every window: (batch, *spatial, channels) -> (batch, *spatial', channels).

    `strides` default to the window. The gradient goes to the first largest cell in row-major order.

    Raises: InvalidValue when the rank is not 3 to 5 or the window does not fit.
    """
    x, geometry = _operands("max_pool", x, window, strides, padding)
    return _reduce(x, -jnp.inf, lax.max, geometry)


def average_pool(x: ArrayLike, window: Ints, strides: Ints | None = None, padding: Padding = "valid") -> jax.Array:
    """The mean of every window's real cells, padding not counted: (batch, *spatial, channels) -> (batch, *spatial', channels).

    `strides` default to the window.

    Raises: InvalidValue when the rank is not 3 to 5 or the window does not fit.
    """
    x, geometry = _operands("average_pool", x, window, strides, padding)
    ones = jnp.ones((1, *x.shape[1:-1], 1), x.dtype)
    return _reduce(x, 0.0, lax.add, geometry) / _reduce(ones, 0.0, lax.add, geometry)


def _reduce(x, init, f, g):
    return lax.reduce_window(
        x, np.array(init, x.dtype), f, (1, *g.window, 1), (1, *g.strides, 1), ((0, 0), *g.padding, (0, 0))
    )


def _operands(
    owner: str, x: ArrayLike, window: Ints, strides: Ints | None, padding: Padding
) -> tuple[jax.Array, Windows]:
    x = jnp.asarray(x)
    if not 3 <= x.ndim <= 5:
        raise invalid(owner, "x", "(batch, *spatial, channels) with 1 to 3 spatial axes", x)
    return x, windows(owner, x.shape[1:-1], window, window if strides is None else strides, padding)
