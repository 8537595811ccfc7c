"""Windows that each have a kernel of their own: one matrix product per window, fast in loops as products are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kerato.errors import invalid
from kerato.kernels.taps import cells, tap
from kerato.kernels.windows import windows

Ints = int | Sequence[int]


def local_convolution(x: ArrayLike, kernel: ArrayLike, window: Ints, strides: Ints = 1) -> jax.Array:
    """y[o] = (x's values in window o) @ kernel[o]: (batch, *spatial, in) -> (batch, *o, out), without padding.

    `kernel` is (windows, *window * in, out) with its windows, and each window's cells, in row-major order.

    Raises: InvalidValue when the kernel has another shape or the window does not fit.
    """
    x, kernel = jnp.asarray(x), jnp.asarray(kernel)
    g = windows("local_convolution", x.shape[1:-1], window, strides, "valid")
    expected = (prod(g.output), prod(g.window) * x.shape[-1])
    if kernel.ndim != 3 or kernel.shape[:2] != expected:
        rule = f"({expected[0]} windows, {expected[1]} values of a window, filters)"
        raise invalid("local_convolution", "kernel", rule, kernel, "Build it for the size of this input.")
    values = jnp.concatenate([tap(x, cell, g) for cell in cells(g.window)], -1)
    y = jnp.einsum("npk,pkf->npf", values.reshape(x.shape[0], *expected), kernel)
    return y.reshape(x.shape[0], *g.output, kernel.shape[-1])
