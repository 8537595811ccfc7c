"""Operations: NumPy's values, on arrays, variables and symbolic tensors alike."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import arrays

from kerato import ops
from kerato.errors import InvalidValue
from kerato.graph import Tensor, evaluate
from kerato.shapes import infer_call
from kerato.variables import Variable

X = np.float32([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]])

CASES: list[tuple[str, Any, Any]] = [
    ("sum", lambda x: ops.sum(x, axis=0), X.sum(0)),
    ("sum-list", lambda x: ops.sum(x, axis=[0, 1], keepdims=True), X.sum((0, 1), keepdims=True)),
    ("mean", ops.mean, X.mean()),
    ("std", lambda x: ops.std(x, axis=1), X.std(1)),
    ("var", lambda x: ops.var(x, axis=-1), X.var(-1)),
    ("max", lambda x: ops.max(x, axis=1), X.max(1)),
    ("prod", lambda x: ops.prod(x, axis=0), X.prod(0)),
    ("argmax", lambda x: ops.argmax(x, axis=1), X.argmax(1)),
    ("argmin", lambda x: ops.argmin(x), X.argmin()),
    ("reshape", lambda x: ops.reshape(x, (3, -1)), X.reshape(3, 2)),
    ("transpose", ops.transpose, X.T),
    ("concatenate", lambda x: ops.concatenate([x, x * 2], axis=1), np.concatenate([X, X * 2], 1)),
    ("stack", lambda x: ops.stack([x, x], axis=2), np.stack([X, X], 2)),
    ("clip", lambda x: ops.clip(x, -1, 1), X.clip(-1, 1)),
    ("pad", lambda x: ops.pad(x, ((1, 0), (0, 2)), constant_values=7), np.pad(X, ((1, 0), (0, 2)), constant_values=7)),
    ("pad-reflect", lambda x: ops.pad(x, ((0, 0), (1, 1)), "reflect"), np.pad(X, ((0, 0), (1, 1)), "reflect")),
    ("flip", lambda x: ops.flip(x, 1), X[:, ::-1]),
    ("where", lambda x: ops.where(x > 0, x, 0.0), np.where(X > 0, X, 0)),
    ("cast", lambda x: ops.cast(x > 0, "int32"), (X > 0).astype("int32")),
    ("one_hot", lambda x: ops.one_hot(ops.argmax(x, axis=1), 3), np.eye(3)[X.argmax(1)]),
    ("broadcast_to", lambda x: ops.broadcast_to(x, (2, 2, 3)), np.broadcast_to(X, (2, 2, 3))),
    ("einsum", lambda x: ops.einsum("ij,kj->ik", x, x), X @ X.T),
    ("tensordot", lambda x: ops.tensordot(x, x, ([1], [1])), X @ X.T),
    ("rsqrt", lambda x: ops.rsqrt(ops.abs(x)), 1 / np.sqrt(np.abs(X))),
    ("logsumexp", lambda x: ops.logsumexp(x, axis=1), np.log(np.exp(X).sum(1))),
    ("softmax", ops.softmax, np.exp(X) / np.exp(X).sum(1, keepdims=True)),
    ("log_softmax", ops.log_softmax, X - np.log(np.exp(X).sum(1, keepdims=True))),
    ("sigmoid", ops.sigmoid, 1 / (1 + np.exp(-X))),
    ("softplus", ops.softplus, np.log1p(np.exp(X))),
    ("relu", ops.relu, np.maximum(X, 0)),
    ("relu-leaky", lambda x: ops.relu(x, negative_slope=0.1), np.where(X > 0, X, 0.1 * X)),
    ("relu-max", lambda x: ops.relu(x, max_value=1), X.clip(0, 1)),
    ("relu-threshold", lambda x: ops.relu(x, threshold=1), np.where(X > 1, X, 0)),
    ("elu", lambda x: ops.elu(x, 2.0), np.where(X > 0, X, 2 * np.expm1(X))),
    ("l2_normalize", ops.l2_normalize, X / np.linalg.norm(X, axis=1, keepdims=True)),
    ("top_k", lambda x: ops.top_k(x, 2)[1], np.argsort(-X, 1)[:, :2]),
    ("take", lambda x: ops.take(x, np.array([2, 0]), axis=1), X[:, [2, 0]]),
    ("repeat_axes", lambda x: ops.repeat_axes(x, (2, 1), (0, 1)), X.repeat(2, 0)),
    ("erf", lambda x: ops.erf(x * 0), np.zeros_like(X)),
    ("moveaxis", lambda x: ops.moveaxis(x, 0, 1), X.T),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["array", "variable", "symbolic", "traced"])
@pytest.mark.parametrize(("name", "function", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_operation_gives_numpy_s_value_on_every_kind_of_argument(
    name: str, function: Any, expected: Any, kind: str
) -> None:
    if kind == "array":
        found = function(X)
    elif kind == "variable":
        found = function(Variable(X))
    elif kind == "symbolic":
        x = Tensor(X.shape, "float32")
        y = function(x)
        assert tuple(y.shape) == np.shape(expected)
        found = evaluate([y], {x: jnp.asarray(X)}).outputs[0]
        assert y.dtype == str(found.dtype)
    else:
        traced = jax.eval_shape(function, X)
        assert traced.shape == np.shape(expected)
        return
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


def test_the_derivative_of_relu_at_zero_is_zero() -> None:
    assert jax.grad(ops.relu)(0.0) == 0


def test_gradients_stop_where_they_are_told_to() -> None:
    assert jax.grad(lambda x: ops.stop_gradient(x) * x)(3.0) == 3


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_windows_in_both_data_formats(data_format: str) -> None:
    x = np.arange(32, dtype="float32").reshape(1, 4, 4, 2)
    kernel = np.ones((2, 2, 2, 1), "float32")
    turned = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    for function, shape in (
        (lambda v: ops.conv(v, kernel, padding="same", data_format=data_format), (4, 4, 1)),
        (lambda v: ops.max_pool(v, 2, data_format=data_format), (2, 2, 2)),
        (lambda v: ops.average_pool(v, (2, 1), strides=1, data_format=data_format), (3, 4, 2)),
    ):
        found = np.asarray(function(turned))
        back = found if data_format == "channels_last" else np.moveaxis(found, 1, -1)
        assert back.shape[1:] == shape
    np.testing.assert_array_equal(ops.max_pool(x, 2)[0, :, :, 0], [[10, 14], [26, 30]])


@settings(max_examples=20, deadline=None)
@given(arrays(shape=(3, 4)))
def test_softmax_is_a_distribution_and_ignores_shifts(x: Any) -> None:
    p = np.asarray(ops.softmax(x))
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(ops.softmax(x + 100), p, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(arrays())
def test_shapes_are_inferred_without_computing(x: Any) -> None:
    tensor = Tensor((None, *x.shape[1:]), "float32")
    spec = infer_call(ops.tanh, (tensor,), {})
    assert (spec.shape, spec.dtype) == ((None, *x.shape[1:]), "float32")


def test_tree_map_keeps_structures() -> None:
    tree = {"a": [1, (2, slice(3, None, 4))]}
    assert ops.tree_map(lambda x: x, tree) == tree
    assert list(ops.leaves(tree)) == [1, 2, 3, None, 4]


def test_conversion_refuses_symbolic_tensors() -> None:
    np.testing.assert_array_equal(ops.convert_to_numpy(jnp.ones(2)), [1, 1])
    with pytest.raises(InvalidValue, match=r"convert_to_numpy: `x` must be an array\. .*K\.function"):
        ops.convert_to_numpy(Tensor((2,), "float32"))


def test_a_misspelt_operation_is_named() -> None:
    with pytest.raises(AttributeError, match=r"kerato\.ops: the operation 'sofmax' is not known.*'softmax'"):
        ops.sofmax  # noqa: B018
