"""Transposed convolution: from the shape of a convolution's output to that of its input, as decoders need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import ops
from kerato.arguments import optional, per_axis, title
from kerato.errors import invalid
from kerato.layers.base import Array
from kerato.layers.conv import Windowed


class ConvTranspose(Windowed):
    """Base of the transposed convolutions: every cell of the picture times the kernel, added up where they overlap.

    The kernel is (*window, filters, channels). Output length per axis: `n * stride` for same, `n * stride +
    max(k' - stride, 0)` for valid, with `k' = k + (k - 1)(dilation - 1)`.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, an int or one per axis.
        strides: how far apart the cells of the input come to lie.
        padding: `'valid'` or `'same'`.
        output_padding: less than the strides; the length is then `(n - 1) * stride + k' + output_padding` for valid,
            `(n - 1) * stride + k' % 2 + output_padding` for same. None chooses the lengths above.
        dilation_rate: distance between the cells of the window; other than 1 only with strides of 1.
    """

    checks = {"output_padding": optional(per_axis(0))}

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
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
        extra = self.output_padding
        if extra is not None and any(p >= s for p, s in zip(extra, self.strides, strict=True)):
            rule = f"less than `strides` {self.strides} on every axis"
            raise invalid(title(self), "output_padding", rule, extra, "None chooses the usual length.")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel (*window, filters, channels), bias (filters,)."""
        channels = self.known_channels(input_shape)
        self.weight("kernel", (*self.kernel_size, self.filters, channels))
        if self.use_bias:
            self.weight("bias", (self.filters,))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        where = self.strides, self.padding, self.output_padding, self.data_format, self.dilation_rate
        return self.finish(ops.conv_transpose(x, self.kernel, *where))


class Conv1DTranspose(ConvTranspose):
    """Transposed convolution over time: (batch, steps, channels) -> (batch, more_steps, filters)."""

    rank = 1


class Conv2DTranspose(ConvTranspose):
    """Transposed convolution over pictures: (batch, height, width, channels) -> (batch, ..., filters)."""

    rank = 2


class Conv3DTranspose(ConvTranspose):
    """Transposed convolution over volumes: (batch, depth, height, width, channels) -> (batch, ..., filters)."""

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: int | Sequence[int] | None = None,
        *rest: Any,
        **more: Any,
    ) -> None:
        # Keras has these two in another order here than in the other two classes.
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, *rest, **more)


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
