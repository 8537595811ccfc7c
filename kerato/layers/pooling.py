"""Pooling: one number per window and channel, or per picture and channel (book section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from kerato import ops
from kerato.arguments import flag, optional, per_axis
from kerato.layers.base import Array
from kerato.layers.space import Spatial, padding_of


class Pool(Spatial):
    """Base of the poolings: one number per window and channel.

    Output length per axis: `(n - pool_size) // stride + 1` for valid, `n / stride` rounded up for same.

    Args:
        pool_size: size of the window, an int or one per axis.
        strides: step of the window; None takes `pool_size`.
        padding: `'valid'` or `'same'`; cells outside the picture do not count.
    """

    checks = {"pool_size": per_axis(), "strides": optional(per_axis()), "padding": padding_of("valid", "same")}
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


class MaxPooling1D(Pool):
    """The largest value of each window of steps: (batch, steps, channels) -> (batch, fewer_steps, channels)."""

    rank, pool = 1, ops.max_pool


class MaxPooling2D(Pool):
    """The largest value of each window; its gradient goes to that cell (the first of several)."""

    rank, pool = 2, ops.max_pool


class MaxPooling3D(Pool):
    """The largest value of each window of a volume or film."""

    rank, pool = 3, ops.max_pool


class AveragePooling1D(Pool):
    """The mean of each window of steps: (batch, steps, channels) -> (batch, fewer_steps, channels)."""

    rank, pool = 1, ops.average_pool


class AveragePooling2D(Pool):
    """The mean of each window."""

    rank, pool = 2, ops.average_pool


class AveragePooling3D(Pool):
    """The mean of each window of a volume or film."""

    rank, pool = 3, ops.average_pool


class GlobalPool(Spatial):
    """Base of poolings over the whole picture: (batch, *spatial, channels) -> (batch, channels).

    Args:
        keepdims: whether the spatial axes stay, each of size 1.
    """

    checks = {"keepdims": flag}
    reduction: ClassVar[Any]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return type(self).reduction(x, axis=self.spatial_axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(GlobalPool):
    """The largest value of each channel over all steps."""

    rank, reduction = 1, ops.max


class GlobalMaxPooling2D(GlobalPool):
    """The largest value of each channel."""

    rank, reduction = 2, ops.max


class GlobalMaxPooling3D(GlobalPool):
    """The largest value of each channel of a volume or film."""

    rank, reduction = 3, ops.max


class GlobalAveragePooling1D(GlobalPool):
    """The mean of each channel over all steps, or over those that `mask` (batch, steps) leaves.

    Differs: where no step is left the mean is 0, in Keras 3 NaN.
    """

    rank, reduction = 1, ops.mean

    def call(self, x: Array, mask: Array | None = None) -> Array:
        """The formula of the class."""
        if mask is None:
            return super().call(x)
        kept = ops.expand_dims(ops.cast(mask, x.dtype), self.channel_axis)
        total = ops.sum(ops.where(kept > 0, x, 0), axis=self.spatial_axes, keepdims=self.keepdims)
        return total / ops.maximum(ops.sum(kept, axis=self.spatial_axes, keepdims=self.keepdims), 1)


class GlobalAveragePooling2D(GlobalPool):
    """The mean of each channel."""

    rank, reduction = 2, ops.mean


class GlobalAveragePooling3D(GlobalPool):
    """The mean of each channel of a volume or film."""

    rank, reduction = 3, ops.mean


class AdaptivePool(Spatial):
    """Base of poolings to a given size: windows that cover pictures of any size.

    Along n cells, window i of m reaches from floor(i n / m) to ceil((i + 1) n / m); neighbours may share a cell.

    Args:
        output_size: how many windows, an int or one per axis.
    """

    checks = {"output_size": per_axis()}
    pool: ClassVar[Any]

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return type(self).pool(x, self.output_size, self.data_format)


class AdaptiveMaxPooling1D(AdaptivePool):
    """The largest value of each window: (batch, steps, channels) -> (batch, output_size, channels)."""

    rank, pool = 1, ops.adaptive_max_pool


class AdaptiveMaxPooling2D(AdaptivePool):
    """The largest value of each window: (batch, height, width, channels) -> (batch, *output_size, channels)."""

    rank, pool = 2, ops.adaptive_max_pool


class AdaptiveMaxPooling3D(AdaptivePool):
    """The largest value of each window of a volume or film."""

    rank, pool = 3, ops.adaptive_max_pool


class AdaptiveAveragePooling1D(AdaptivePool):
    """The mean of each window: (batch, steps, channels) -> (batch, output_size, channels)."""

    rank, pool = 1, ops.adaptive_average_pool


class AdaptiveAveragePooling2D(AdaptivePool):
    """The mean of each window: (batch, height, width, channels) -> (batch, *output_size, channels)."""

    rank, pool = 2, ops.adaptive_average_pool


class AdaptiveAveragePooling3D(AdaptivePool):
    """The mean of each window of a volume or film."""

    rank, pool = 3, ops.adaptive_average_pool


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
