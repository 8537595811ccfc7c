"""Recurrent layers: a cell, repeated over the time axis by `kerato.recurrence`."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from kerato import config
from kerato.arguments import Rule, flag, one_of, parameters, snake_case, title
from kerato.errors import InvalidType, InvalidValue
from kerato.layers.base import Array, Layer
from kerato.layers.cells import (
    Cell,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    as_cell,
    build_cell,
    first_states,
    take_step,
)
from kerato.ops import leaves, tree_map
from kerato.recurrence import rnn
from kerato.variables import Variable


class RNN(Layer):
    """A cell over time: (batch, time, ...) -> (batch, units), or (batch, time, units) with `return_sequences`.

    A masked step keeps the states and repeats the output before it. The mask goes on to later layers where all
    outputs are returned.

    Args:
        cell: a layer or any object with `state_size`, a number or a list of them, and
            `call(inputs, states) -> (output, new states)`; a list of cells is stacked.
        return_sequences: the outputs of all steps instead of the last one.
        return_state: the last states too, behind the output.
        go_backwards: walk from the last step to the first; outputs stand in the order they were made.
        stateful: sample i of a batch continues where sample i of the batch before ended; the batch size is fixed then.
            `reset_states()` begins anew.
        unroll: write the steps out instead of a loop; for few steps.
        zero_output_for_mask: zeros as the output of masked steps.

    `initial_state` of a call is a list of (batch, units), arrays or symbolic tensors.
    """

    checks = {
        "cell": Rule("a cell (an object with `call` and `state_size`) or a list of them", lambda v, _: as_cell(v)),
        "return_sequences": flag,
        "return_state": flag,
        "go_backwards": flag,
        "stateful": flag,
        "unroll": flag,
        "zero_output_for_mask": flag,
        "use_cudnn": one_of("auto", True, False),
    }
    supports_masking = True
    least_rank = 3

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.states: Any = None

    @property
    def state_size(self) -> list[Any]:
        """The lengths of the states."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """The cell's weights; when stateful, the states of a batch."""
        shape = tuple(sequences_shape)
        build_cell(self.cell, (shape[0], *shape[2:]))
        if isinstance(self.cell, Cell):
            self.expect({-1: shape[-1]})
        if self.stateful:
            self._remember(shape[0])

    def _remember(self, batch: int | None) -> None:
        if batch is None:
            raise InvalidValue(
                f"{title(self)}: `stateful` needs a fixed batch size. Give it: Input(batch_shape=(32, ...))."
            )

        def state(first: Array) -> Variable:
            made = Variable(lambda shape, dtype, path: jnp.zeros(shape, dtype), first.shape, self.variable_dtype, False)
            made.name, made.path, made.saved = "rnn_state", f"{self.name}/rnn_state", False
            return made

        self.states = tree_map(state, self.get_initial_state(batch))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """What the cell begins with."""
        return first_states(self.cell, batch_size, self.compute_dtype)

    def reset_states(self, states: Any = None) -> None:
        """Begin a stateful layer anew: from zeros, or from a list of arrays."""
        if states is None:
            super().reset_states()
            return
        for variable, value in zip(leaves(self.states), leaves(states), strict=True):
            variable.assign(value)

    reset_state = reset_states

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The call of a layer; the states are an argument of their own.

        Raises:
            InvalidType: the input is a list of several.
        """
        args, kwargs = config.in_dialect("rnn_call", args, kwargs)
        given = args[0] if args else kwargs.get("sequences")
        if isinstance(given, (list, tuple)) and len(given) > 1 and all(hasattr(one, "shape") for one in given):
            raise InvalidType(
                f"{title(self)}: takes one input, got a list of {len(given)}. Give states as initial_state=[...]."
            )
        return super().__call__(*args, **kwargs)

    def call(
        self, sequences: Array, initial_state: Any = None, mask: Array | None = None, training: bool = False
    ) -> Any:
        """The outputs, and the states if asked for."""
        states = self._first(initial_state, sequences.shape[0])
        inputs, step = sequences, self._step(training)
        if isinstance(self.cell, Cell):
            dropped, forgotten = self.cell.factors(sequences.shape, training)
            inputs = self.cell.project(sequences, dropped)
            step = lambda x, before: self.cell.step(x, before, forgotten)  # noqa: E731
        last, outputs, states = rnn(
            step,
            inputs,
            states,
            self.go_backwards,
            mask,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
            return_all_outputs=self.return_sequences,
        )
        if self.stateful:
            for variable, state in zip(leaves(self.states), leaves(states), strict=True):
                variable.assign(state)
        result = outputs if self.return_sequences else last
        return (result, *states) if self.return_state else result

    def _step(self, training: bool) -> Any:
        return lambda x, states: take_step(self.cell, x, states, training)

    def _first(self, given: Any, batch: int) -> list[Any]:
        """The states of the first step in the dtype of the arithmetic."""
        wanted = self.get_initial_state(batch)
        if given is None:
            given = wanted if self.states is None else self.states
        found = list(given) if isinstance(given, (list, tuple)) else [given]
        sizes = [[tuple(item.shape) for item in leaves(tree)] for tree in (found, wanted)]
        if sizes[0] != sizes[1]:
            raise InvalidValue(f"{title(self)}: the states must have the shapes {sizes[1]}. Got {sizes[0]}.")
        return list(tree_map(lambda s: jnp.asarray(getattr(s, "value", s), self.compute_dtype), found))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The input's mask where all outputs are returned; states have none."""
        mask = next(leaves(mask)) if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask


class OfCell(RNN):
    """Base of layers that make their cell from their own arguments."""

    input_rank = 3
    cell_class: ClassVar[type[Cell]]

    def __init__(self, **common: Any) -> None:
        kind = self.cell_class
        common_to_both = {name: common[name] for name in ("dtype", "trainable") if name in common}
        cell = kind(**self.cell_options(), **common_to_both, name=snake_case(kind.__name__))
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
        own = {name: self.__dict__[name] for name in names if name in self._arguments}
        super().__init__(cell, **own, **common)

    def cell_options(self) -> dict[str, Any]:
        """The cell's arguments."""
        return {name: self.__dict__[name] for name in parameters(self.cell_class) if name in self._arguments}

    def get_config(self) -> dict[str, Any]:
        """The arguments; the cell follows from them."""
        return {name: value for name, value in super().get_config().items() if name != "cell"}


class SimpleRNN(OfCell):
    """`SimpleRNNCell` over time: (batch, time, n) -> (batch, units), or (batch, time, units)."""

    cell_class = SimpleRNNCell
    checks = {**Cell.checks}

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)


class LSTM(OfCell):
    """`LSTMCell` over time: (batch, time, n) -> (batch, units), or (batch, time, units); its states are h and c.

    Source: Hochreiter & Schmidhuber 1997. `use_cudnn` is accepted and changes nothing.
    """

    cell_class = LSTMCell
    checks = {**Cell.checks}

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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        implementation: int = 2,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)


class GRU(OfCell):
    """`GRUCell` over time: (batch, time, n) -> (batch, units), or (batch, time, units).

    Source: Cho et al. 2014, arXiv:1406.1078; `reset_after=False` is the paper's. `use_cudnn` changes nothing.
    """

    cell_class = GRUCell
    checks = {**Cell.checks}

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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        implementation: int = 2,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)
