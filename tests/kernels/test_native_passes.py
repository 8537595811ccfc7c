"""Native pooling, sums and biases against loops in float64 and the portable forms: derivatives, loops, devices."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import kernel_reference as reference
import numpy as np
import pytest
from test_kernel_bias import everything, fused
from test_kernel_convolution import draw
from test_native import built, relative

from kerato import config, kernels
from kerato.kernels import channels, largest, native
from kerato.kernels.windows import windows

pytestmark = [built, pytest.mark.usefixtures("quick_compilation")]

# x shape, window, strides, padding
POOLS = {
    "tiles": ((5, 6, 4, 16), 2, 2, "valid"),
    "tiles with a rest": ((5, 7, 9, 20), 3, 3, "valid"),
    "overlap": ((3, 9, 8, 64), 3, 2, "same"),
    "stride 1": ((4, 6, 5, 70), 3, 1, "same"),
    "gaps": ((2, 9, 8, 17), 2, 3, "same"),
    "1-D": ((6, 31, 33), 3, 2, "same"),
    "3-D": ((2, 5, 6, 7, 16), 2, 2, "same"),
    "many": ((40, 24, 24, 64), 2, 2, "valid"),
}
UNUSUAL = np.float32([0, -0.0, np.nan, np.inf, -np.inf, 1, 1, -3])


def compiled(f, *values, call):
    """`f(*values)`, where that makes one native call of this name."""
    lowered = jax.jit(lambda *values: f(*values)).lower(*values)
    assert lowered.as_text().count(f"@{native.TARGETS[call]}(") == 1
    return lowered.compile()(*values)


def pooled(x, g):
    """The largest cells and their numbers, natively and as XLA finds them."""
    portable = partial(largest._portable, None, geometry=g, numbered=True)
    return zip(jax.jit(partial(native.max_pool, geometry=g))(x), jax.jit(portable)(x), strict=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", POOLS)
def test_the_largest_cells_and_the_first_of_a_tie(name, dtype):
    shape, window, strides, padding = POOLS[name]
    g = windows("test", shape[1:-1], window, strides, padding)
    x = jnp.asarray(np.random.default_rng(0).integers(-3, 3, shape), dtype)
    assert native.pools(shape, g)
    for mine, theirs in pooled(x, g):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    if x.size < 20000:
        loops = reference.pool(np.float32(x), g.window, g.strides, g.padding, lambda cells: cells.max(0))
        np.testing.assert_array_equal(np.float32(jax.jit(partial(native.max_pool, geometry=g))(x)[0]), loops)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_unusual_numbers_are_pooled_as_xla_does(dtype):
    x = jnp.asarray(np.random.default_rng(0).choice(UNUSUAL, (4, 9, 9, 16)), dtype)
    g = windows("test", (9, 9), 3, 2, "same")
    for mine, theirs in pooled(x, g):
        np.testing.assert_array_equal(np.float32(mine), np.float32(theirs))


@pytest.mark.parametrize("name", ["tiles", "overlap"])
def test_pooling_to_second_order_in_loops_and_mapped(name):
    shape, window, strides, padding = POOLS[name]
    x = jnp.asarray(np.random.default_rng(0).integers(-3, 3, shape), jnp.float32)
    pool = partial(kernels.max_pool, window=window, strides=strides, padding=padding)

    def number(x):
        y = pool(x)
        return jnp.sum(y * y * jnp.arange(1.0, y.size + 1).reshape(y.shape) / y.size)

    def all_of_it(x):
        curve = jax.grad(lambda x: jnp.sum(jnp.sin(jax.grad(number)(x))))(x)
        mapped = jax.vmap(jax.grad(number), 1, 1)(jnp.stack([x, 1 - x], 1))
        looped = jax.lax.fori_loop(0, 3, lambda _, x: x - jax.grad(number)(x), x)
        return pool(x), jax.grad(number)(x), curve, mapped, looped

    mine = jax.jit(lambda x: all_of_it(x)).lower(x)
    assert native.TARGETS["max_pool"] in mine.as_text()
    config.set_native_kernels(False)
    theirs = jax.jit(lambda x: all_of_it(x)).lower(x)
    assert native.TARGETS["max_pool"] not in theirs.as_text()
    for a, b in zip(mine.compile()(x), theirs.compile()(x), strict=True):
        assert relative(a, b) < 1e-5


@pytest.mark.parametrize("shape", [(1500, 1), (30, 50, 3), (40, 33, 29, 17), (2000, 1030)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_totals(shape, dtype):
    x = jnp.asarray(draw(*shape) + 3, dtype)
    exact = np.float64(np.asarray(x, np.float32)).reshape(-1, shape[-1]).sum(0)
    total = compiled(channels.total, x, call="channel_totals")
    assert total.dtype == dtype and relative(np.float32(total), exact) < (2e-7 if dtype == "float32" else 4e-3)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", [(13, 18, 17, 16), (2, 5, 4, 3)])
def test_bias_and_relu_within_the_convolution(shape, relu):
    values = draw(*shape), draw(3, 3, shape[-1], 24, seed=1) / 10, draw(24, seed=2)
    values = [jnp.float32(value) for value in values]
    lowered = everything(fused, relu).lower(*values)
    assert native.TARGETS["convolution_with_bias"] in lowered.as_text()
    mine = lowered.compile()(*values)
    config.set_native_kernels(False)
    lowered = everything(fused, relu).lower(*values)
    assert native.TARGETS["convolution_with_bias"] not in lowered.as_text()
    for a, b in zip(*map(jax.tree.leaves, (mine, lowered.compile()(*values))), strict=True):
        assert relative(a, b) < 1e-4
    loops = reference.convolution(*map(np.float64, values[:2]), (1, 1), ((1, 1), (1, 1)), (1, 1), 1) + np.float64(
        values[2]
    )
    assert relative(mine[0], np.maximum(loops, 0) if relu else loops) < 1e-5


def test_bias_and_relu_round_as_they_do_apart_and_keep_what_is_no_number():
    values = [jnp.asarray(v, jnp.bfloat16) for v in (draw(9, 8, 8, 16), draw(3, 3, 16, 16, seed=1), draw(16, seed=2))]
    together = compiled(partial(fused, relu=True), *values, call="convolution_with_bias")
    apart = jax.jit(lambda x, k, b: jax.nn.relu(kernels.convolution(x, k, padding="same") + b))(*values)
    np.testing.assert_array_equal(np.float32(together), np.float32(apart))
    x = jnp.float32(values[0]).at[0, 0, 0, 0].set(jnp.nan)
    y = jax.jit(partial(fused, relu=True))(x, *map(jnp.float32, values[1:]))
    assert jnp.isnan(y[0, :2, :2]).all() and not jnp.isnan(y[1:]).any()


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 2)
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from kerato import kernels
from kerato.kernels import native
mesh = jax.make_mesh((2,), ("d",), axis_types=(AxisType.Auto,))
draw = np.random.default_rng(0).normal
values = [np.float32(draw(size=size)) for size in ((6, 16, 16, 16), (3, 3, 16, 16), (16,))]
def number(x, k, b):
    return jnp.sum(kernels.max_pool(kernels.convolution(x, k, bias=b, relu=True), 2) ** 2)
slope = lambda *values: jax.grad(number, (0, 1, 2))(*values)
exact = jax.jit(slope)(*values)
specs = P("d"), P(), P()
places = tuple(NamedSharding(mesh, spec) for spec in specs)
lowered = jax.jit(lambda *v: slope(*v), in_shardings=places, out_shardings=places).lower(*values)
assert "kerato_" not in lowered.as_text()
results = [lowered.compile()(*map(jax.device_put, values, places))]
mapped = jax.jit(jax.shard_map(slope, mesh=mesh, in_specs=specs, out_specs=specs))
text = mapped.lower(*values).as_text()
assert all(native.TARGETS[name] in text for name in ("convolution_with_bias", "max_pool"))
results.append(mapped(*values))
for result in results:
    for mine, theirs in zip(result, exact):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=2e-3)
print("right")
"""


def test_batch_split_over_two_devices():
    done = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, check=False)
    assert done.stdout == "right\n", done.stderr
