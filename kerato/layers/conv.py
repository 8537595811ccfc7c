"""Convolution and pooling: one window geometry, two kinds of sums (book sections 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from kerato import ops
from kerato.arguments import Rule, one_of, optional, per_axis, positive_int, title
from kerato.errors import InvalidValue
from kerato.layers.base import Array, Layer


class Spatial(Layer):
    """Base of layers over 1 to 3 spatial axes: (batch, *spatial, channels), or channels before the spatial axes."""

    rank: ClassVar[int] = 2

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.input_rank = cls.rank + 2

    @property
    def channel_axis(self) -> int:
        """-1 or 1, as `data_format` says."""
        return -1 if self.data_format == "channels_last" else 1

    @property
    def spatial_axes(self) -> tuple[int, ...]:
        """The axes of height, width, ..."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def check_window(self, input_shape: tuple[int | None, ...], name: str, reach: Sequence[int]) -> None:
        """Refuse a window that is larger than the picture and not padded; `name` is its argument."""
        sizes = [input_shape[axis] for axis in self.spatial_axes]
        if self.padding == "valid" and any(n is not None and n < k for n, k in zip(sizes, reach, strict=True)):
            raise InvalidValue(
                f"{title(self)}: a window of {tuple(reach)} does not fit into an input of {tuple(sizes)} without "
                f"padding. Use a smaller {name}, padding='same', or larger pictures."
            )

    def _axes(self) -> str:
        sizes = ("steps",) if self.rank == 1 else ("depth", "height", "width")[-self.rank :]
        inner = (*sizes, "channels") if self.data_format == "channels_last" else ("channels", *sizes)
        return f"({', '.join(('samples', *inner))})"


class Conv(Spatial):
    """Base of the convolutions: every window of the picture times the kernel, summed, plus a bias.

    The kernel is (*window, channels / groups, filters) in both data formats and is not flipped (correlation, as in
    TensorFlow). Output length per axis: `n - k' + 1` for valid with `k' = k + (k - 1)(dilation - 1)`, `n` for same
    and causal, then divided by the stride and rounded up.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, an int or one per axis.
        strides: step of the window.
        padding: `'valid'`, `'same'`, or for Conv1D `'causal'`: no output sees a later input.
        dilation_rate: distance between the cells of the window; other than 1 only with strides of 1.
        groups: the channels are split into as many groups, each with filters of its own.
    """

    checks = {
        "filters": positive_int,
        "kernel_size": per_axis(),
        "strides": per_axis(),
        "dilation_rate": per_axis(),
        "groups": positive_int,
        "padding": Rule(
            "'valid', 'same', or for one axis 'causal'",
            lambda value, owner: one_of("valid", "same", *(("causal",) if owner.rank == 1 else ())).convert(
                value.lower() if isinstance(value, str) else value, owner
            ),
        ),
    }

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise InvalidValue(
                f"{title(self)}: `strides` {self.strides} and `dilation_rate` {self.dilation_rate} cannot both be "
                "other than 1. Leave one of them out."
            )
        if self.filters % self.groups:
            raise InvalidValue(
                f"{title(self)}: `filters` must be a multiple of `groups` ({self.groups}). Got {self.filters}."
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel (*window, channels / groups, filters), bias (filters,)."""
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise InvalidValue(f"{title(self)}: the number of channels must be known. Got an input of {input_shape}.")
        if channels % self.groups:
            raise InvalidValue(
                f"{title(self)}: the input's channels must be a multiple of `groups` ({self.groups}). Got {channels}."
            )
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        self.check_window(input_shape, "kernel_size", reach)
        self.weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        if self.use_bias:
            self.weight("bias", (self.filters,))
        self.expect({self.channel_axis: channels})

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        y = ops.conv(x, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        if self.use_bias:
            shape = (-1,) if self.channel_axis == -1 else (-1,) + (1,) * self.rank
            y = y + ops.reshape(self.bias, shape)
        return self.activate(y)


class Conv1D(Conv):
    """Convolution over time: (batch, steps, channels) -> (batch, new_steps, filters)."""

    rank = 1


class Conv2D(Conv):
    """Convolution over pictures: (batch, height, width, channels) -> (batch, new_height, new_width, filters)."""

    rank = 2


class Pool(Spatial):
    """Base of the poolings: one number per window and channel.

    Args:
        pool_size: size of the window, an int or one per axis.
        strides: step of the window; None takes `pool_size`.
        padding: `'valid'` or `'same'`; cells outside the picture do not count.
    """

    checks = {"pool_size": per_axis(), "strides": optional(per_axis()), "padding": one_of("valid", "same")}
    pool: ClassVar[Any]

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        self.check_window(x.shape, "pool_size", self.pool_size)
        return type(self).pool(x, self.pool_size, self.strides, self.padding, self.data_format)


class MaxPooling2D(Pool):
    """The largest value of each window; its gradient goes to that cell (the first of several)."""

    pool = ops.max_pool


class AveragePooling2D(Pool):
    """The mean of each window."""

    pool = ops.average_pool


class GlobalPool(Spatial):
    """Base of poolings over the whole picture: (batch, height, width, channels) -> (batch, channels)."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **common: Any) -> None:
        super().__init__(**common)


class GlobalAveragePooling2D(GlobalPool):
    """The mean of each channel."""

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.mean(x, axis=self.spatial_axes, keepdims=self.keepdims)


def _border(value: Any, owner: Any) -> tuple[tuple[int, int], ...]:
    items = (value,) * owner.rank if isinstance(value, int) else tuple(value)
    pairs = tuple((item, item) if isinstance(item, int) else tuple(item) for item in items)
    if len(pairs) != owner.rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ValueError
    return tuple((int(low), int(high)) for low, high in pairs)


border = Rule("an int >= 0, one per axis, or a pair (before, after) per axis", _border)


class ZeroPadding2D(Spatial):
    """Rows and columns of zeros around the picture.

    Args:
        padding: an int, a pair (rows, columns), or a pair of pairs ((top, bottom), (left, right)).
    """

    checks = {"padding": border}

    def __init__(self, padding: Any = 1, data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        widths = [(0, 0)] * (self.rank + 2)
        for axis, pair in zip(self.spatial_axes, self.padding, strict=True):
            widths[axis] = pair
        return ops.pad(x, widths)


class UpSampling2D(Spatial):
    """Rows and columns repeated `size` times, or interpolated.

    Args:
        size: an int, or a pair (rows, columns).
        interpolation: `'nearest'` or `'bilinear'`.
    """

    checks = {"size": per_axis(), "interpolation": one_of("nearest", "bilinear")}

    def __init__(
        self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest", **common: Any
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        if self.interpolation == "nearest":
            return ops.repeat_axes(x, self.size, self.spatial_axes)
        return ops.scale_axes(x, self.size, self.spatial_axes)
