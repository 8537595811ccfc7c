"""Sums of outer products natively: against float64, in a dense layer's gradient, and where they stay portable."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_kernel_convolution import draw
from test_native import built, relative

from kerato import kernels
from kerato.kernels import native


@pytest.fixture
def here():
    """Skips where this processor has not what the products need."""
    if not native.multiplies(8, 16, "float32"):
        pytest.skip("native products need a processor with AVX-512")


@built
@pytest.mark.parametrize(
    ("rows", "a", "b"), [(1, 1, 16), (32, 784, 32), (7, 13, 48), (130, 67, 64), (512, 9, 160), (64, 1031, 128)]
)
def test_against_float64(here, rows, a, b):
    x, y = np.float32(draw(rows, a)), np.float32(draw(rows, b, seed=1))
    assert relative(jax.jit(native.outer)(x, y), np.float64(x).T @ np.float64(y)) < 1e-6


@built
def test_it_is_the_gradient_of_a_dense_layer(here):
    x, kernel, y = (jnp.float32(draw(*shape)) for shape in ((20, 30), (30, 32), (20, 32)))

    def slope(x, kernel, y):
        return jnp.sum(jax.grad(lambda kernel: jnp.vdot(jnp.tanh(kernels.dense(x, kernel)), y))(kernel) ** 2)

    lowered = jax.jit(jax.value_and_grad(slope, (0, 1, 2))).lower(x, kernel, y)
    assert native.TARGETS["outer"] in lowered.as_text()
    with jax.enable_x64(True):
        exact = jax.value_and_grad(slope, (0, 1, 2))(*(jnp.float64(v) for v in (x, kernel, y)))
    mine = lowered.compile()(x, kernel, y)
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(exact), strict=True):
        assert relative(a, b) < 1e-5


@built
def test_what_is_not_a_number_reaches_its_row_alone(here):
    x, y = np.float32(draw(8, 20)), np.float32(draw(8, 32, seed=1))
    x[3, 5] = np.nan
    none = np.isnan(np.asarray(jax.jit(native.outer)(x, y)))
    assert none[5].all() and not np.delete(none, 5, 0).any()


def test_other_products_stay_portable():
    for rows, columns, dtype in ((8, 24, "float32"), (8, 32, "bfloat16"), (0, 32, "float32"), (4096, 32, "float32")):
        assert not native.multiplies(rows, columns, dtype)
