"""Convolutions against loops in float64 and against jax.lax, their derivatives to second order, vmap, and loops."""

from __future__ import annotations

import re
from functools import partial

import jax
import jax.numpy as jnp
import kernel_reference as reference
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from kerato import kernels
from kerato.errors import InvalidValue
from kerato.kernels import bilinear, stock
from kerato.kernels.windows import windows

# x shape, window, filters, strides, padding, dilation, groups
CASES = {
    "3x3": ((3, 6, 5, 4), (3, 3), 5, (1, 1), "valid", (1, 1), 1),
    "same": ((2, 5, 6, 3), (3, 2), 4, (1, 1), "same", (1, 1), 1),
    "strides": ((2, 7, 8, 8), (3, 3), 3, (2, 3), "same", (1, 1), 1),
    "strides, few channels": ((2, 7, 8, 3), (3, 3), 3, (2, 2), "same", (1, 1), 1),
    "strides beyond the window": ((2, 8, 9, 8), (2, 1), 3, (3, 2), "valid", (1, 1), 1),
    "dilation": ((2, 8, 7, 2), (3, 2), 3, (1, 1), "same", (2, 3), 1),
    "strides and dilation": ((2, 9, 8, 8), (3, 2), 3, (2, 3), "same", (3, 2), 1),
    "negative padding": ((2, 8, 7, 3), (3, 3), 2, (1, 2), ((3, -1), (-2, 4)), (1, 1), 1),
    "one channel": ((2, 6, 6, 1), (3, 3), 4, (1, 1), "valid", (1, 1), 1),
    "1x1": ((2, 4, 5, 3), (1, 1), 4, (1, 1), "valid", (1, 1), 1),
    "1x1 strides": ((2, 5, 6, 3), (1, 1), 4, (2, 2), "same", (1, 1), 1),
    "a kernel larger than the pictures": ((1, 5, 4, 8), (3, 2), 40, (1, 1), "same", (1, 2), 1),
    "such a kernel, 1-D, negative padding": ((2, 6, 8), (5,), 60, (1,), ((4, -1),), (1,), 1),
    "groups": ((2, 5, 4, 6), (3, 2), 9, (2, 1), "same", (1, 1), 3),
    "many groups": ((2, 4, 4, 40), (2, 2), 20, (1, 1), "same", (1, 1), 20),
    "depthwise": ((2, 6, 5, 3), (3, 3), 6, (2, 2), "same", (1, 1), 3),
    "1-D": ((3, 9, 4), (3,), 5, (2,), "same", (1,), 1),
    "causal": ((2, 9, 4), (3,), 5, (1,), "causal", (2,), 1),
    "3-D": ((2, 4, 5, 3, 2), (2, 3, 2), 3, (1, 2, 1), "same", (1, 1, 1), 1),
}
GROUPED = ("groups", "depthwise")
TWICE = ("same", "a kernel larger than the pictures", "strides", "groups", "depthwise", "1x1 strides")


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """Values are under test here, not speed."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def spelled(case):
    """The case with its padding as pairs, by the reference's own counting."""
    shape, window, _, strides, padding, dilation, _ = case
    if padding == "causal":
        return [((window[0] - 1) * dilation[0], 0)]
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    return reference.amounts(shape[1:-1], reach, strides, padding) if isinstance(padding, str) else padding


def pair_of(case):
    """(ours, lax's own, x, kernel)."""
    shape, window, filters, strides, padding, dilation, groups = case
    x, kernel = draw(*shape), draw(*window, shape[-1] // groups, filters, seed=1)
    ours = partial(kernels.convolution, strides=strides, padding=padding, dilation=dilation, groups=groups)
    geometry = windows("test", shape[1:-1], window, strides, spelled(case), dilation, groups)
    return ours, lambda x, kernel: stock.output(x, kernel, geometry), x, kernel


def bundle(f, twice):
    """Value and both gradients, and if `twice` a directional derivative and the gradients of the gradients."""

    def wave(x, kernel):
        return jnp.sum(jnp.sin(f(x, kernel)))

    def slope(x, kernel):
        return sum(jnp.sum(jnp.cos(g)) for g in jax.grad(wave, (0, 1))(x, kernel))

    def everything(x, kernel):
        once = f(x, kernel), jax.grad(wave, (0, 1))(x, kernel)
        if not twice:
            return once
        tangent = jax.jvp(f, (x, kernel), (jnp.cos(x), jnp.sin(kernel)))[1]
        return once, tangent, jax.grad(slope, (0, 1))(x, kernel)

    return jax.jit(everything)


def kernel_slope(f):
    """(x, kernel) -> the gradient of a sum of squares by the kernel."""
    return jax.jit(jax.grad(lambda x, kernel: jnp.sum(f(x, kernel) ** 2), 1))


def assert_close(ours, theirs, tolerance):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(b).max())))


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_to_second_order(name):
    case = CASES[name]
    with jax.enable_x64(True):
        ours, theirs, x, kernel = pair_of(case)
        results = bundle(ours, name in TWICE)(x, kernel)
        assert_close(results, bundle(theirs, name in TWICE)(x, kernel), 1e-10)
    by_loops = reference.convolution(x, kernel, case[3], spelled(case), case[5], case[6])
    np.testing.assert_allclose(jax.tree.leaves(results)[0], by_loops, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("mapped", [(0, None), (None, 0), (1, -1)], ids=str)
@pytest.mark.slow
def test_vmap_over_either_or_both(name, mapped):
    with jax.enable_x64(True):
        ours, theirs, x, kernel = pair_of(CASES[name])
        many = [
            v if axis is None else np.stack([v, v + 1, -v], axis) for v, axis in zip((x, kernel), mapped, strict=True)
        ]

        def mapped_gradients(f):
            both = jax.grad(lambda x, kernel: jnp.sum(jnp.sin(f(x, kernel))), (0, 1))
            return jax.jit(jax.vmap(lambda x, kernel: (f(x, kernel), both(x, kernel)), mapped))(*many)

        assert_close(mapped_gradients(ours), mapped_gradients(theirs), 1e-10)


def test_float32_to_rounding_and_a_ragged_rest_of_pictures(monkeypatch):
    monkeypatch.setattr("kerato.kernels.cpu.PATCH_BYTES", 1000)
    for name in ("strides", "strides, few channels"):
        ours, theirs, x, kernel = pair_of(CASES[name])
        x = np.concatenate([x, x + 1, -x, x[:1]]).astype(np.float32)
        assert_close(kernel_slope(ours)(x, np.float32(kernel)), kernel_slope(theirs)(x, np.float32(kernel)), 1e-5)


def test_bfloat16_sums_in_float32():
    ours, _, x, kernel = pair_of(CASES["depthwise"])
    low = [jnp.asarray(v, jnp.bfloat16) for v in (x, kernel)]
    f = jax.jit(jax.value_and_grad(lambda x, kernel: jnp.sum(ours(x, kernel) ** 2), (0, 1)))
    (value, gradients), exact = f(*low), f(*(v.astype(jnp.float32) for v in low))
    assert all(g.dtype == jnp.bfloat16 for g in gradients)
    assert float(value) == pytest.approx(float(exact[0]), rel=0.02)


def test_forward_mode_linearize_and_shapes():
    ours, theirs, x, kernel = pair_of(CASES["1-D"])
    columns = jax.jit(jax.jacfwd(ours, 1))(x, kernel)
    assert_close(jnp.tensordot(columns, jnp.float32(kernel), 3), theirs(np.float32(x), np.float32(kernel)), 1e-5)
    value, line = jax.linearize(jax.jit(ours), x, kernel)
    assert_close(line(x, kernel), 2 * value, 1e-5)
    assert jax.eval_shape(ours, x, kernel).shape == value.shape


def test_integers_keep_their_kind():
    x, kernel = np.arange(16).reshape(1, 16, 1), np.array([1, 2, 1]).reshape(3, 1, 1)
    np.testing.assert_array_equal(kernels.convolution(x, kernel)[0, :, 0], np.arange(1, 15) * 4)


def test_uint8_pictures_meet_float_kernels():
    assert kernels.convolution(np.ones((1, 4, 4, 1), np.uint8), np.ones((3, 3, 1, 2), np.float32)).dtype == jnp.float32


@pytest.mark.parametrize("padding, output_padding, length", [("valid", None, 11), ("same", None, 10), ("same", 0, 9)])
def test_transposed_convolution_is_the_transpose(padding, output_padding, length):
    y, kernel = draw(2, 5, 5, 3), draw(3, 3, 4, 3, seed=1)
    grown = kernels.convolution_transpose(y, kernel, 2, padding, output_padding)
    assert grown.shape == (2, length, length, 4)
    x = draw(*grown.shape, seed=2)
    low = {"valid": (0, 0), "same": (0, 1) if output_padding is None else (1, 1)}[padding]
    once = reference.convolution(x, kernel, (2, 2), [low, low], (1, 1))
    assert float(jnp.vdot(grown, x)) == pytest.approx(float(np.vdot(once, y)), rel=1e-4)
    once_more = jax.grad(lambda k: jnp.vdot(kernels.convolution_transpose(y, k, 2, padding, output_padding), x))
    assert float(jnp.vdot(once_more(kernel), kernel)) == pytest.approx(float(jnp.vdot(grown, x)), rel=1e-4)


def test_depthwise_orders_its_outputs_by_channel_then_filter():
    x, kernel = draw(2, 6, 5, 3), draw(3, 3, 3, 2, seed=1)
    y = kernels.depthwise_convolution(x, kernel, 1, "same")
    for channel, filter_ in np.ndindex(3, 2):
        alone = kernels.convolution(x[..., [channel]], kernel[:, :, [channel], filter_ : filter_ + 1], 1, "same")
        np.testing.assert_allclose(y[..., channel * 2 + filter_], alone[..., 0], atol=1e-5)


def test_replicated_kernels_sum_their_gradient_inside_shard_map():
    mesh = jax.make_mesh((1,), ("d",), axis_types=(AxisType.Auto,))
    ours, theirs, x, kernel = pair_of(CASES["same"])
    split, whole = PartitionSpec("d"), PartitionSpec()
    mapped = jax.shard_map(kernel_slope(ours), mesh=mesh, in_specs=(split, whole), out_specs=whole)
    assert_close(jax.jit(mapped)(x, kernel), kernel_slope(theirs)(x, kernel), 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_no_slow_form_reaches_a_loop_on_the_cpu(name):
    """In loops XLA's CPU backend is fast only with plain forward convolutions, channels last."""
    ours, _, x, kernel = pair_of(CASES[name])

    def step(i, state):
        value, gradients = jax.value_and_grad(lambda s: jnp.sum(ours(*s) ** 2))(state)
        return jax.tree.map(lambda s, g: s - value * g, state, gradients)

    run = jax.jit(lambda n, x, kernel: jax.lax.fori_loop(0, n, step, (x, kernel)))
    text = run.trace(2, np.float32(x), np.float32(kernel)).lower(lowering_platforms=("cpu",)).as_text()
    assert "select_and_scatter" not in text
    for line in re.findall(r"stablehlo\.convolution.*", text):
        assert re.search(r"dim_numbers = \[b, [0-9, ]+, f\]x\[[0-9, ]+, i, o\]->\[b, [0-9, ]+, f\]", line), line
        assert "batch_group_count = 1" in line and "feature_group_count = 1" in line, line
        assert not re.search(r"lhs_dilate = \[[^\]]*[2-9]", line), line


@pytest.mark.parametrize(
    "operation, x, kernel, message",
    [
        ("convolution", (2, 8), (3, 3), "`x` must be (batch, *spatial, channels) with 1 to 3 spatial axes. Got"),
        ("convolution", (2, 8, 8, 3), (3, 3, 4), "`kernel` must be of rank 4 like the input"),
        ("convolution", (2, 8, 8, 3), (3, 3, 4, 5), "`kernel` must be (*window, 3 input channels / 1 groups"),
        ("convolution_transpose", (2, 8, 8, 3), (3, 3, 3, 5), "`kernel` must be (*window, output channels, 3 input"),
        ("depthwise_convolution", (2, 8, 8, 3), (3, 3, 4, 5), "`kernel` must be (*window, 3 input channels, multi"),
    ],
)
def test_wrong_operands_are_named(operation, x, kernel, message):
    with pytest.raises(InvalidValue) as caught:
        getattr(kernels, operation)(np.zeros(x, np.float32), np.zeros(kernel, np.float32))
    assert str(caught.value).startswith(f"{operation}: {message}")


def test_any_two_roles_give_the_third():
    _, _, x, kernel = pair_of(CASES["strides"])
    geometry = windows("test", x.shape[1:-1], kernel.shape[:-2], (2, 3), "same")
    y = draw(*bilinear.output(jnp.asarray(x), jnp.asarray(kernel), geometry).shape, seed=3)
    x, kernel, y = map(jnp.float32, (x, kernel, y))
    number = float(jnp.vdot(y, bilinear.output(x, kernel, geometry)))
    assert float(jnp.vdot(x, bilinear.input_gradient(y, kernel, geometry))) == pytest.approx(number, rel=1e-4)
    assert float(jnp.vdot(kernel, bilinear.kernel_gradient(x, y, geometry))) == pytest.approx(number, rel=1e-4)
