"""Letting the water through: `K.function`, gradients, values of variables, updates, the learning phase, `K.switch`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import graph, random
from kerato.backend.pipes import lays_pipes, reset_uids
from kerato.errors import InvalidType, InvalidValue, invalid, show
from kerato.graph import Node, Tensor
from kerato.layers import base
from kerato.ops import OPS, op
from kerato.programs import Program, enter
from kerato.shapes import Spec
from kerato.variables import Run, Variable, running

Array = Any


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
                fed = _fits(tensor, value)
                values.append(enter(fed) if isinstance(fed, np.ndarray) else jnp.asarray(fed))
        state = [v.concrete() for v in self.variables]
        key = random.fold(random.key(random.seed()), "K.function", next(_calls))
        outputs, updates = self._programs[phase](state, key, values)
        for v, value in zip(self._written, updates, strict=True):
            v.assign(value)
        arrays = [np.array(output) for output in outputs]
        return arrays[0] if self.single else arrays


_calls = itertools.count()


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
    """Give a variable a value.

    Raises:
        InvalidType: `x` is no variable.
        InvalidValue: the shapes differ.
    """
    if not isinstance(x, Variable):
        raise InvalidType(f"K.set_value: `x` must be a variable. Got {show(x)}.")
    x.assign(np.asarray(value))


def batch_get_value(ops: Sequence[Any]) -> list[Any]:
    """The values of several variables or tensors."""
    return [eval(x) for x in ops]


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Give several variables values."""
    for x, value in tuples:
        set_value(x, value)


def update(x: Variable, new_x: Any) -> tuple[Variable, Any]:
    """An update for `K.function`: `x` becomes `new_x`."""
    return x, new_x


_sum, _difference = lays_pipes(OPS["add"]), lays_pipes(OPS["subtract"])
_mixture = lays_pipes(lambda x, value, momentum: x * momentum + value * (1.0 - momentum))


def update_add(x: Variable, increment: Any) -> tuple[Variable, Any]:
    """An update for `K.function`: `x` becomes `x + increment`."""
    return x, _sum(x, increment)


def update_sub(x: Variable, decrement: Any) -> tuple[Variable, Any]:
    """An update for `K.function`: `x` becomes `x - decrement`."""
    return x, _difference(x, decrement)


def moving_average_update(x: Variable, value: Any, momentum: float) -> tuple[Variable, Any]:
    """An update for `K.function`: `x` becomes `x * momentum + value * (1 - momentum)`."""
    return x, _mixture(x, value, momentum)


def clear_session() -> None:
    """Begin automatic names and numbers anew, let the learning phase be fed again, give back free memory."""
    global _fixed_phase
    _fixed_phase = None
    reset_uids()
    base.clear_session()


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
    """Fix the phase for `K.function` calls that do not feed it.

    Raises:
        InvalidValue: `value` is neither 0 nor 1.
    """
    global _fixed_phase
    if value not in (0, 1):
        raise invalid("K.set_learning_phase", "value", "0 (test) or 1 (training)", value)
    _fixed_phase = int(value)


def _made(item: Any) -> Any:
    """What an argument that may be a function of no arguments stands for."""
    return item() if callable(item) and not isinstance(item, (Tensor, Variable)) else item


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in the training phase, `alt` in the test phase; each may be a function that gives it."""
    x, alt = _made(x), _made(alt)
    chosen = learning_phase() if training is None else training
    if not isinstance(chosen, Tensor):
        return x if chosen else alt
    # Recorded even where both are numbers: the phase is not known yet.
    return Node(OPS["select_phase"], (x, alt), {}).result if running() is None else OPS["select_phase"](x, alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in the test phase, `alt` in the training phase."""
    return in_train_phase(alt, x, training)


# -- choices and looking -------------------------------------------------------------------------------------------


@op
def select(condition: Any, chosen: Any, other: Any) -> Any:
    """`chosen` where `condition` is not 0, else `other`; a condition of fewer axes decides for whole slices."""
    condition = jnp.asarray(condition).astype(bool)
    chosen, other = jnp.asarray(chosen), jnp.asarray(other)
    rank = max(chosen.ndim, other.ndim)
    if 0 < condition.ndim < rank:
        condition = condition.reshape(condition.shape + (1,) * (rank - condition.ndim))
    return jnp.where(condition, chosen, other)


@lays_pipes
def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """`then_expression` where `condition` holds, else `else_expression`; each may be a function that gives it.

    Args:
        condition: a scalar, or a tensor whose shape is that of the expressions or begins it.
    """
    if isinstance(condition, (bool, int, float)):
        return _made(then_expression if condition else else_expression)
    return OPS["select"](condition, _made(then_expression), _made(else_expression))


@op
def print_value(x: Any, message: str) -> Any:
    """`x`, printed after `message` when it is computed."""
    jax.debug.callback(lambda value: print(message, value), x)
    return x


@lays_pipes
def print_tensor(x: Any, message: str = "") -> Any:
    """`x`; its value is printed after `message` each time it is computed."""
    return OPS["print_value"](x, message)
