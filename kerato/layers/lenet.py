"""What LeNet-5 has and later nets have not: trainable subsampling, partial connection, RBF units (book section 2.1).

Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition", section II.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from kerato import ops
from kerato.arguments import Rule, optional, per_axis, positive_int, title
from kerato.errors import InvalidValue
from kerato.layers.base import Array, Layer
from kerato.layers.conv import Windowed
from kerato.layers.space import Spatial, padding_of


class Subsampling2D(Spatial):
    """`activation(coefficient * sum of the window + bias)`: pooling with two weights for each channel.

    (batch, height, width, channels) -> (batch, new_height, new_width, channels), `(n - pool_size) // stride + 1` cells
    along an axis of n.

    Args:
        pool_size: size of the window, an int or one per axis.
        strides: step of the window; None takes `pool_size`, so that windows do not overlap.
        activation: of the weighted sum.
    """

    checks = {"pool_size": per_axis(), "strides": optional(per_axis())}
    padding = "valid"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        data_format: str | None = None,
        activation: Any = "sigmoid",
        use_bias: bool = True,
        coefficient_initializer: Any = "ones",
        bias_initializer: Any = "zeros",
        coefficient_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        coefficient_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """coefficient (channels,), bias (channels,)."""
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise InvalidValue(f"{title(self)}: the number of channels must be known. Got an input of {input_shape}.")
        self.expect({self.channel_axis: channels})
        self.weight("coefficient", (channels,))
        if self.use_bias:
            self.weight("bias", (channels,))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        self.check_window(x.shape, "pool_size", self.pool_size, remedy="")
        means = ops.average_pool(x, self.pool_size, self.strides, "valid", self.data_format)
        shape = (-1,) if self.channel_axis == -1 else (-1, 1, 1)
        y = means * ops.reshape(self.coefficient * prod(self.pool_size), shape)
        return self.activate(y + ops.reshape(self.bias, shape) if self.use_bias else y)


class PartialConv2D(Windowed):
    """A convolution whose filters see some of the channels each, as a table says.

    (batch, height, width, channels) -> (batch, new_height, new_width, filters). The kernel is (*window, links): the
    windows of the first filter's channels in the order of the table, then those of the second, ...; there is no weight
    for a channel that a filter does not see.

    Args:
        connections: for each filter the channels that it sees, e.g. `[[0, 1], [1, 2], [0, 1, 2]]`.
        kernel_size: size of the window, an int or one per axis.
        strides: step of the window.
        padding: `'valid'` or `'same'`.
    """

    checks = {
        "connections": Rule("for each filter the different channels that it sees", lambda value, _: _table(value)),
        "padding": padding_of("valid", "same"),
    }

    def __init__(
        self,
        connections: Sequence[Sequence[int]],
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
        self.filters = len(self.connections)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel (*window, links), bias (filters,)."""
        channels = self.known_channels(input_shape)
        last = max(channel for seen in self.connections for channel in seen)
        if last >= channels:
            raise InvalidValue(
                f"{title(self)}: `connections` names the channel {last}, and the input has {channels}, counted from 0."
            )
        self.check_window(input_shape, "kernel_size", self.kernel_size)
        links = [(channel, i) for i, seen in enumerate(self.connections) for channel in seen]
        self._places = np.full((channels, self.filters), len(links))
        self._places[tuple(np.transpose(links))] = np.arange(len(links))
        self.weight("kernel", (*self.kernel_size, len(links)))
        if self.use_bias:
            self.weight("bias", (self.filters,))

    def call(self, x: Array) -> Array:
        """The formula of the class: an ordinary convolution, its kernel 0 where nothing is connected."""
        with_zero = ops.pad(self.kernel, ((0, 0), (0, 0), (0, 1)))
        kernel = ops.take(with_zero, self._places, axis=-1)
        return self.finish(ops.conv(x, kernel, self.strides, self.padding, self.data_format))


def _table(value: Any) -> tuple[tuple[int, ...], ...]:
    """The table of connections, checked."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError
    rows = tuple(tuple(row) for row in value)
    cells = [cell for row in rows for cell in row]
    whole = all(isinstance(cell, (int, np.integer)) and not isinstance(cell, bool) and cell >= 0 for cell in cells)
    if not rows or not all(rows) or not whole or any(len(set(row)) < len(row) for row in rows):
        raise ValueError
    return tuple(tuple(int(cell) for cell in row) for row in rows)


class RBF(Layer):
    """Euclidean radial basis units: `y_i = sum_j (x_j - centres_ji)**2`, small where the input is like the unit's.

    (..., features) -> (..., units). In LeNet-5 there is a unit for each class and the smallest output is the answer.

    Args:
        units: number of outputs.
    """

    checks = {"units": positive_int}
    least_rank = 2

    def __init__(
        self,
        units: int,
        centres_initializer: Any = "glorot_uniform",
        centres_regularizer: Any = None,
        activity_regularizer: Any = None,
        centres_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """centres (features, units)."""
        features = input_shape[-1]
        if features is None:
            raise InvalidValue(f"{title(self)}: the last axis must be known. Got an input of {input_shape}.")
        self.expect({-1: features})
        self.weight("centres", (features, self.units))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.sum(ops.square(ops.expand_dims(x, -1) - self.centres), axis=-2)
