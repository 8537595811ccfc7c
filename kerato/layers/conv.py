"""Convolution: every window times one kernel (book section 3.3); and what all layers with a kernel share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import activations, ops
from kerato.arguments import Rule, per_axis, positive_int, title
from kerato.errors import InvalidValue
from kerato.layers.base import Array
from kerato.layers.space import Spatial, padding_of


class Windowed(Spatial):
    """Base of layers that multiply windows by weights: the rules of their arguments, their bias and activation."""

    checks = {
        "filters": positive_int,
        "kernel_size": per_axis(),
        "strides": per_axis(),
        "dilation_rate": per_axis(),
        "padding": padding_of("valid", "same"),
    }

    def known_channels(self, input_shape: tuple[int | None, ...]) -> int:
        """The number of input channels, from now on the only one accepted."""
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise InvalidValue(f"{title(self)}: the number of channels must be known. Got an input of {input_shape}.")
        self.expect({self.channel_axis: channels})
        return channels

    def check_reach(self, input_shape: tuple[int | None, ...]) -> None:
        """Refuse a kernel that, dilated, is larger than the picture and not padded."""
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        self.check_window(input_shape, "kernel_size", reach)

    def refuse_strides_with_dilation(self) -> None:
        """One of the two must be 1."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise InvalidValue(
                f"{title(self)}: `strides` {self.strides} and `dilation_rate` {self.dilation_rate} cannot both be "
                "other than 1. Leave one of them out."
            )

    def finish(self, y: Array) -> Array:
        """Bias and activation."""
        if self.use_bias:
            shape = (-1,) if self.channel_axis == -1 else (-1,) + (1,) * self.rank
            y = y + ops.reshape(self.bias, shape)
        return self.activate(y)


class Conv(Windowed):
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
        "groups": positive_int,
        "padding": Rule(
            "'valid', 'same', or for one axis 'causal'",
            lambda value, owner: padding_of("valid", "same", *(("causal",) if owner.rank == 1 else ())).convert(
                value, owner
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
        self.refuse_strides_with_dilation()
        if self.filters % self.groups:
            raise InvalidValue(
                f"{title(self)}: `filters` must be a multiple of `groups` ({self.groups}). Got {self.filters}."
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel (*window, channels / groups, filters), bias (filters,)."""
        channels = self.known_channels(input_shape)
        if channels % self.groups:
            raise InvalidValue(
                f"{title(self)}: the input's channels must be a multiple of `groups` ({self.groups}). Got {channels}."
            )
        self.check_reach(input_shape)
        self.weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        if self.use_bias:
            self.weight("bias", (self.filters,))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        where = self.strides, self.padding, self.data_format, self.dilation_rate
        if not self.use_bias:
            return self.activate(ops.conv(x, self.kernel, *where))
        if self.activation is not activations.get("relu"):
            return self.activate(ops.conv(x, self.kernel, *where, self.bias))
        y = ops.conv(x, self.kernel, *where, self.bias, relu=True)
        return self.made_from(y, "relu", y)


class Conv1D(Conv):
    """Convolution over time: (batch, steps, channels) -> (batch, new_steps, filters)."""

    rank = 1


class Conv2D(Conv):
    """Convolution over pictures: (batch, height, width, channels) -> (batch, new_height, new_width, filters)."""

    rank = 2


class Conv3D(Conv):
    """Convolution over volumes or films: (batch, depth, height, width, channels) -> (batch, ..., filters)."""

    rank = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
