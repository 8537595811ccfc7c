"""A convolution's bias and relu as one primitive, and sums over all but the channels, against formulas in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from test_kernel_convolution import draw

from kerato import kernels
from kerato.kernels import channels


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """Values are under test here, not speed."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def composed(x, kernel, bias, relu):
    y = kernels.convolution(x, kernel, padding="same") + bias
    return jnp.where(y > 0, y, 0) if relu else y


def fused(x, kernel, bias, relu):
    return kernels.convolution(x, kernel, padding="same", bias=bias, relu=relu)


def everything(f, relu):
    """Value, gradients, gradients of gradients, and of every operand alone its tangent and mapped values."""

    def number(*values):
        y = f(*values, relu)
        return jnp.sum(y * y * jnp.arange(1.0, y.size + 1).reshape(y.shape) / y.size)

    def slope(*values):
        return sum(jnp.sum(g * g) for g in jax.grad(number, (0, 1, 2))(*values))

    def one(i, values):
        """Of operand i alone: its tangent, and values mapped over it."""
        value, before, after = values[i], values[:i], values[i + 1 :]
        only = lambda v: f(*before, v, *after, relu)  # noqa: E731
        return jax.jvp(only, (value,), (value,))[1], jax.vmap(only)(jnp.stack([value, 1 - value]))

    def all_of_it(*values):
        gradients = jax.grad(number, (0, 1, 2))(*values), jax.grad(slope, (0, 1, 2))(*values)
        return f(*values, relu), gradients, [one(i, values) for i in range(3)]

    return jax.jit(all_of_it)


@pytest.mark.parametrize("relu", [False, True])
def test_bias_and_relu_in_one_are_those_apart(relu):
    with jax.enable_x64(True):
        values = [jnp.asarray(draw(*shape, seed=i)) for i, shape in enumerate([(2, 5, 4, 3), (3, 3, 3, 2), (2,)])]
        both = [jax.tree.leaves(everything(f, relu)(*values)) for f in (fused, composed)]
        for mine, theirs in zip(*both, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


def test_at_zero_the_relu_is_flat_and_what_is_no_number_stays_none():
    x, kernel = jnp.asarray([[[0.0], [1.0], [jnp.nan]]]), jnp.ones((1, 1, 1))
    value, pull = jax.vjp(lambda x, b: kernels.convolution(x, kernel, bias=b, relu=True), x, jnp.zeros(1))
    assert str(value.ravel()) == "[ 0.  1. nan]"
    assert [g.ravel().tolist() for g in pull(jnp.ones_like(value))] == [[0, 1, 0], [1]]


@pytest.mark.parametrize("shape", [(7,), (5, 1), (3, 9, 4), (40, 33, 29, 17)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int32"])
def test_totals_of_channels(shape, dtype):
    with jax.enable_x64(True):
        x = jnp.asarray(10 * draw(*shape)).astype(dtype)
        total = jax.jit(channels.total)(x)
        assert total.dtype == dtype and total.shape == shape[-1:]
        exact = np.asarray(x, np.float64).reshape(-1, shape[-1]).sum(0)
        size = np.abs(np.asarray(x, np.float64)).sum() / shape[-1]
        limit = {"float32": 1e-6 * size, "bfloat16": 0.01 * np.abs(exact).max()}.get(dtype, 1e-9)
        np.testing.assert_allclose(np.asarray(total, np.float64), exact, rtol=0, atol=limit)


def test_totals_and_added_biases_are_each_others_derivatives():
    with jax.enable_x64(True):
        x, bias = jnp.asarray(draw(3, 4, 5)), jnp.asarray(draw(5, seed=1))
        check_grads(lambda x: jnp.sin(channels.total(x)), (x,), 2)
        check_grads(lambda x, b: jnp.sin(channels.add_bias(x, b)), (x, bias), 2)
        mapped = jax.vmap(channels.total, 1)(jnp.stack([x, 2 * x], 1))
        np.testing.assert_allclose(mapped, [x.sum((0, 1)), 2 * x.sum((0, 1))])
        both = jax.vmap(channels.add_bias, (None, 1))(x, jnp.stack([bias, -bias], 1))
        np.testing.assert_allclose(both, [x + bias, x - bias])
