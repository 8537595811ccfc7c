"""Tensors, nodes, evaluation and gradients of graphs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import arrays, graphs

from kerato import graph, layers, ops
from kerato.errors import InvalidCall, KeratoError
from kerato.graph import Tensor, evaluate
from kerato.layers import Input
from kerato.variables import Variable


def value(y: Any, feeds: dict[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(evaluate([y], feeds).outputs[0])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: 1 - x, [0, -1, -2]),
        (lambda x: 6 / x, [6, 3, 2]),
        (lambda x: 7 // x, [7, 3, 2]),
        (lambda x: 7 % x, [0, 1, 1]),
        (lambda x: 2**x, [2, 4, 8]),
        (lambda x: -x + abs(-x), [0, 0, 0]),
        (lambda x: np.float32([10, 20, 30]) * x, [10, 40, 90]),
        (lambda x: jnp.float32([10, 20, 30]) * x, [10, 40, 90]),
        (lambda x: (x > 1) & ~(x >= 3), [False, True, False]),
        (lambda x: (x < 2) | (x <= 1), [True, False, False]),
        (lambda x: x @ np.ones((3, 2), "float32"), [6, 6]),
        (lambda x: x[:, ::-1], [3, 2, 1]),
        (lambda x: x[..., None][:, 0], [1]),
        (lambda x: x[:, np.array([2, 0])], [3, 1]),
    ],
)
def test_python_operators_record_nodes(build: Any, expected: list[Any]) -> None:
    x = Input((3,))
    y = build(x)
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(value(y, {x: jnp.float32([[1, 2, 3]])})[0], expected)


@pytest.mark.parametrize("convert", [float, int, bool, np.asarray, iter, len], ids=lambda f: f.__name__)
def test_a_symbolic_tensor_holds_no_numbers_and_says_so(convert: Any) -> None:
    with pytest.raises(TypeError, match=r"is symbolic and holds no numbers yet\. Use kerato\.ops or K"):
        convert(Input((3,)))


def test_a_tensor_of_known_length_can_be_unpacked() -> None:
    first, second = Input(batch_shape=(2, 3))
    assert first.shape == second.shape == (3,)


def test_a_missing_feed_is_named() -> None:
    x, y = Input((1,), name="left"), Input((1,), name="right")
    with pytest.raises(InvalidCall, match=r"evaluate: the value of <Tensor right .*> must be given"):
        value(x + y, {x: jnp.ones((1, 1))})


def test_a_graph_is_cut_at_what_is_fed() -> None:
    x = Input((1,))
    middle = ops.sin(x)
    assert value(middle * 2, {middle: jnp.full((1, 1), 3.0)})[0, 0] == 6


def test_each_node_is_computed_once() -> None:
    calls = []

    class Counting(layers.Layer):
        def call(self, x: Any) -> Any:
            calls.append(1)
            return x

    x = Input((1,))
    y = Counting()(x)
    calls.clear()
    value(y + y * y, {x: jnp.ones((1, 1))})
    assert len(calls) == 1


def test_a_deep_chain_does_not_exhaust_the_stack() -> None:
    y = x = Tensor((1,), "float32")
    for _ in range(1500):
        y = y + 1
    assert len(graph.order([y])) == 1500
    assert graph.depends(y, {x})


def test_a_tensor_added_to_itself_again_and_again_is_one_node_each() -> None:
    y = Tensor((1,), "float32")
    for _ in range(60):
        y = y + y
    assert len(graph.order([y])) == 60


def test_evaluate_is_pure_under_jit_grad_and_vmap() -> None:
    x = Tensor((2,), "float32")
    y = ops.sum(x**2)

    def f(v: Any) -> Any:
        return evaluate([y], {x: v}).outputs[0]

    points = jnp.float32([[1, 2], [3, 4]])
    np.testing.assert_array_equal(jax.jit(jax.vmap(jax.grad(f)))(points), 2 * points)


@settings(max_examples=15, deadline=None)
@given(graphs(), arrays(shape=(2, 3)), arrays(shape=(2, 3)))
def test_gradients_of_random_graphs_are_central_differences(build: Any, a: Any, b: Any) -> None:
    with jax.enable_x64(True):
        x, y = Tensor((2, 3), "float64"), Tensor((2, 3), "float64")
        loss = ops.sum(build(x, y) * np.arange(1.0, 7).reshape(2, 3))
        by_x, by_y = graph.gradients(loss, [x, y])
        program = jax.jit(lambda p, q: evaluate([loss, by_x, by_y], {x: p, y: q}).outputs)
        _, *exact = program(a, b)
        for i, slope in enumerate(exact):
            found = np.zeros((2, 3))
            for cell in np.ndindex(2, 3):
                for steps, weight in (
                    (1, 2 / 3),
                    (-1, -2 / 3),
                    (2, -1 / 12),
                    (-2, 1 / 12),
                ):  # fourth order
                    moved = [a.copy(), b.copy()]
                    moved[i][cell] += steps * 1e-4
                    found[cell] += weight * float(program(*moved)[0]) / 1e-4
            assert np.abs(found - slope).max() <= 1e-5 * max(np.abs(found).max(), 1e-2)


def test_gradients_of_gradients_and_of_variables() -> None:
    x, w = Tensor((2,), "float32"), Variable(np.float32([2, 3]))
    loss = ops.sum(x**3 * w)
    slope = graph.gradients(loss, [x])[0]
    curve = graph.gradients(ops.sum(slope), [x, w])
    values = evaluate([slope, *curve], {x: jnp.float32([1, 2])}).outputs
    np.testing.assert_allclose(values, [[6, 36], [12, 36], [3, 12]])


def test_a_target_computed_from_another_target_keeps_its_path() -> None:
    x = Tensor((1,), "float32")
    middle = x * 3
    by_x, by_middle = graph.gradients(ops.sum(middle**2), [x, middle])
    values = evaluate([by_x, by_middle], {x: jnp.float32([2])}).outputs
    np.testing.assert_allclose(values, [[36], [12]])


def test_the_variables_behind_tensors_are_found() -> None:
    x, w = Tensor((2,), "float32"), Variable(np.float32([2, 3]))
    dense = layers.Dense(1)
    y = dense(ops.expand_dims(x * w, 0))
    assert set(graph.variables_of([y])) == {w, dense.kernel, dense.bias}


def test_errors_of_operations_name_shapes() -> None:
    with pytest.raises((KeratoError, TypeError, ValueError), match="3"):
        Input((3,)) + Input((4,))
