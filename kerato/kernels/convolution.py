"""Convolution, transposed and depthwise convolution, channels last, differentiable to any order in both modes.

For the layers and operations above; knows nothing of them. x (batch, *spatial, channels), one to three spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kerato.errors import invalid
from kerato.kernels.biased import biased_output
from kerato.kernels.bilinear import input_gradient, output
from kerato.kernels.windows import Padding, transpose_windows, windows

Ints = int | Sequence[int]


def convolution(
    x: ArrayLike,
    kernel: ArrayLike,
    strides: Ints = 1,
    padding: Padding = "valid",
    dilation: Ints = 1,
    groups: int = 1,
    bias: ArrayLike | None = None,
    relu: bool = False,
) -> jax.Array:
    """y[o] = sum over k of x[o * strides + k * dilation - low] @ kernel[k]: (batch, *spatial, in) -> (batch, *o, out).

    `kernel` is (*window, in / groups, out); `padding` is 'valid', 'same', 'causal' (one axis) or a (low, high) pair
    per axis. With `bias` (out,) it is y + bias, with `relu` as well max(y + bias, 0).

    Raises: InvalidValue when ranks or channels disagree or the window does not fit.
    """
    x, kernel = _operands("convolution", x, kernel)
    channels, (depth, filters) = x.shape[-1], kernel.shape[-2:]
    if groups < 1 or channels != depth * groups or filters % groups:
        raise invalid(
            "convolution",
            "kernel",
            f"(*window, {channels} input channels / {groups} groups, a multiple of {groups})",
            kernel,
            "Match the kernel to the input's last axis.",
        )
    geometry = windows("convolution", x.shape[1:-1], kernel.shape[:-2], strides, padding, dilation, groups)
    if bias is None:
        y = output(x, kernel, geometry)
        return jax.nn.relu(y) if relu else y
    return biased_output(x, kernel, jnp.asarray(bias, x.dtype), geometry, relu)


def convolution_transpose(
    x: ArrayLike,
    kernel: ArrayLike,
    strides: Ints = 1,
    padding: Padding = "valid",
    output_padding: Ints | None = None,
    dilation: Ints = 1,
) -> jax.Array:
    """The input gradient of a convolution, as an operation: (batch, *spatial, in) -> (batch, *longer, out).

    `kernel` is (*window, out, in). Lengths: 'same' n * stride, 'valid' n * stride + max(window - stride, 0), unless
    `output_padding` says otherwise.

    Raises: InvalidValue when ranks or channels disagree.
    """
    x, kernel = _operands("convolution_transpose", x, kernel)
    if x.shape[-1] != kernel.shape[-1]:
        rule = f"(*window, output channels, {x.shape[-1]} input channels)"
        raise invalid("convolution_transpose", "kernel", rule, kernel, "Match the kernel to the input's last axis.")
    geometry = transpose_windows(
        "convolution_transpose", x.shape[1:-1], kernel.shape[:-2], strides, padding, output_padding, dilation
    )
    return input_gradient(x, kernel, geometry)


def depthwise_convolution(
    x: ArrayLike, kernel: ArrayLike, strides: Ints = 1, padding: Padding = "valid", dilation: Ints = 1
) -> jax.Array:
    """Each channel with its own filters: (batch, *spatial, in) -> (batch, *spatial', in * multiplier).

    `kernel` is (*window, in, multiplier); output channel i * multiplier + j is filter j of input channel i.

    Raises: InvalidValue when ranks or channels disagree or the window does not fit.
    """
    x, kernel = _operands("depthwise_convolution", x, kernel)
    *window, channels, multiplier = kernel.shape
    if x.shape[-1] != channels:
        rule = f"(*window, {x.shape[-1]} input channels, multiplier)"
        raise invalid("depthwise_convolution", "kernel", rule, kernel, "Match the kernel to the input's last axis.")
    return convolution(x, kernel.reshape(*window, 1, channels * multiplier), strides, padding, dilation, channels)


def _operands(owner: str, x: ArrayLike, kernel: ArrayLike) -> tuple[jax.Array, jax.Array]:
    dtype = jnp.result_type(x, kernel)
    x, kernel = jnp.asarray(x, dtype), jnp.asarray(kernel, dtype)
    if not 3 <= x.ndim <= 5:
        raise invalid(owner, "x", "(batch, *spatial, channels) with 1 to 3 spatial axes", x)
    if kernel.ndim != x.ndim:
        raise invalid(
            owner, "kernel", f"of rank {x.ndim} like the input: {x.ndim - 2} window axes and two of channels", kernel
        )
    return x, kernel
