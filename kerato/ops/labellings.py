"""Connectionist temporal classification: labels of a sequence whose places in time are not known.

Source: Graves et al. 2006, "Connectionist temporal classification", sections 3 and 4.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kerato.errors import invalid
from kerato.ops.base import op

Array = Any

_NEVER = -1e30  # a logarithm of 0 that can be subtracted from itself


@op
def ctc_loss(target: Array, output: Array, target_length: Array, output_length: Array, mask_index: int = 0) -> Array:
    """`-log` of the probability of a labelling, summed over all ways it may lie in time: (batch,).

    Args:
        target: labels (batch, longest labelling).
        output: logits (batch, time, classes).
        target_length: labels that count, (batch,).
        output_length: steps that count, (batch,).
        mask_index: the class of the blank, which stands in no target.
    """
    target, lengths = jnp.asarray(target, jnp.int32), jnp.asarray(target_length, jnp.int32)
    logs = jax.nn.log_softmax(jnp.asarray(output))
    batch, longest = target.shape
    # blank, first label, blank, second label, ..., blank
    path = jnp.full((batch, 2 * longest + 1), mask_index, jnp.int32).at[:, 1::2].set(target)
    emitted = jnp.take_along_axis(logs, path[:, None, :], axis=2)
    skips = jnp.pad((path[:, 2:] != path[:, :-2]) & (path[:, 2:] != mask_index), ((0, 0), (2, 0)))
    places = jnp.arange(path.shape[1])
    alpha = jnp.where(places < jnp.where(lengths > 0, 2, 1)[:, None], emitted[:, 0], _NEVER)

    def step(alpha: Array, now: Any) -> tuple[Array, None]:
        time, logs = now
        one = jnp.pad(alpha, ((0, 0), (1, 0)), constant_values=_NEVER)[:, :-1]
        two = jnp.where(skips, jnp.pad(alpha, ((0, 0), (2, 0)), constant_values=_NEVER)[:, :-2], _NEVER)
        new = jax.scipy.special.logsumexp(jnp.stack([alpha, one, two]), axis=0) + logs
        return jnp.where((time < jnp.asarray(output_length))[:, None], new, alpha), None

    steps = (jnp.arange(1, logs.shape[1]), jnp.moveaxis(emitted[:, 1:], 1, 0))
    alpha, _ = jax.lax.scan(step, alpha, steps)
    ends = jnp.stack([2 * lengths, jnp.maximum(2 * lengths - 1, 0)], axis=1)
    last = jnp.take_along_axis(alpha, ends, axis=1)
    last = last.at[:, 1].set(jnp.where(lengths > 0, last[:, 1], _NEVER))
    return -jax.scipy.special.logsumexp(last, axis=1)


@op
def ctc_decode(
    inputs: Array,
    sequence_lengths: Array,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Array, Array]:
    """The labelling along the best class of each step: labels (1, batch, time), -1 after the last; scores (batch, 1).

    Args:
        inputs: logits (batch, time, classes).
        sequence_lengths: steps that count, (batch,).
        strategy: `'greedy'`.
        merge_repeated: a class in neighbouring steps is one label.
        mask_index: the class of the blank.

    Raises:
        InvalidValue: another strategy is asked for.
    """
    if strategy != "greedy":
        raise invalid("ctc_decode", "strategy", "'greedy'", strategy)
    time = jnp.arange(inputs.shape[1])[None]
    counts = time < jnp.asarray(sequence_lengths)[:, None]
    best = jnp.where(counts, jnp.argmax(inputs, axis=-1), mask_index).astype(jnp.int32)
    kept = best != mask_index
    if merge_repeated:
        kept &= jnp.pad(best[:, 1:] != best[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    order = jnp.argsort(jnp.where(kept, time, inputs.shape[1]), axis=-1)
    labels = jnp.take_along_axis(jnp.where(kept, best, -1), order, axis=-1)
    return labels[None], -jnp.sum(jnp.where(counts, jnp.max(inputs, axis=-1), 0), axis=1)[:, None]
