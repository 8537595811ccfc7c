"""Mean, variance and scaling per channel against formulas in float64: values, derivatives, mapped; native, portable."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_kernel_convolution import draw
from test_native import built, relative

from kerato import config, kernels
from kerato.kernels import moments, native

SHAPES = [(1500, 1), (30, 50, 3), (40, 33, 29, 17), (2000, 1030)]


pytestmark = pytest.mark.usefixtures("quick_compilation")


def normalised(x, gamma, beta):
    """Batch normalisation by the kernels."""
    mean, variance = kernels.channel_moments(x)
    scale = jax.lax.rsqrt(variance + 1e-3) * gamma
    return kernels.channel_affine(x, scale, beta - mean * scale)


def composed(x, gamma, beta):
    """The same by JAX's own means."""
    over = tuple(range(x.ndim - 1))
    mean, variance = jnp.mean(x, over), jnp.var(x, over)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-3) * gamma + beta


def everything(f):
    """Value, gradients, gradients of gradients, a tangent, and values mapped over each operand."""

    def number(*values):
        y = f(*values)
        return jnp.sum(y * y * jnp.arange(1.0, y.size + 1).reshape(y.shape) / y.size)

    def slope(*values):
        return sum(jnp.sum(jnp.sin(g)) for g in jax.grad(number, (0, 1, 2))(*values))

    def mapped(i, values):
        axes = [0 if k == i else None for k in range(3)]
        both = [jnp.stack([v, 1 - 2 * v]) if k == i else v for k, v in enumerate(values)]
        return jax.vmap(jax.value_and_grad(number, (0, 1, 2)), axes)(*both)

    def all_of_it(*values):
        tangent = jax.jvp(f, values, tuple(2 * v + 1 for v in values))
        return (
            tangent,
            jax.grad(number, (0, 1, 2))(*values),
            jax.grad(slope, (0, 1, 2))(*values),
            [mapped(i, values) for i in range(3)],
        )

    return jax.jit(all_of_it)


def operands(*shape):
    return draw(*shape) * 2 + 3, draw(shape[-1], seed=1), draw(shape[-1], seed=2)


@pytest.mark.parametrize("rows", [(5, 4, 3), (40, 9, 5)])
def test_a_normalised_batch_to_second_order(rows):
    with jax.enable_x64(True):
        values = [jnp.asarray(v, jnp.float64) for v in operands(*rows, 3)]
        both = [jax.tree.leaves(everything(f)(*values)) for f in (normalised, composed)]
        for mine, theirs in zip(*both, strict=True):
            assert relative(mine, theirs) < 1e-9


@pytest.mark.parametrize("kind", ["native", "portable"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_moments_and_products(kind, shape, dtype):
    if kind == "native" and native.find().library is None:
        pytest.skip(f"native kernels: {native.find().words}")
    config.set_native_kernels(kind == "native")
    a, b = jnp.asarray(draw(*shape) + 3, dtype), jnp.asarray(draw(*shape, seed=1) + 1, jnp.float32)
    exact = np.float64(np.asarray(a, np.float32)).reshape(-1, shape[-1])
    lowered = jax.jit(lambda a, b: (*kernels.channel_moments(a), moments.PRODUCT.bind(a, b))).lower(a, b)
    assert (native.TARGETS["channel_moments"] in lowered.as_text()) == (kind == "native")
    assert (native.TARGETS["channel_products"] in lowered.as_text()) == (kind == "native")
    mean, variance, product = lowered.compile()(a, b)
    assert mean.dtype == variance.dtype == product.dtype == jnp.float32
    assert relative(mean, exact.mean(0)) < 1e-6
    assert relative(variance, exact.var(0)) < 1e-5
    assert relative(product, (exact * np.float64(b).reshape(exact.shape)).sum(0)) < 1e-5


@built
def test_a_mean_far_from_zero_costs_the_variance_no_digits():
    x = jnp.float32(draw(3000, 20) + 1e4)
    mean, variance = jax.jit(lambda x: kernels.channel_moments(x))(x)
    assert relative(mean, np.float64(x).mean(0)) < 3e-7 and relative(variance, np.float64(x).var(0)) < 1e-5
    flat = jax.jit(lambda x: kernels.channel_moments(x))(jnp.full((3000, 20), 0.1))
    np.testing.assert_array_equal(flat[1], 0)
    x = x.at[1, 0].set(jnp.nan)
    found = jax.jit(lambda x: kernels.channel_moments(x))(x)
    assert all(jnp.isnan(one[0]) and jnp.isfinite(one[1:]).all() for one in found)


@built
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_natively_to_second_order(dtype):
    values = [jnp.float32(v) for v in operands(40, 9, 5, 16)]
    values[0] = values[0].astype(dtype)
    f = lambda x, gamma, beta: normalised(x, gamma, beta).astype(dtype)  # noqa: E731
    lowered = everything(f).lower(*values)
    assert all(native.TARGETS[name] in lowered.as_text() for name in ("channel_moments", "channel_products"))
    mine = lowered.compile()(*values)
    config.set_native_kernels(False)
    if dtype == "bfloat16":
        theirs = everything(f)(*values)
    else:
        with jax.enable_x64(True):
            theirs = everything(composed)(*(jnp.float64(v) for v in values))
    for a, b in zip(*map(jax.tree.leaves, (mine, theirs)), strict=True):
        assert relative(np.float32(a), np.float32(b)) < (1e-3 if dtype == "float32" else 3e-2)


def test_in_a_loop_and_split_over_a_mesh():
    values = [jnp.float32(v) for v in operands(32, 9, 5, 16)]
    step = lambda x: normalised(x, *values[1:])  # noqa: E731
    looped = jax.jit(lambda x, n: jax.lax.fori_loop(0, n, lambda _, x: step(x), x))(values[0], 3)
    assert relative(looped, step(step(step(values[0])))) < 1e-5
    mesh = jax.make_mesh((1,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec
    split = jax.shard_map(normalised, mesh=mesh, in_specs=(spec("d"), spec(), spec()), out_specs=spec("d"))
    assert relative(jax.jit(split)(*values), step(values[0])) < 1e-6
