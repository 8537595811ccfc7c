"""Functions of `K` that go along a sequence: `K.rnn`, maps, folds, and connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerato import ops, recurrence
from kerato.backend.pipes import lays_pipes
from kerato.errors import InvalidCall
from kerato.graph import closed_over
from kerato.ops import op

Array = Any


@op
def map_along(fn: Callable[[Any], Any], elems: Any, dtype: str | None) -> Any:
    """`fn` of each slice of `elems` along the first axis."""
    found = jax.lax.map(fn, elems)
    return found if dtype is None else jax.tree.map(lambda x: x.astype(dtype), found)


@op
def fold_along(fn: Callable[[Any, Any], Any], elems: Array, initializer: Any, backwards: bool) -> Array:
    """`fn(result so far, slice)` along the first axis."""
    elems = jnp.flip(elems, 0) if backwards else elems
    if initializer is None:
        initializer, elems = elems[0], elems[1:]
    first = jnp.asarray(initializer)
    kind = jax.eval_shape(fn, first, elems[0]).dtype

    def step(so_far: Array, x: Array) -> tuple[Array, None]:
        return jnp.asarray(fn(so_far, x), kind), None

    return jax.lax.scan(step, first.astype(kind), elems)[0]


@lays_pipes
def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: str | None = None) -> Any:
    """`fn` of each slice of `elems` along the first axis, stacked."""
    return map_along(fn, elems, dtype)


@lays_pipes
def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """`fn(fn(first, second), third)`... along the first axis, beginning with `initializer` where that is given."""
    return fold_along(fn, elems, initializer, False)


@lays_pipes
def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """The same from the last slice to the first."""
    return fold_along(fn, elems, initializer, True)


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
    used = closed_over(step_function)
    return lays_pipes(recurrence.rnn)(
        step_function, inputs, list(initial_states), go_backwards, mask, constants, unroll, closed_over=used
    )


_SMALL = 1e-8


@lays_pipes
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each sequence: (batch, 1). Source: Graves et al. 2006.

    Args:
        y_true: labels (batch, longest label); the last class is the blank and stands in none.
        y_pred: probabilities (batch, time, classes).
        input_length: steps that count, (batch, 1).
        label_length: labels that count, (batch, 1).
    """
    logits = ops.log(y_pred + _SMALL)
    labels, inputs = (ops.reshape(ops.cast(x, "int32"), (-1,)) for x in (label_length, input_length))
    loss = ops.ctc_loss(ops.cast(y_true, "int32"), logits, labels, inputs, mask_index=y_pred.shape[-1] - 1)
    return ops.expand_dims(loss, -1)


@lays_pipes
def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Any], Any]:
    """([labels (batch, time), -1 after the last], -sum of the best logs (batch, 1)) of probabilities, the best path.

    Raises:
        InvalidCall: a beam search is asked for.
    """
    if not greedy:
        raise InvalidCall("K.ctc_decode: a beam search is not there. Leave greedy=True.")
    logs, lengths = ops.log(y_pred + _SMALL), ops.reshape(ops.cast(input_length, "int32"), (-1,))
    labels, score = ops.ctc_decode(logs, lengths, mask_index=y_pred.shape[-1] - 1)
    return [labels[0]], score


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Any:
    """TensorFlow's sparse labels, which are not there.

    Raises:
        InvalidCall: always.
    """
    raise InvalidCall("K.ctc_label_dense_to_sparse: all tensors here are dense. Give K.ctc_batch_cost dense labels.")
