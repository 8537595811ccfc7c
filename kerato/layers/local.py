"""Convolution without shared weights: every window has a kernel of its own. Keras 2's layers; Keras 3 has none."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from kerato import ops
from kerato.arguments import title
from kerato.errors import InvalidValue
from kerato.kernels import output_lengths
from kerato.layers.base import Array
from kerato.layers.conv import Windowed
from kerato.layers.space import padding_of


class LocallyConnected(Windowed):
    """Base of the locally connected layers: a convolution whose kernel and bias differ from window to window.

    The kernel is (windows, values of a window, filters), the bias (*windows per axis, filters). A window's values
    are in the order of the data, (*window, channels) or with channels first (channels, *window), as in Keras 2.0.5.
    The size of the input is fixed by the first one.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, an int or one per axis.
        strides: step of the window.
        padding: `'valid'`, the only one.
    """

    checks = {"padding": padding_of("valid")}

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
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

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel (windows, values of a window, filters), bias (*windows per axis, filters)."""
        channels = self.known_channels(input_shape)
        sizes = [input_shape[axis] for axis in self.spatial_axes]
        if None in sizes:
            raise InvalidValue(
                f"{title(self)}: the size of the input must be known, each window has weights of its own. "
                f"Got an input of {input_shape}."
            )
        self.check_window(input_shape, "kernel_size", self.kernel_size, remedy="")
        counts = output_lengths([size for size in sizes if size], self.kernel_size, self.strides)
        self.weight("kernel", (prod(counts), prod(self.kernel_size) * channels, self.filters))
        if self.use_bias:
            self.weight("bias", (*counts, self.filters))
        self.expect(dict(zip(self.spatial_axes, sizes, strict=True)))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        y = ops.local_conv(x, self.kernel, self.kernel_size, self.strides, self.data_format)
        if self.use_bias:
            y = y + (self.bias if self.channel_axis == -1 else ops.moveaxis(self.bias, -1, 0))
        return self.activate(y)


class LocallyConnected1D(LocallyConnected):
    """Locally connected over time: (batch, steps, channels) -> (batch, new_steps, filters)."""

    rank = 1


class LocallyConnected2D(LocallyConnected):
    """Locally connected over pictures: (batch, height, width, channels) -> (batch, new_height, new_width, filters)."""

    rank = 2
