"""The loop over time, and `K.rnn` of Keras 2 over it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kerato import backend as K
from kerato.errors import InvalidCall, InvalidValue
from kerato.recurrence import rnn
from kerato.variables import Run

X = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 1, 0, 0], [1, 0, 1, 1, 0]], bool)
START = np.full((3, 2), 0.5, "float32")


def step(x: Any, states: list[Any]) -> Any:
    h = 0.5 * states[0] + x * states[1]
    return h, [h, states[1] + 1]


def by_hand(mask: Any = None, backwards: bool = False, zeros: bool = False) -> Any:
    order = range(5)[::-1] if backwards else range(5)
    last, made = np.empty((3, 2)), np.empty((3, 5, 2))
    states = np.empty((3, 2)), np.empty((3, 2))
    for b in range(3):
        h = previous = START[b].astype("float64")
        n = np.ones(2)
        for place, t in enumerate(order):
            if mask is None or mask[b, t]:
                h = previous = 0.5 * h + X[b, t] * n
                n = n + 1
            elif zeros:
                previous = np.zeros(2)
            made[b, place] = previous
        last[b], states[0][b], states[1][b] = previous, h, n
    return last, made, list(states)


WAYS = [{}, {"go_backwards": True}, {"mask": MASK}, {"mask": MASK[..., None], "go_backwards": True}]


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way) or "plain")
def test_the_loop_is_the_steps_one_after_the_other(way: dict[str, Any], unroll: bool, zeros: bool) -> None:
    mask = way.get("mask")
    expected = by_hand(None if mask is None else mask.reshape(3, 5), way.get("go_backwards", False), zeros)
    found = rnn(step, X, [START, np.ones((3, 2), "f")], unroll=unroll, zero_output_for_mask=zeros, **way)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_last_output_alone_is_the_last_of_all() -> None:
    last, outputs, _ = rnn(step, X, [START, np.ones((3, 2), "f")], mask=MASK, return_all_outputs=False)
    assert outputs.shape == (3, 1, 2)
    np.testing.assert_allclose(last, by_hand(MASK)[0], rtol=1e-5)


def test_k_rnn_is_a_graph_with_gradients_of_gradients() -> None:
    x, w = K.placeholder((3, 5, 2)), K.variable(np.full(2, 0.5))

    def decay(x: Any, states: Any) -> Any:
        h = w * states[0] + x * states[1]
        return h, [h]

    last, outputs, states = K.rnn(decay, x, [K.constant(START)], constants=[K.constant(2.0)], mask=K.constant(MASK))
    assert (tuple(last.shape), tuple(outputs.shape), len(states)) == ((3, 2), (3, 5, 2), 1)
    slope = K.gradients(K.sum(last), [w])[0]
    bend = K.gradients(K.sum(slope), [w])[0]
    compute = K.function([x], [last, slope, bend])

    def number(value: Any) -> Any:
        total = 0.0
        for b in range(3):
            h = START[b]
            for t in range(5):
                h = value * h + X[b, t] * 2 if MASK[b, t] else h
            total = total + jnp.sum(h)
        return total

    np.testing.assert_allclose(compute([X])[0].sum(), number(np.full(2, 0.5)), rtol=1e-5)
    np.testing.assert_allclose(compute([X])[1], jax.grad(number)(jnp.full(2, 0.5)), rtol=1e-5)
    twice = jax.grad(lambda v: jnp.sum(jax.grad(number)(v)))(jnp.full(2, 0.5))
    np.testing.assert_allclose(compute([X])[2], twice, rtol=1e-5)
    K.set_value(w, np.zeros(2))
    np.testing.assert_allclose(compute([X])[0][0], 2 * X[0, -1], rtol=1e-6)


def test_what_a_loop_cannot_do_is_said_in_one_sentence() -> None:
    counter = K.variable(0.0)

    def counting(x: Any, states: Any) -> Any:
        counter.assign(counter.value + 1.0)
        return x, states

    with Run(), pytest.raises(InvalidCall, match=r"^rnn: a step cannot assign to variables"):
        rnn(counting, X, [START])
    with pytest.raises(InvalidValue, match=r"^rnn: a step's states must keep their shapes. Got \[\(3, 1\)\]"):
        rnn(lambda x, s: (x, [s[0][:, :1]]), X, [START])
    with pytest.raises(InvalidValue, match=r"^rnn: `inputs` must be at least one step long. Got"):
        rnn(step, X[:, :0], [START, START])
