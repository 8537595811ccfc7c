"""The loop over time: one formula under `K.rnn` and all recurrent layers.

A step is traced once and repeated by `lax.scan`, so that a long sequence compiles as fast as a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kerato import ops
from kerato.errors import InvalidCall, InvalidValue, invalid
from kerato.variables import Run, running

Array = Any
Step = Callable[[Any, list[Any]], tuple[Array, Any]]


@ops.op
def rnn(
    step_function: Step,
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Array | None = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
    closed_over: Sequence[Any] = (),
) -> tuple[Array, Array, list[Any]]:
    """Walk `step_function(input, states + constants) -> (output, new states)` over the time axis.

    A masked step keeps the states and repeats the output before it; before the first output that is the first state,
    where it has the output's shape, else zeros.

    Args:
        step_function: gets (batch, ...) of one step.
        inputs: (batch, time, ...), or a structure of such arrays.
        initial_states: arrays, or structures of them, of the shapes that the step gives back.
        go_backwards: walk from the last step to the first; the outputs stand in the order they were made.
        mask: (batch, time) or (batch, time, 1), False where a step does not count.
        constants: passed to every step behind the states.
        unroll: write the steps out one after the other, instead of a loop.
        input_length: not needed, the length is that of `inputs`.
        zero_output_for_mask: give zeros for masked steps.
        return_all_outputs: otherwise `outputs` holds the last one only, (batch, 1, ...).
        closed_over: the tensors and variables that `step_function` uses without being given them.

    Returns:
        last output (batch, ...), outputs (batch, time, ...), last states.

    Raises:
        InvalidValue: there are no steps, or the step's states have other shapes than the initial ones.
        InvalidCall: the step assigns to a variable, which a loop cannot do.
    """
    walk = _Walk(step_function, list(initial_states), list(constants or ()), zero_output_for_mask)
    xs = jax.tree.map(lambda x: jnp.swapaxes(jnp.asarray(x), 0, 1), inputs)
    length = jax.tree.leaves(xs)[0].shape[0]
    if length == 0:
        raise invalid("rnn", "inputs", "at least one step long", inputs)
    counts = None if mask is None else jnp.asarray(mask, bool).reshape(*mask.shape[:2]).T
    first = walk.begin(jax.tree.map(lambda x: x[0], xs))

    def body(carry: Any, x: Any) -> Any:
        carry, output = walk(carry, x)
        return carry, output if return_all_outputs else None

    loop = _written_out if unroll else jax.lax.scan
    carry, outputs = loop(body, first, (xs, counts), reverse=go_backwards)
    if outputs is None:
        outputs = carry.last[None]
    elif go_backwards:
        outputs = jnp.flip(outputs, 0)
    return carry.last, jnp.swapaxes(outputs, 0, 1), carry.states


def _written_out(body: Any, carry: Any, xs: Any, reverse: bool) -> tuple[Any, Any]:
    """`lax.scan` without a loop."""
    length = jax.tree.leaves(xs)[0].shape[0]
    made: list[Any] = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        carry, made[t] = body(carry, jax.tree.map(lambda x, t=t: x[t], xs))
    return carry, None if made[0] is None else jnp.stack(made)


class _Carry(NamedTuple):
    """What goes from step to step."""

    states: list[Any]
    last: Array


@dataclass
class _Walk:
    """One step of the loop, with masks; called with what it carries and (input, which samples count)."""

    step: Step
    states: list[Any]
    constants: list[Any]
    zeros: bool

    def begin(self, x: Any) -> _Carry:
        """What the first step starts from; `x` is an input like the first one."""
        self.states = jax.tree.map(jnp.asarray, self.states)
        output = jax.eval_shape(lambda *given: self._made(*given)[0], x, self.states)
        for first in (s if hasattr(s, "shape") else next(iter(s)) for s in (*self.states[:1], *self.states[-1:])):
            if first.shape == output.shape:
                return _Carry(self.states, first.astype(output.dtype))
        return _Carry(self.states, jnp.zeros(output.shape, output.dtype))

    def __call__(self, carry: _Carry, x: tuple[Any, Array | None]) -> tuple[_Carry, Array]:
        output, states = self._made(x[0], carry.states)
        counts = x[1]
        if counts is not None:
            states = jax.tree.map(lambda new, old: jnp.where(_beside(counts, new), new, old), states, carry.states)
            rest = jnp.zeros_like(output) if self.zeros else carry.last
            output = jnp.where(_beside(counts, output), output, rest)
        return _Carry(states, output), output

    def _made(self, x: Any, states: list[Any]) -> tuple[Array, list[Any]]:
        """The step's output and new states, these in the structure and dtypes of the old ones."""
        outer = running() or Run()
        # Its own evaluation: a hook would see values of the loop's inside, and the same draws belong to every step.
        with replace(outer, values=dict(outer.values), updates={}, losses=[], calls={}, hook=None) as run:
            output, found = self.step(x, [*states, *self.constants])
        if run.updates or run.losses:
            raise InvalidCall(
                "rnn: a step cannot assign to variables or add losses. Give what changes from step to step as a state."
            )
        old, tree = jax.tree.flatten(states)
        new = jax.tree.leaves(found)
        if [jnp.shape(s) for s in new] != [s.shape for s in old]:
            shapes = [jnp.shape(s) for s in new], [s.shape for s in old]
            raise InvalidValue(f"rnn: a step's states must keep their shapes. Got {shapes[0]} from {shapes[1]}.")
        return jnp.asarray(output), jax.tree.unflatten(
            tree, [jnp.asarray(s, o.dtype) for s, o in zip(new, old, strict=True)]
        )


def _beside(counts: Array, x: Array) -> Array:
    """(batch,) as (batch, 1, ...), to be broadcast over `x`."""
    return counts.reshape(-1, *(1,) * (x.ndim - 1))
