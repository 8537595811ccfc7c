"""ConvLSTM: an LSTM with pictures for states and convolutions for products, for films and other grids in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from kerato import ops
from kerato.arguments import integer, title
from kerato.errors import InvalidValue
from kerato.layers.base import Array
from kerato.layers.cells import Cell, Factors, forgetful, remembered, zeros_for
from kerato.layers.conv import Windowed
from kerato.layers.recurrent import OfCell

Shape = Sequence[int | None]


class ConvLSTMCell(Cell, Windowed):
    """`LSTMCell` with convolutions for products: (batch, *spatial, channels), states (batch, *spatial', filters).

    The input is convolved with `strides`, `padding` and `dilation_rate`; the state as it is, with `padding='same'`.

    Args:
        rank: number of spatial axes, 1 to 3.
        filters: channels of the output and of each state.

    Source: Shi et al. 2015, arXiv:1506.04214, without its peepholes, as in Keras.
    """

    checks = {"rank": integer(1)}
    gates = 4
    implementation = 1  # every gate has its own mask of dropout

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.input_rank = self.rank + 2
        self._picture: tuple[int, ...] = ()
        self.refuse_strides_with_dilation()

    @property
    def state_size(self) -> Any:
        """The shapes of h and c, without the batch."""
        return [self._picture, self._picture]

    @property
    def output_size(self) -> Any:
        """The shape of the output, without the batch."""
        return self._picture

    def build(self, input_shape: Shape) -> None:
        """kernel (*window, channels, 4 * filters), recurrent_kernel (*window, filters, 4 * filters), bias."""
        shape = tuple(input_shape)
        channels = self.known_channels(shape)
        sizes = [shape[axis] for axis in self.spatial_axes]
        if None in sizes:
            raise InvalidValue(f"{title(self)}: the size of a picture must be known. Got an input of {shape}.")
        self.check_reach(shape)
        many = self.gates * self.filters
        self.weight("kernel", (*self.kernel_size, channels, many))
        self.weight("recurrent_kernel", (*self.kernel_size, self.filters, many), prefix="recurrent")
        if self.use_bias:
            self.weight("bias", (many,))
            if self.unit_forget_bias:
                forgetful(self.bias)
        one = [
            jax.ShapeDtypeStruct(s, "float32") for s in ((1, *shape[1:]), (*self.kernel_size, channels, self.filters))
        ]
        self._picture = tuple(jax.eval_shape(self._entered, *one).shape[1:])

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Zeros for h and c."""
        return zeros_for(self.state_size, batch_size, self.compute_dtype)

    def _entered(self, x: Array, kernel: Any) -> Array:
        return ops.conv(x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def _kept(self, h: Array, kernel: Any) -> Array:
        return ops.conv(h, kernel, 1, "same", self.data_format)

    def _gates_of(self, convolve: Any, x: Array, kernel: Any, factors: Factors) -> Array:
        if factors is None:
            return convolve(x, kernel)
        parts = jnp.split(kernel.value, len(factors), axis=-1)
        found = [convolve(x * factor, part) for factor, part in zip(factors, parts, strict=True)]
        return jnp.concatenate(found, axis=self.channel_axis)

    def project(self, x: Array, dropped: Factors) -> Array:
        """The gates' share of an input, or of a whole sequence (batch, time, ...)."""
        lead = x.shape[: x.ndim - self.rank - 1]
        if dropped is not None and len(lead) > 1:
            dropped = [jnp.repeat(factor, lead[1], axis=0) for factor in dropped]
        y = self._gates_of(self._entered, x.reshape(-1, *x.shape[len(lead) :]), self.kernel, dropped)
        if self.use_bias:
            y = y + ops.reshape(self.bias, (-1,) if self.channel_axis == -1 else (-1,) + (1,) * self.rank)
        return y.reshape(*lead, *y.shape[1:])

    def step(self, x: Array, states: list[Array], forgotten: Factors) -> tuple[Array, list[Array]]:
        """The formula of the class."""
        h, c = states
        z = x + self._gates_of(self._kept, h, self.recurrent_kernel, forgotten)
        return remembered(self, jnp.split(z, 4, axis=self.channel_axis), c)

    def factors(self, shape: Sequence[int], training: Any) -> tuple[Factors, Factors]:
        """The factors of a step's input and of the state."""
        if not training:
            return None, None
        whole = shape[0], *shape[-self.rank - 1 :]
        return self._drawn(self.dropout, whole), self._drawn(self.recurrent_dropout, (shape[0], *self._picture))


class ConvLSTM(OfCell):
    """`ConvLSTMCell` over time: (batch, time, *spatial, channels) -> (batch, *spatial', filters), or all steps of it.

    The size of a picture must be known. For the arguments see `ConvLSTMCell` and `RNN`.
    """

    cell_class = ConvLSTMCell
    checks = {**Cell.checks, **Windowed.checks}
    rank: ClassVar[int]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.input_rank = cls.rank + 3

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)

    def cell_options(self) -> dict[str, Any]:
        """The cell's arguments."""
        return {"rank": self.rank, **super().cell_options()}

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """The cell's weights; pictures have this size from now on."""
        super().build(sequences_shape, initial_state_shape)
        self.expect(dict(enumerate(sequences_shape[2:], 2)))


class ConvLSTM1D(ConvLSTM):
    """ConvLSTM over series of series: (batch, time, steps, channels) -> (batch, new_steps, filters)."""

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """ConvLSTM over films: (batch, time, height, width, channels) -> (batch, new_height, new_width, filters)."""

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """ConvLSTM over volumes in time: (batch, time, depth, height, width, channels) -> (batch, ..., filters)."""

    rank = 3
