"""The book's `K`: Keras 2's backend functions, as names for `kerato.ops` and for evaluating graphs.

Here a variable is a symbolic tensor, as it was then: `K.sum(v)` is a graph to be evaluated by `K.function` or
`K.eval`, and `K.gradients(K.sum(v ** 2), [v])` is its gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerato import graph, ops, random, recurrence
from kerato.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from kerato.errors import InvalidType, InvalidValue, show, unknown
from kerato.graph import Node, Tensor
from kerato.layers.base import clear_session
from kerato.ops import OPS, leaves, op
from kerato.programs import Program
from kerato.shapes import Spec
from kerato.variables import Run, Variable, running

Array = Any

__all__ = [
    "backend", "clear_session", "epsilon", "floatx", "image_data_format", "set_epsilon", "set_floatx",
    "set_image_data_format",
]  # fmt: skip


class SymbolicVariable(Variable):
    """A variable made by `K.variable`: operations on it lay pipes instead of computing."""

    def take_op(self, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record the operation; inside an evaluation compute it."""
        return Node(operation, args, kwargs).result if running() is None else super().take_op(operation, args, kwargs)


def _lazily(operation: Callable[..., Any]) -> Callable[..., Any]:
    """`operation`, recorded as a node whenever a variable is among its arguments."""

    @functools.wraps(operation)
    def call(*args: Any, **kwargs: Any) -> Any:
        symbolic = any(isinstance(leaf, Variable) for leaf in leaves((args, kwargs))) and running() is None
        return Node(operation, args, kwargs).result if symbolic else operation(*args, **kwargs)

    return call


def variable(value: Any, dtype: str | None = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable with a first value."""
    made = SymbolicVariable(np.asarray(value), dtype=dtype or floatx(), name=name)
    made.constraint = constraint
    return made


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: str | None = None,
    name: str | None = None,
) -> Tensor:
    """A tensor to be fed; `ndim` stands for a shape of unknown sizes."""
    sizes = tuple(shape) if shape is not None else (None,) * (ndim or 0)
    return Tensor(sizes, dtype or floatx(), name=name)


def constant(
    value: Any, dtype: str | None = None, shape: Sequence[int] | None = None, name: str | None = None
) -> Array:
    """An array of fixed numbers."""
    array = jnp.asarray(value, dtype or floatx())
    return array if shape is None else jnp.broadcast_to(array, tuple(shape))


# -- evaluation ----------------------------------------------------------------------------------------------------


class Function:
    """What `K.function` gives: called with a list of values, it returns a list of NumPy arrays.

    Compiled once per shape of the inputs and learning phase.
    """

    def __init__(self, inputs: Sequence[Any], outputs: Any, updates: Sequence[Any] = ()) -> None:
        self.single = isinstance(outputs, (Tensor, Variable))
        self.outputs = [outputs] if self.single else list(outputs)
        self.inputs = list(inputs)
        pairs = [item for item in updates if isinstance(item, (tuple, list))]
        self.targets = [target for target, _ in pairs]
        self.wanted = [*self.outputs, *(value for _, value in pairs)]
        for item in self.inputs:
            if not isinstance(item, (Tensor, Variable)):
                raise InvalidType(f"K.function: `inputs` must be a list of placeholders. Got {show(item)}.")
        tensors = [item for item in self.wanted if isinstance(item, Tensor)]
        held = [item for item in (*self.wanted, *self.targets) if isinstance(item, Variable)]
        self.variables = list(dict.fromkeys([*held, *graph.variables_of(tensors)]))
        self._programs = {phase: Program(functools.partial(self._compute, phase), "K.function") for phase in (0, 1)}

    def _compute(self, phase: int, state: list[Array], key: Array, values: list[Array]) -> tuple[Any, Any]:
        fed = [item for item in self.inputs if item is not _phase_tensor]
        feeds = {t: _cast(value, t.dtype) for t, value in zip(fed, values, strict=True) if isinstance(t, Tensor)}
        known = dict(zip(self.variables, state, strict=True))
        known.update({v: value for v, value in zip(fed, values, strict=True) if isinstance(v, Variable)})
        with Run(known, bool(phase), key) as run:
            tensors = [item for item in self.wanted if isinstance(item, Tensor)]
            found = dict(zip(tensors, graph.run_graph(run, tensors, feeds), strict=True))
            results = [
                found[i] if isinstance(i, Tensor) else i.value if isinstance(i, Variable) else i for i in self.wanted
            ]
            before = results[: len(self.outputs)]
            for target, value in zip(self.targets, results[len(self.outputs) :], strict=True):
                target.assign(value)
        written = [v for v in self.variables if v in run.updates]
        self._written = written
        return before, [run.updates[v] for v in written]

    def __call__(self, inputs: Sequence[Any] = ()) -> Any:
        if not isinstance(inputs, (list, tuple)) or len(inputs) != len(self.inputs):
            raise InvalidValue(
                f"K.function: there must be a list of {len(self.inputs)} values, one per input. Got {show(inputs)}."
            )
        phase = _fixed_phase or 0
        values = []
        for tensor, value in zip(self.inputs, inputs, strict=True):
            if tensor is _phase_tensor:
                phase = int(bool(value))
            else:
                values.append(jnp.asarray(_fits(tensor, value)))
        state = [v.concrete() for v in self.variables]
        key = random.fold(random.key(random.seed()), "K.function", next(_calls))
        outputs, updates = self._programs[phase](state, key, values)
        for v, value in zip(self._written, updates, strict=True):
            v.assign(value)
        arrays = [np.array(output) for output in outputs]
        return arrays[0] if self.single else arrays


_calls = iter(range(2**62))


def _cast(value: Array, dtype: str) -> Array:
    return value if str(value.dtype) == dtype else value.astype(dtype)


def _fits(tensor: Any, value: Any) -> Any:
    found = tuple(np.shape(value))
    wanted = tensor.shape
    if len(found) != len(wanted) or any(b not in (None, a) for a, b in zip(found, wanted, strict=True)):
        raise InvalidValue(f"K.function: the input {tensor.name} must have shape {wanted}. Got {found}.")
    return value


def function(inputs: Sequence[Any], outputs: Any, updates: Sequence[Any] | None = None, **ignored: Any) -> Function:
    """A callable from values of `inputs` to values of `outputs` (book section 1.2).

    Args:
        inputs: placeholders, or any tensors, at which the graph is then cut; `K.learning_phase()` may be one.
        outputs: tensors, a list or a single one.
        updates: pairs (variable, new value), applied once per call.
        ignored: options for Theano and TensorFlow.
    """
    return Function(inputs, outputs, updates or ())


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The gradients of the sum of `loss` with respect to tensors or variables; None where it does not depend on one."""
    targets = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    if not isinstance(loss, Tensor):
        raise InvalidType(f"K.gradients: `loss` must be a symbolic tensor. Got {show(loss)}.")
    return list(graph.gradients(loss, targets))


def eval(x: Any) -> np.ndarray[Any, Any]:
    """The value of a variable, or of a tensor that depends on no placeholder."""
    return np.array(Function([], x)()) if isinstance(x, Tensor) else np.array(x)


def get_value(x: Any) -> Any:
    """The value of a variable as a NumPy array."""
    return eval(x)


def set_value(x: Variable, value: Any) -> None:
    """Give a variable a value."""
    x.assign(np.asarray(value))


def batch_get_value(xs: Sequence[Any]) -> list[Any]:
    """The values of several variables."""
    return [get_value(x) for x in xs]


def batch_set_value(pairs: Sequence[tuple[Variable, Any]]) -> None:
    """Give several variables values."""
    for x, value in pairs:
        set_value(x, value)


def update(x: Variable, new_x: Any) -> tuple[Variable, Any]:
    """An update for `K.function`: `x` becomes `new_x`."""
    return x, new_x


def update_add(x: Variable, increment: Any) -> tuple[Variable, Any]:
    """An update for `K.function`: `x` becomes `x + increment`."""
    return x, _lazily(OPS["add"])(x, increment)


def update_sub(x: Variable, decrement: Any) -> tuple[Variable, Any]:
    """An update for `K.function`: `x` becomes `x - decrement`."""
    return x, _lazily(OPS["subtract"])(x, decrement)


# -- loops over time -----------------------------------------------------------------------------------------------


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
) -> tuple[Any, Any, list[Any]]:
    """(last output, outputs, states) of walking `step_function(input, states + constants)` over the time axis.

    `inputs` are (batch, time, ...), the mask (batch, time) or (batch, time, 1); see `kerato.recurrence.rnn`.
    """
    used = graph.closed_over(step_function)
    return _lazily(recurrence.rnn)(
        step_function, inputs, list(initial_states), go_backwards, mask, constants, unroll, closed_over=used
    )


# -- learning phase ------------------------------------------------------------------------------------------------


@op
def phase() -> int:
    """1 while training, else 0."""
    run = running()
    return int(run is not None and run.training)


@op
def select_phase(x: Any, alt: Any) -> Any:
    """`x` while training, else `alt`."""
    return x if phase() else alt


_phase_tensor = Node(OPS["phase"], (), {}, Spec((), "int32")).result
_fixed_phase: int | None = None


def learning_phase() -> Any:
    """0 for test, 1 for training: a tensor to be fed to `K.function`, or the number that was set."""
    return _phase_tensor if _fixed_phase is None else _fixed_phase


def set_learning_phase(value: int) -> None:
    """Fix the phase for `K.function` calls that do not feed it."""
    global _fixed_phase
    _fixed_phase = int(bool(value))


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in the training phase, `alt` in the test phase; each may be a function that gives it."""
    x, alt = (item() if callable(item) and not isinstance(item, (Tensor, Variable)) else item for item in (x, alt))
    chosen = learning_phase() if training is None else training
    if not isinstance(chosen, Tensor):
        return x if chosen else alt
    # Recorded even where both are numbers: the phase is not known yet.
    return Node(OPS["select_phase"], (x, alt), {}).result if running() is None else OPS["select_phase"](x, alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in the test phase, `alt` in the training phase."""
    return in_train_phase(alt, x, training)


# -- shapes --------------------------------------------------------------------------------------------------------


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape as a tuple, None for unknown sizes."""
    return tuple(x.shape)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape)


def dtype(x: Any) -> str:
    """The dtype's name."""
    return str(x.dtype)


def shape(x: Any) -> Any:
    """The sizes; of a symbolic tensor, sizes that become ints when it is computed."""
    return ops.shape(x)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """The axes in another order."""
    return ops.transpose(x, tuple(pattern))


def flatten(x: Any) -> Any:
    """All values along one axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """(batch, ...) -> (batch, product of the rest)."""
    return ops.reshape(x, (ops.shape(x)[0], -1))


def expand_dims(x: Any, axis: int = -1) -> Any:
    """A new axis of size 1."""
    return _lazily(ops.expand_dims)(x, axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Joined along an axis."""
    return _lazily(ops.concatenate)(list(tensors), axis=axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Joined along a new axis."""
    return _lazily(OPS["stack"])(list(x), axis=axis)


def dot(x: Any, y: Any) -> Any:
    """Matrix product over the last axis of `x` and the last but one of `y`."""
    return _lazily(OPS["matmul"])(x, y) if len(y.shape) <= 2 else ops.tensordot(x, y, ([-1], [-2]))


def pow(x: Any, a: Any) -> Any:
    """`x ** a`."""
    return _lazily(OPS["power"])(x, a)


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """`x` limited to [min_value, max_value]."""
    return _lazily(ops.clip)(x, min_value, max_value)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None) -> Any:
    """`x` above 0, `alpha * x` below, cut at `max_value`."""
    return _lazily(ops.relu)(x, negative_slope=alpha, max_value=max_value)


def cast(x: Any, dtype: str) -> Any:
    """`x` in another dtype."""
    return _lazily(ops.cast)(x, dtype)


#: Keras 2's name -> today's operation; names that are the same in both are found without being listed
_RENAMED = {"not_equal": "not_equal", "cumulative_sum": "cumsum", "sign": "sign", "reverse": "flip", "gather": "take"}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    target = OPS.get(_RENAMED.get(name, name))
    if target is None:
        raise unknown("kerato.backend", "the function", name, [*OPS, *_RENAMED, *__all__])
    return _lazily(target)
