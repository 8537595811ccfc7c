"""One step of a recurrent network: (input, states) -> (output, new states). `kerato.layers.recurrent` repeats them.

What a cell computes from the input alone, `project`, has no memory: the layers above do it for all steps at once,
which is one large product instead of many small ones, and leave only `step` to the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from kerato import ops, random
from kerato.arguments import Rule, flag, fraction, integer, one_of, optional, positive_int, title
from kerato.errors import InvalidType, show
from kerato.layers import base
from kerato.layers.base import Array, Layer
from kerato.layers.nesting import revived
from kerato.variables import evaluation, running

#: dropout's factors, 0 or 1 / (1 - rate): one array for all gates, or one per gate; None where nothing is dropped
Factors = list[Array] | None


def applied(function: Callable[..., Any] | None, x: Array) -> Array:
    """`function(x)`; None is the identity."""
    return x if function is None else function(x)


class Cell(Layer):
    """Base of cells with weights `kernel` (n, gates * units), `recurrent_kernel` (units, gates * units) and `bias`.

    Args:
        units: length of the output and of each state.
        activation: of the output.
        recurrent_activation: of the gates.
        dropout: which part of the input is dropped in training, by one mask for all steps.
        recurrent_dropout: the same for the state.
        implementation: 1 drops for every gate apart, 2 once for all; 2 becomes 1 where there is `recurrent_dropout`.
            The numbers are the same without dropout. 0 is read as 1.
        seed: fixes the masks apart from the process's seed.
    """

    checks = {
        "units": positive_int,
        "recurrent_activation": base.Layer.checks["activation"],
        "dropout": fraction,
        "recurrent_dropout": fraction,
        "implementation": one_of(0, 1, 2),
        "seed": optional(integer(0)),
        "reset_after": flag,
        "unit_forget_bias": flag,
    }
    gates: ClassVar[int] = 1

    @property
    def state_size(self) -> Any:
        """The length of the state, or of each of them."""
        return self.units

    @property
    def output_size(self) -> int:
        """The length of the output."""
        return int(self.units)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """kernel, recurrent_kernel, bias."""
        self.weight("kernel", (input_shape[-1], self.gates * self.units))
        self.weight("recurrent_kernel", (self.units, self.gates * self.units), prefix="recurrent")
        if self.use_bias:
            self._bias()
        self.expect({-1: input_shape[-1]})

    def _bias(self) -> None:
        self.weight("bias", (self.gates * self.units,))

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Zeros (batch, units) for each state."""
        return zeros_for(self.state_size, batch_size, self.compute_dtype)

    def call(self, inputs: Array, states: Any, training: bool = False) -> Any:
        """One step; the states are a list of (batch, units)."""
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        dropped, forgotten = self.factors(inputs.shape, training)
        return self.step(self.project(inputs, dropped), states, forgotten)

    def step(self, x: Array, states: list[Array], forgotten: Factors) -> tuple[Array, list[Array]]:
        """(output, new states) from the projected input (batch, gates * units)."""
        raise NotImplementedError(f"{type(self).__name__}: define step.")

    def project(self, x: Array, dropped: Factors) -> Array:
        """The gates' share of an input (batch, n), or of a whole sequence (batch, time, n)."""
        if dropped is not None and x.ndim > 2:
            dropped = [ops.expand_dims(factor, 1) for factor in dropped]
        y = self._through(self.kernel, x, dropped)
        return y + self._input_bias() if self.use_bias else y

    def _input_bias(self) -> Array:
        return self.bias.value

    def _through(self, kernel: Any, x: Array, factors: Factors) -> Array:
        """`(x * factor) @ kernel`, gate by gate where each has its own factor."""
        if factors is None:
            return ops.matmul(x, kernel)
        if len(factors) == 1:
            return ops.matmul(x * factors[0], kernel)
        parts = jnp.split(getattr(kernel, "value", kernel), len(factors), axis=1)
        return jnp.concatenate([ops.matmul(x * f, part) for f, part in zip(factors, parts, strict=True)], axis=-1)

    def factors(self, shape: Sequence[int], training: Any) -> tuple[Factors, Factors]:
        """The factors of the input, whose first and last size are those of `shape`, and of the state."""
        if not training:
            return None, None
        batch = shape[0]
        return self._drawn(self.dropout, (batch, shape[-1])), self._drawn(self.recurrent_dropout, (batch, self.units))

    def _drawn(self, rate: float, shape: tuple[int, ...]) -> Factors:
        if not 0 < rate < 1:
            return None
        apart = self.gates > 1 and (self.implementation < 2 or self.recurrent_dropout > 0)
        return [self._factor(rate, shape) for _ in range(self.gates if apart else 1)]

    def _factor(self, rate: float, shape: tuple[int, ...]) -> Array:
        with evaluation() as run:
            key = run.fresh_key()
        key = key if self.seed is None else random.fold(key, self.seed)
        return random.bernoulli_from(key, 1 - rate, shape).astype(self.compute_dtype) / (1 - rate)


def zeros_for(state_size: Any, batch_size: int, dtype: str) -> list[Array]:
    """First states: an array (batch, n) for each of the sizes n, or (batch, *n) for shapes without the batch."""
    sizes = list(state_size) if isinstance(state_size, (list, tuple)) else [state_size]
    return [jnp.zeros((batch_size, *(size if isinstance(size, tuple) else (size,))), dtype) for size in sizes]


class SimpleRNNCell(Cell):
    """`h' = activation(x @ kernel + h @ recurrent_kernel + bias)`. Source: Elman 1990."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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

    def step(self, x: Array, states: list[Array], forgotten: Factors) -> tuple[Array, list[Array]]:
        """The formula of the class."""
        h = applied(self.activation, x + self._through(self.recurrent_kernel, states[0], forgotten))
        return h, [h]


class LSTMCell(Cell):
    """`c' = f * c + i * activation(g)`, `h' = o * activation(c')`; the gates i, f, g, o stand in this order.

    Args:
        unit_forget_bias: begin with a bias of 1 at the forget gate.

    Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000 for the forget gate.
    """

    gates = 4

    def __init__(
        self,
        units: int,
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
        implementation: int = 2,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    @property
    def state_size(self) -> Any:
        """The lengths of h and c."""
        return [self.units, self.units]

    def _bias(self) -> None:
        super()._bias()
        if self.unit_forget_bias:
            forgetful(self.bias)

    def step(self, x: Array, states: list[Array], forgotten: Factors) -> tuple[Array, list[Array]]:
        """The formula of the class."""
        h, c = states
        return remembered(self, jnp.split(x + self._through(self.recurrent_kernel, h, forgotten), 4, axis=-1), c)


def remembered(cell: Any, gates: Sequence[Array], c: Array) -> tuple[Array, list[Array]]:
    """(h', [h', c']) of an LSTM from its gates i, f, g, o before their activations."""
    i, f, g, o = gates
    gate = cell.recurrent_activation
    c = applied(gate, f) * c + applied(gate, i) * applied(cell.activation, g)
    h = applied(gate, o) * applied(cell.activation, c)
    return h, [h, c]


def forgetful(bias: Any) -> None:
    """Let the bias of four gates begin with 1 at the forget gate."""
    bias.initializer = ForgetBias(bias.initializer)


class ForgetBias:
    """A bias for four gates that is 1 at the second one, and elsewhere what `rest` gives."""

    def __init__(self, rest: Callable[..., Any]) -> None:
        self.rest = rest

    def __call__(self, shape: Sequence[int], dtype: str | None = None, path: str = "") -> np.ndarray[Any, Any]:
        """The array."""
        value = np.array(self.rest(shape, dtype, path))
        units = shape[0] // 4
        value[units : 2 * units] = 1
        return value


class GRUCell(Cell):
    """`h' = z * h + (1 - z) * activation(g)`; the gates z, r, g stand in this order.

    Args:
        reset_after: `g = x_g + r * (h @ U + b)`, with a second bias, (2, 3 * units) in all; else, as in the paper and
            in Keras 2, `g = x_g + (r * h) @ U`.

    Source: Cho et al. 2014, arXiv:1406.1078.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        implementation: int = 2,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def _bias(self) -> None:
        size = self.gates * self.units
        self.weight("bias", (2, size) if self.reset_after else (size,))

    def _input_bias(self) -> Array:
        return self.bias.value[0] if self.reset_after else self.bias.value

    def step(self, x: Array, states: list[Array], forgotten: Factors) -> tuple[Array, list[Array]]:
        """The formula of the class."""
        h, n = states[0], self.units
        if self.reset_after:
            u = self._through(self.recurrent_kernel, h, forgotten)
            u = u + self.bias.value[1] if self.use_bias else u
            z, r = (applied(self.recurrent_activation, part) for part in jnp.split((x + u)[:, : 2 * n], 2, axis=-1))
            g = x[:, 2 * n :] + r * u[:, 2 * n :]
        else:
            kernel = self.recurrent_kernel.value
            u = self._through(kernel[:, : 2 * n], h, forgotten and forgotten[:2])
            z, r = (applied(self.recurrent_activation, part) for part in jnp.split(x[:, : 2 * n] + u, 2, axis=-1))
            g = x[:, 2 * n :] + self._through(kernel[:, 2 * n :], r * h, forgotten and forgotten[-1:])
        h = z * h + (1 - z) * applied(self.activation, g)
        return h, [h]


class StackedRNNCells(Layer):
    """Cells on top of each other as one: each gets the output of the one below; the states are a list per cell."""

    checks = {"cells": Rule("a list of cells", lambda value, _: [as_cell(item) for item in value])}

    def __init__(self, cells: Sequence[Any], **common: Any) -> None:
        super().__init__(**common)

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of the cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The length of the last cell's output."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """The weights of the cells."""
        for cell in self.cells:
            build_cell(cell, input_shape)
            size = output_size(cell)
            input_shape = (input_shape[0], *(size if isinstance(size, tuple) else (size,)))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The first states of the cells."""
        return [first_states(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def call(self, inputs: Array, states: Sequence[Any], training: bool = False) -> Any:
        """One step through all cells."""
        found = []
        for cell, before in zip(self.cells, states, strict=True):
            given = list(before) if isinstance(before, (list, tuple)) else [before]
            inputs, after = take_step(cell, inputs, given, training)
            found.append(after)
        return inputs, found


# -- any cell ----------------------------------------------------------------------------------------------------------


def as_cell(value: Any) -> Any:
    """A cell from a cell, a list of them or a configuration; whatever has `call` and `state_size` is one.

    Raises:
        InvalidType: it is none.
    """
    if isinstance(value, (list, tuple)):
        return StackedRNNCells(value)
    if isinstance(value, dict):
        value = revived(value)
    if isinstance(value, type) or not (hasattr(value, "state_size") and callable(getattr(value, "call", None))):
        raise TypeError
    return value


def output_size(cell: Any) -> Any:
    """The length of a cell's output; that of its first state unless it says so."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return size


def build_cell(cell: Any, input_shape: Any) -> None:
    """Make a cell's weights, unless it has them."""
    if isinstance(cell, Layer):
        cell.check_begun()
        if not cell.built:
            cell._build(input_shape)
    elif hasattr(cell, "build") and not getattr(cell, "built", False):
        cell.build(input_shape)


def first_states(cell: Any, batch_size: int, dtype: str) -> list[Any]:
    """The states that a cell begins with: what its `get_initial_state` says, else zeros."""
    make = getattr(cell, "get_initial_state", None)
    found = zeros_for(cell.state_size, batch_size, dtype) if make is None else make(batch_size=batch_size)
    return list(found) if isinstance(found, (list, tuple)) else [found]


def take_step(cell: Any, inputs: Any, states: list[Any], training: Any) -> tuple[Array, list[Any]]:
    """(output, new states) of any cell, inside an evaluation."""
    run = running()
    options = {"training": training} if "training" in base.accepted(type(cell).call) else {}
    with run.inside(getattr(cell, "name", type(cell).__name__)) if run else evaluation():
        found = cell.call(inputs, states, **options)
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        raise InvalidType(f"{title(cell)}: `call` must give (output, new states). Got {show(found)}.")
    output, after = found
    return output, list(after) if isinstance(after, (list, tuple)) else [after]
