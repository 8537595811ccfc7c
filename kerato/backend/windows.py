"""Convolution and pooling of `K`, over `kerato.ops`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from kerato import config, ops
from kerato.backend.pipes import lays_pipes, ndim
from kerato.errors import invalid
from kerato.kernels.bilinear import input_gradient
from kerato.kernels.windows import windows
from kerato.ops import op

Array = Any
Ints = int | Sequence[int]


def _is_first(owner: str, data_format: str | None) -> bool:
    name = data_format or config.image_data_format()
    if name not in config.DATA_FORMATS:
        raise invalid(owner, "data_format", "'channels_last' or 'channels_first'", data_format)
    return name == "channels_first"


def _checked(owner: str, x: Any, rank: int, padding: str, data_format: str | None, causal: bool = False) -> None:
    _is_first(owner, data_format)
    if ndim(x) != rank + 2:
        raise invalid(owner, "x", f"of {rank + 2} axes: batch, {rank} of space, channels", x)
    known = ("valid", "same", "causal") if causal else ("valid", "same")
    if padding not in known:
        raise invalid(owner, "padding", " or ".join(map(repr, known)), padding)


@lays_pipes
def conv1d(
    x: Any,
    kernel: Any,
    strides: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int = 1,
) -> Any:
    """Correlation of (batch, steps, channels) with a kernel (window, channels, filters)."""
    _checked("K.conv1d", x, 1, padding, data_format, causal=True)
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


@lays_pipes
def conv2d(
    x: Any,
    kernel: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1, 1),
) -> Any:
    """Correlation of pictures with a kernel (height, width, channels, filters)."""
    _checked("K.conv2d", x, 2, padding, data_format)
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


@lays_pipes
def conv3d(
    x: Any,
    kernel: Any,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1, 1, 1),
) -> Any:
    """Correlation of volumes with a kernel (depth, height, width, channels, filters)."""
    _checked("K.conv3d", x, 3, padding, data_format)
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


@op
def conv_backwards(
    x: Array, kernel: Array, output_shape: Sequence[int | None], strides: Ints, padding: str, data_format: str | None
) -> Array:
    """The derivative of a convolution by its input of `output_shape`, as TensorFlow's `conv2d_transpose`."""
    first = _is_first("K.conv2d_transpose", data_format)
    x = jnp.moveaxis(x, 1, -1) if first else x
    lengths = [int(size) for size in (output_shape[2:] if first else output_shape[1:-1])]  # type: ignore[arg-type]
    rank = len(lengths)
    steps = (strides,) * rank if isinstance(strides, int) else tuple(strides)
    geometry = windows("K.conv2d_transpose", lengths, kernel.shape[:rank], steps, padding)
    if tuple(geometry.output) != x.shape[1:-1]:
        raise invalid(
            "K.conv2d_transpose",
            "output_shape",
            f"one whose convolution gives {x.shape[1:-1]}",
            tuple(output_shape),
            "Its spatial sizes are those of the larger picture.",
        )
    y = input_gradient(x, kernel, geometry)
    return jnp.moveaxis(y, -1, 1) if first else y


@lays_pipes
def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The way back of a convolution, to pictures of `output_shape`: kernel (height, width, filters, channels)."""
    _checked("K.conv2d_transpose", x, 2, padding, data_format)
    shape = output_shape if hasattr(output_shape, "take_op") else tuple(output_shape)
    return conv_backwards(x, kernel, shape, strides, padding, data_format)


def deconv2d(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """`conv2d_transpose`, as Keras 1 called it."""
    return conv2d_transpose(x, kernel, output_shape, strides, padding, data_format)


@lays_pipes
def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1, 1),
) -> Any:
    """Each channel of pictures with filters of its own: the kernel is (height, width, channels, multiplier)."""
    _checked("K.depthwise_conv2d", x, 2, padding, data_format)
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


@lays_pipes
def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1, 1),
) -> Any:
    """A depthwise convolution, then one that mixes channels: (1, 1, channels * multiplier, filters)."""
    _checked("K.separable_conv2d", x, 2, padding, data_format)
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


_POOLS = {"max": "max_pool", "avg": "average_pool"}


def _pool(owner: str, x: Any, rank: int, size: Any, strides: Any, padding: str, data_format: Any, mode: str) -> Any:
    _checked(owner, x, rank, padding, data_format)
    if mode not in _POOLS:
        raise invalid(owner, "pool_mode", "'max' or 'avg'", mode)
    return ops.OPS[_POOLS[mode]](x, size, strides, padding, data_format)


@lays_pipes
def pool2d(
    x: Any,
    pool_size: Ints,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """The largest value or the mean of each window of pictures."""
    return _pool("K.pool2d", x, 2, pool_size, strides, padding, data_format, pool_mode)


@lays_pipes
def pool3d(
    x: Any,
    pool_size: Ints,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """The largest value or the mean of each window of volumes."""
    return _pool("K.pool3d", x, 3, pool_size, strides, padding, data_format, pool_mode)


@lays_pipes
def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Sequence[int], strides: Sequence[int], data_format: str | None = None
) -> Any:
    """A convolution whose windows each have a kernel: (windows, window * channels, filters)."""
    _checked("K.local_conv1d", inputs, 1, "valid", data_format)
    return ops.local_conv(inputs, kernel, kernel_size, strides, "channels_last")


@lays_pipes
def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_shape: Sequence[int],
    data_format: str | None = None,
) -> Any:
    """The same for pictures; `output_shape` is (rows, columns) of windows."""
    _checked("K.local_conv2d", inputs, 2, "valid", data_format)
    return ops.local_conv(inputs, kernel, kernel_size, strides, data_format)
