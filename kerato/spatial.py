"""Operations over space under today's names, on arrays in either data format: convolution, pooling, enlarging.

Plain formulas over `kerato.kernels`, which know channels last only; `kerato.ops` makes operations of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config, kernels

Array = Any
Ints = int | Sequence[int]


def _channels_last(function: Callable[..., Any], x: Array, data_format: str | None) -> Array:
    # A channels_first convolution is slow in XLA on a CPU and unbearable inside a loop: transpose at the door.
    if not _is_first(data_format):
        return function(x)
    return jnp.moveaxis(function(jnp.moveaxis(x, 1, -1)), -1, 1)


def _is_first(data_format: str | None) -> bool:
    return (data_format or config.image_data_format()) == "channels_first"


def _per_axis(value: Ints, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def conv(
    inputs: Array,
    kernel: Array,
    strides: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = 1,
    bias: Array | None = None,
    relu: bool = False,
) -> Array:
    """Correlation of pictures (batch, *spatial, channels) with a kernel (*window, channels / groups, filters).

    One to three spatial axes; `padding` is `'valid'`, `'same'` or (one axis) `'causal'`. `bias` (filters,) is added
    and `relu` cuts at 0 in the same pass.
    """
    rank = kernel.ndim - 2
    strides, dilation = _per_axis(strides, rank), _per_axis(dilation_rate, rank)

    def convolve(x: Array) -> Array:
        groups = x.shape[-1] // kernel.shape[-2]
        return kernels.convolution(x, kernel, strides, padding, dilation, groups, bias, relu)

    return _channels_last(convolve, inputs, data_format)


def conv_transpose(
    inputs: Array,
    kernel: Array,
    strides: Ints = 1,
    padding: str = "valid",
    output_padding: Ints | None = None,
    data_format: str | None = None,
    dilation_rate: Ints = 1,
) -> Array:
    """The way back of a convolution: every cell of (batch, *spatial, channels) spread over a window and added up.

    `kernel` is (*window, filters, channels). Lengths: `'same'` n * stride, `'valid'` n * stride + max(window - stride,
    0); with `output_padding` p (n - 1) * stride + p plus the window for `'valid'`, plus window % 2 for `'same'`.
    """
    rank = kernel.ndim - 2
    strides, dilation = _per_axis(strides, rank), _per_axis(dilation_rate, rank)
    extra = None if output_padding is None else _per_axis(output_padding, rank)
    return _channels_last(
        lambda x: kernels.convolution_transpose(x, kernel, strides, padding, extra, dilation), inputs, data_format
    )


def depthwise_conv(
    inputs: Array,
    kernel: Array,
    strides: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = 1,
) -> Array:
    """Each channel of (batch, *spatial, channels) with filters of its own: kernel (*window, channels, multiplier).

    Output channel i * multiplier + j is filter j of input channel i.
    """
    rank = kernel.ndim - 2
    strides, dilation = _per_axis(strides, rank), _per_axis(dilation_rate, rank)
    return _channels_last(
        lambda x: kernels.depthwise_convolution(x, kernel, strides, padding, dilation), inputs, data_format
    )


def separable_conv(
    inputs: Array,
    depthwise_kernel: Array,
    pointwise_kernel: Array,
    strides: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = 1,
) -> Array:
    """A depthwise convolution, then one with windows of one cell that mixes channels.

    `pointwise_kernel` is (1, ..., channels * multiplier, filters).
    """
    rank = depthwise_kernel.ndim - 2
    strides, dilation = _per_axis(strides, rank), _per_axis(dilation_rate, rank)

    def convolve(x: Array) -> Array:
        apart = kernels.depthwise_convolution(x, depthwise_kernel, strides, padding, dilation)
        return kernels.convolution(apart, pointwise_kernel)

    return _channels_last(convolve, inputs, data_format)


def local_conv(
    inputs: Array, kernel: Array, kernel_size: Ints, strides: Ints = 1, data_format: str | None = None
) -> Array:
    """A convolution whose windows each have a kernel of their own; Keras 2's `local_conv1d` and `local_conv2d`.

    `kernel` is (windows, values of a window, filters), windows in row-major order. A window's values are in the order
    of the data: channels last (*window, channels) or first (channels, *window).
    """
    rank = inputs.ndim - 2
    window, steps = _per_axis(kernel_size, rank), _per_axis(strides, rank)
    if _is_first(data_format):
        count, values, filters = kernel.shape
        kernel = jnp.swapaxes(jnp.reshape(kernel, (count, -1, int(np.prod(window)), filters)), 1, 2)
        kernel = kernel.reshape(count, values, filters)
    return _channels_last(lambda x: kernels.local_convolution(x, kernel, window, steps), inputs, data_format)


def _pool(pool: Callable[..., Any], inputs: Array, size: Any, strides: Any, padding: str, data_format: Any) -> Array:
    rank = inputs.ndim - 2
    window = _per_axis(size, rank)
    steps = window if strides is None else _per_axis(strides, rank)
    return _channels_last(lambda x: pool(x, window, steps, padding), inputs, data_format)


def max_pool(
    inputs: Array,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The largest value of each window of (batch, *spatial, channels); ties send their gradient to the first cell."""
    return _pool(kernels.max_pool, inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Array,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The mean of each window of (batch, *spatial, channels); cells outside the picture do not count."""
    return _pool(kernels.average_pool, inputs, pool_size, strides, padding, data_format)


def adaptive_max_pool(inputs: Array, output_size: Ints, data_format: str | None = None) -> Array:
    """The largest value of each of `output_size` windows that together cover (batch, *spatial, channels).

    Along n cells, window i of m reaches from floor(i n / m) to ceil((i + 1) n / m). Ties share the gradient.
    """
    sizes = _per_axis(output_size, inputs.ndim - 2)

    def pool(x: Array) -> Array:
        for axis, m in enumerate(sizes, 1):
            starts, ends = _shares(x.shape[axis], m)
            longest = int((ends - starts).max())
            # Windows side by side; a shorter one repeats its last cell, which changes no maximum.
            cells = np.minimum(starts[:, None] + np.arange(longest), ends[:, None] - 1).ravel()
            x = x if np.array_equal(cells, np.arange(x.shape[axis])) else jnp.take(x, cells, axis=axis)
            x = jnp.max(x.reshape(*x.shape[:axis], m, longest, *x.shape[axis + 1 :]), axis=axis + 1)
        return x

    return _channels_last(pool, inputs, data_format)


def adaptive_average_pool(inputs: Array, output_size: Ints, data_format: str | None = None) -> Array:
    """The mean of each of `output_size` windows that together cover (batch, *spatial, channels).

    Along n cells, window i of m reaches from floor(i n / m) to ceil((i + 1) n / m).
    """
    sizes = _per_axis(output_size, inputs.ndim - 2)

    def pool(x: Array) -> Array:
        for axis, m in enumerate(sizes, 1):
            starts, ends = _shares(x.shape[axis], m)
            places = np.arange(x.shape[axis])[:, None]
            shares = ((starts <= places) & (places < ends)) / (ends - starts)
            x = jnp.moveaxis(jnp.tensordot(x, jnp.asarray(shares, x.dtype), (axis, 0)), -1, axis)
        return x

    return _channels_last(pool, inputs, data_format)


def _shares(length: int, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Where each of `count` windows begins and ends."""
    number = np.arange(count)
    return number * length // count, -(-(number + 1) * length // count)


def repeat_axes(x: Array, repeats: Sequence[int], axes: Sequence[int]) -> Array:
    """Every cell repeated `repeats[i]` times along `axes[i]`: nearest-neighbour enlargement."""
    for count, axis in zip(repeats, axes, strict=True):
        x = jnp.repeat(x, count, axis=axis)
    return x


def scale_axes(x: Array, factors: Sequence[int], axes: Sequence[int], interpolation: str = "bilinear") -> Array:
    """Enlargement by whole `factors` along `axes`, centres of cells at half coordinates as TensorFlow has them.

    `interpolation` is `'bilinear'`, `'bicubic'` (Keys, a = -1/2), `'lanczos3'` or `'lanczos5'`.
    """
    sizes = list(x.shape)
    for factor, axis in zip(factors, axes, strict=True):
        sizes[axis] *= factor
    return jax.image.resize(x, sizes, interpolation)
