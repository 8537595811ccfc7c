"""Convolution of each channel by itself, alone (depthwise) or with a mixing of channels after it (separable)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import ops
from kerato.arguments import positive_int
from kerato.layers.base import Array
from kerato.layers.conv import Windowed
from kerato.variables import Variable


class Apart(Windowed):
    """Base of layers with `depth_multiplier` filters of its own for each channel."""

    checks = {"depth_multiplier": positive_int}

    def kind_of_kernel(self, kind: str, name: str, shape: tuple[int, ...]) -> Variable:
        """A weight called `name`, made as `<kind>_initializer` and its companions say."""
        options = {what: getattr(self, f"{kind}_{what}") for what in ("initializer", "regularizer", "constraint")}
        return self.add_weight(name=name, shape=shape, **options)


class DepthwiseConv(Apart):
    """Base of the depthwise convolutions: no channel meets another; channels * depth_multiplier come out.

    The kernel is (*window, channels, depth_multiplier); output channel `i * depth_multiplier + j` is filter j of
    channel i. Lengths are those of a convolution.

    Args:
        kernel_size: size of the window, an int or one per axis.
        strides: step of the window.
        padding: `'valid'` or `'same'`.
        depth_multiplier: number of filters for each channel.
        dilation_rate: distance between the cells of the window.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel (*window, channels, depth_multiplier), bias (channels * depth_multiplier,)."""
        channels = self.known_channels(input_shape)
        self.check_reach(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.kind_of_kernel("depthwise", "kernel", shape)
        if self.use_bias:
            self.weight("bias", (channels * self.depth_multiplier,))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        where = self.strides, self.padding, self.data_format, self.dilation_rate
        return self.finish(ops.depthwise_conv(x, self.kernel, *where))


class DepthwiseConv1D(DepthwiseConv):
    """Depthwise convolution over time: (batch, steps, channels) -> (batch, new_steps, channels * multiplier)."""

    rank = 1


class DepthwiseConv2D(DepthwiseConv):
    """Depthwise convolution over pictures: (batch, height, width, channels) -> (batch, ..., channels * multiplier)."""

    rank = 2


class SeparableConv(Apart):
    """Base of the separable convolutions: each channel by itself, then the channels of each cell mixed.

    The kernels are (*window, channels, depth_multiplier) and (1, ..., channels * depth_multiplier, filters).
    Lengths are those of a convolution.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, an int or one per axis.
        strides: step of the window.
        padding: `'valid'` or `'same'`.
        dilation_rate: distance between the cells of the window.
        depth_multiplier: number of filters for each channel.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """depthwise_kernel, pointwise_kernel, bias (filters,)."""
        channels = self.known_channels(input_shape)
        self.check_reach(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self.kind_of_kernel("depthwise", "depthwise_kernel", shape)
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self.kind_of_kernel("pointwise", "pointwise_kernel", shape)
        if self.use_bias:
            self.weight("bias", (self.filters,))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        where = self.strides, self.padding, self.data_format, self.dilation_rate
        return self.finish(ops.separable_conv(x, self.depthwise_kernel, self.pointwise_kernel, *where))


class SeparableConv1D(SeparableConv):
    """Separable convolution over time: (batch, steps, channels) -> (batch, new_steps, filters)."""

    rank = 1


class SeparableConv2D(SeparableConv):
    """Separable convolution over pictures: (batch, height, width, channels) -> (batch, ..., filters)."""

    rank = 2


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
