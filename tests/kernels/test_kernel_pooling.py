"""Pooling against loops in float64 and against XLA's own reduce_window and select-and-scatter, ties included."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import kernel_reference as reference
import numpy as np
import pytest
from jax import lax

from kerato import kernels
from kerato.errors import InvalidValue

# x shape, window, strides, padding
CASES = {
    "tiles": ((2, 6, 4, 3), (2, 2), (2, 2), "valid"),
    "tiles with a rest": ((2, 5, 7, 2), (2, 3), (2, 3), "valid"),
    "tiles, same": ((2, 7, 5, 2), (2, 2), (2, 2), "same"),
    "overlap": ((2, 7, 6, 3), (3, 3), (2, 2), "same"),
    "stride 1": ((2, 5, 4, 2), (3, 2), (1, 1), "same"),
    "gaps": ((2, 9, 8, 2), (2, 2), (3, 3), "same"),
    "1-D": ((2, 9, 3), (3,), (2,), "valid"),
    "3-D": ((1, 4, 5, 3, 2), (2, 3, 2), (2, 2, 1), "same"),
}


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """Values are under test here, not speed."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def ties(*shape):
    """Few distinct numbers, so that most windows have several largest cells."""
    return np.random.default_rng(0).integers(0, 3, shape).astype(np.float32)


def stock_pool(x, case, operation, start):
    _, window, strides, padding = case
    return lax.reduce_window(x, start, operation, (1, *window, 1), (1, *strides, 1), padding.upper())


def weighted(f, x):
    """sum of f(x) squared times fixed weights: a gradient that differs in every cell."""
    y = f(x)
    return jnp.sum(y * y * jnp.arange(1.0, y.size + 1).reshape(y.shape))


def derivatives(f):
    """Value, gradient, and the gradient of a function of the gradient, in one program."""
    gradient = jax.grad(lambda x: weighted(f, x))
    return jax.jit(lambda x: (f(x), gradient(x), jax.grad(lambda x: jnp.sum(jnp.sin(gradient(x))))(x)))


@pytest.mark.parametrize("name", CASES)
def test_max_pool_and_its_one_cell_of_a_tie(name):
    case = shape, window, strides, padding = CASES[name]
    x = ties(*shape)
    value, gradient = jax.jit(
        lambda x: (
            kernels.max_pool(x, window, strides, padding),
            jax.grad(lambda x: weighted(lambda x: kernels.max_pool(x, window, strides, padding), x))(x),
        )
    )(x)
    pairs = reference.amounts(shape[1:-1], window, strides, padding)
    np.testing.assert_array_equal(value, reference.pool(x, window, strides, pairs, lambda cells: cells.max(0)))
    np.testing.assert_array_equal(
        gradient, jax.grad(lambda x: weighted(lambda x: stock_pool(x, case, lax.max, -jnp.inf), x))(x)
    )
    weights = np.arange(1.0, value.size + 1).reshape(value.shape)
    back = reference.max_pool_gradient(x, 2 * np.asarray(value) * weights, window, strides, pairs)
    np.testing.assert_allclose(gradient, back, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_average_pool_counts_real_cells(name):
    case = shape, window, strides, padding = CASES[name]

    def stock(x):
        cells = stock_pool(jnp.ones_like(x), case, lax.add, 0.0)
        return stock_pool(x, case, lax.add, 0.0) / cells

    with jax.enable_x64(True):
        x = np.random.default_rng(0).normal(size=shape)
        ours = derivatives(lambda x: kernels.average_pool(x, window, strides, padding))(x)
        for a, b in zip(ours, derivatives(stock)(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    pairs = reference.amounts(shape[1:-1], window, strides, padding)
    by_loops = reference.pool(x, window, strides, pairs, lambda cells: cells.mean(0))
    np.testing.assert_allclose(ours[0], by_loops, rtol=1e-12)


@pytest.mark.parametrize("name", ["tiles", "overlap"])
@pytest.mark.parametrize("pool", [kernels.max_pool, kernels.average_pool])
@pytest.mark.slow
def test_forward_mode_second_order_and_vmap_agree_with_reverse_mode(pool, name):
    shape, window, strides, padding = CASES[name]
    x, direction = ties(*shape), np.random.default_rng(1).normal(size=shape).astype(np.float32)

    def f(x):
        return weighted(lambda x: pool(x, window, strides, padding), x)

    def laws(x, direction):
        rate = jax.jvp(f, (x,), (direction,))[1], jnp.vdot(jax.grad(f)(x), direction)
        curve = jax.jvp(jax.grad(f), (x,), (direction,))[1], jax.grad(lambda x: jnp.vdot(jax.grad(f)(x), direction))(x)
        many = jax.vmap(jax.grad(f), 1, 1)(jnp.stack([x, 2 - x], 1))
        return rate, curve, (many, jnp.stack([jax.grad(f)(x), jax.grad(f)(2 - x)], 1))

    for left, right in jax.jit(laws)(x, direction):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-3)


def test_strides_default_to_the_window_and_dtypes_stay():
    x = jnp.arange(16, dtype=jnp.bfloat16).reshape(1, 4, 4, 1)
    assert kernels.max_pool(x, 2).tolist() == [[[[5.0], [7.0]], [[13.0], [15.0]]]]
    assert kernels.average_pool(x, 2).tolist() == [[[[2.5], [4.5]], [[10.5], [12.5]]]]
    assert kernels.average_pool(x, 2).dtype == jnp.bfloat16
    assert kernels.max_pool(x.astype(jnp.uint8), 3, 1, "same").dtype == jnp.uint8


def test_nan_wins_as_in_xla():
    x = jnp.array([[[1.0], [jnp.nan], [2.0], [3.0]]])
    np.testing.assert_array_equal(kernels.max_pool(x, 2), [[[np.nan], [3.0]]])


def test_a_window_of_padding_alone_averages_to_zero():
    assert kernels.average_pool(jnp.ones((1, 2, 1)), 2, 2, [(0, 2)]).tolist() == [[[1.0], [0.0]]]


def test_no_select_and_scatter_reaches_a_loop():
    x = np.ones((1, 6, 6, 2), np.float32)

    def step(i, x):
        return x - jax.grad(lambda x: jnp.sum(kernels.max_pool(x, 3, 2) ** 2) + jnp.sum(kernels.average_pool(x, 2)))(x)

    text = jax.jit(lambda n, x: lax.fori_loop(0, n, step, x)).lower(2, x).as_text()
    assert "select_and_scatter" not in text and "reduce_window" not in text


def test_wrong_ranks_are_named():
    with pytest.raises(InvalidValue, match=r"max_pool: `x` must be \(batch, \*spatial, channels\) with 1 to 3 spatial"):
        kernels.max_pool(np.zeros((3, 4)), 2)
    with pytest.raises(InvalidValue, match=r"average_pool: `window` must be no longer than the padded input \(4,\)"):
        kernels.average_pool(np.zeros((3, 4, 1)), 5)
