"""Rows times a matrix against NumPy's `matmul`: values, derivatives to second order, mapped, sharded, other shapes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_kernel_convolution import draw
from test_native import relative

from kerato import kernels
from kerato.kernels import products


def everything(f):
    """Value, gradients, gradients of gradients, a tangent, and values mapped over each operand and over both."""

    def number(x, kernel):
        y = f(x, kernel)
        return jnp.sum(jnp.sin(y) * jnp.arange(1.0, y.size + 1).reshape(y.shape) / y.size)

    def slope(x, kernel):
        return sum(jnp.sum(g * g) for g in jax.grad(number, (0, 1))(x, kernel))

    def all_of_it(x, kernel):
        both = jnp.stack([x, 1 - 2 * x]), jnp.stack([kernel, kernel * kernel])
        mapped = [jax.vmap(jax.value_and_grad(number, (0, 1)), axes) for axes in ((0, None), (None, 0), (0, 0))]
        given = (both[0], kernel), (x, both[1]), both
        tangent = jax.jvp(f, (x, kernel), (2 * x + 1, kernel - 1))
        gradients = jax.grad(number, (0, 1))(x, kernel), jax.grad(slope, (0, 1))(x, kernel)
        return tangent, gradients, [one(*values) for one, values in zip(mapped, given, strict=True)]

    return jax.jit(all_of_it)


@pytest.mark.parametrize("rows", [(5,), (3, 4), (2, 3, 2)])
def test_it_is_matmul_to_second_order(rows):
    with jax.enable_x64(True):
        values = jnp.asarray(draw(*rows, 7)), jnp.asarray(draw(7, 6, seed=1))
        both = [jax.tree.leaves(everything(f)(*values)) for f in (kernels.dense, jnp.matmul)]
        for mine, theirs in zip(*both, strict=True):
            assert relative(mine, theirs) < 1e-12


@pytest.mark.parametrize(("rows", "turned"), [(64, True), (products.MANY + 1, False)])
def test_the_rows_are_turned_first_unless_they_are_many(rows, turned):
    x, y = jnp.ones((rows, 4)), jnp.ones((rows, 3))
    gradient = jax.jit(jax.grad(lambda kernel, x, y: jnp.sum(kernels.dense(x, kernel) * y)))
    lowered = gradient.trace(jnp.ones((4, 3)), x, y)
    assert ("transpose" in lowered.lower(lowering_platforms=("cpu",)).as_text()) == turned
    assert "transpose" not in lowered.lower(lowering_platforms=("cuda",)).as_text()
    np.testing.assert_array_equal(gradient(jnp.ones((4, 3)), x, y), np.full((4, 3), rows))


def test_other_shapes_and_types_are_numpys():
    for a, b in (((4,), (4, 3)), ((2, 3), (3,)), ((2, 5, 3), (2, 3, 4)), ((0, 3), (3, 2)), ((2, 0), (0, 3))):
        x, kernel = np.float32(draw(*a)), np.float32(draw(*b))
        np.testing.assert_allclose(kernels.dense(jnp.asarray(x), jnp.asarray(kernel)), x @ kernel, rtol=1e-5)
    whole = np.arange(6).reshape(2, 3)
    assert kernels.dense(jnp.asarray(whole), jnp.asarray(whole.T)).tolist() == (whole @ whole.T).tolist()


def test_split_over_a_mesh():
    mesh = jax.make_mesh((1,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec
    x, kernel = jnp.float32(draw(6, 5)), jnp.float32(draw(5, 4, seed=1))
    slope = jax.grad(lambda x, kernel: jnp.sum(kernels.dense(x, kernel) ** 2), (0, 1))
    split = jax.shard_map(slope, mesh=mesh, in_specs=(spec("d"), spec()), out_specs=(spec("d"), spec()))
    for mine, theirs in zip(jax.jit(split)(x, kernel), slope(x, kernel), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
