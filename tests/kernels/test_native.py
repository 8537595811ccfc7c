"""Native convolutions against loops in float64 and the portable forms: derivatives, loops, vmap, threads, devices."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial

import jax
import jax.numpy as jnp
import kernel_reference as reference
import numpy as np
import pytest
from test_kernel_convolution import CASES, draw, spelled

from kerato import config, kernels, programs
from kerato.kernels import choice, native
from kerato.kernels.roles import ROLES, operands, shape_of
from kerato.kernels.windows import windows

built = pytest.mark.skipif(native.find().library is None, reason=f"native kernels: {native.find().words}")

MORE = {
    "a batch in pieces": ((13, 18, 17, 16), (3, 3), 32, (1, 1), "same", (1, 1), 1),
    "a kernel of many numbers": ((9, 6, 6, 64), (5, 5), 96, (1, 1), "valid", (1, 1), 1),
    "many channels, strides": ((7, 15, 14, 48), (3, 3), 40, (2, 2), "same", (1, 1), 1),
    # A picture in slabs of rows:
    "one picture": ((1, 67, 30, 32), (3, 3), 48, (1, 1), "same", (1, 1), 1),
    "three pictures, valid": ((3, 60, 61, 32), (5, 3), 32, (1, 1), "valid", (1, 1), 1),
    "one picture, strides": ((1, 121, 50, 32), (3, 3), 64, (2, 2), "same", (1, 1), 1),
    "one picture, gaps": ((1, 70, 40, 32), (3, 3), 32, (1, 1), "same", (4, 4), 1),
    "one line": ((1, 9000, 32), (7,), 32, (1,), "same", (1,), 1),
    "one solid": ((1, 20, 21, 19, 16), (3, 3, 3), 16, (1, 1, 1), "same", (1, 1, 1), 1),
    "one picture, groups": ((1, 80, 66, 64), (3, 3), 64, (1, 1), "same", (1, 1), 2),
}
NATIVE = {name: case for name, case in (CASES | MORE).items() if "negative padding" not in name}


pytestmark = pytest.mark.usefixtures("quick_compilation")


def problem(case, dtype=np.float32):
    """(geometry, shapes, a value for every role)."""
    shape, window, filters, strides, _, dilation, groups = case
    geometry = windows("test", shape[1:-1], window, strides, spelled(case), dilation, groups)
    shapes = {"x": shape, "kernel": (*window, shape[-1] // groups, filters)}
    shapes["y"] = shape_of("y", shapes, geometry)
    values = {name: draw(*shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())}
    return geometry, shapes, {name: jnp.asarray(value, dtype) for name, value in values.items()}


def relative(mine, exact):
    exact = np.asarray(exact, np.float64)
    return float(np.abs(np.asarray(mine, np.float64) - exact).max() / np.abs(exact).max())


def three(case, values, form):
    """What `form(role, a, b)` makes of every role, as one program."""
    return jax.jit(lambda values: {role: form(role, *(values[name] for name in operands(role))) for role in ROLES})(
        values
    )


def natively(case):
    geometry, shapes, _ = problem(case)
    return lambda role, a, b: native.solve(role, shapes, a, b, geometry)


def portably(case):
    geometry, _, _ = problem(case)
    return lambda role, a, b: choice.compute(role, "cpu", a, b, geometry)


@built
@pytest.mark.parametrize("name", NATIVE)
def test_all_three_operations_against_the_portable_forms_and_loops(name):
    case = NATIVE[name]
    _, _, values = problem(case)
    mine, theirs = (three(case, values, form(case)) for form in (natively, portably))
    assert {role: relative(mine[role], theirs[role]) < 1e-5 for role in ROLES} == dict.fromkeys(ROLES, True)
    exact = {name: np.float64(value) for name, value in values.items()}
    number = np.vdot(exact["y"], np.float64(mine["y"]))
    scale = np.linalg.norm(exact["y"]) * np.linalg.norm(np.float64(mine["y"]))
    for role in ("x", "kernel"):
        assert abs(np.vdot(exact[role], np.float64(mine[role])) - number) < 1e-5 * scale
    if values["x"].size < 4000:
        loops = reference.convolution(exact["x"], exact["kernel"], case[3], spelled(case), case[5], case[6])
        assert relative(mine["y"], loops) < 1e-5


@built
@pytest.mark.parametrize("name", ["same", "groups", "3-D", "a batch in pieces", "many channels, strides"])
def test_bfloat16_sums_in_float32(name):
    geometry, shapes, values = problem(NATIVE[name], jnp.bfloat16)
    if not all(native.implementation(native._numbers(role, shapes, geometry), "bfloat16") for role in ROLES):
        pytest.skip("oneDNN has no bfloat16 on this processor")
    low = three(NATIVE[name], values, natively(NATIVE[name]))
    exact = three(
        NATIVE[name], {name: value.astype(jnp.float32) for name, value in values.items()}, portably(NATIVE[name])
    )
    for role in ROLES:
        assert low[role].dtype == jnp.bfloat16 and relative(low[role].astype(jnp.float32), exact[role]) < 0.01


def everything(f):
    """Value, tangent, gradients, gradients of gradients and a mapped value."""

    def slope(x, kernel):
        return jnp.sum(jnp.sin(jax.grad(lambda k: jnp.mean(jnp.cos(f(x, k))))(kernel)))

    def all_of_it(x, kernel):
        both = jax.grad(lambda x, k: jnp.sum(jnp.sin(f(x, k))), (0, 1))
        mapped = jax.vmap(f, (None, 0))(x, jnp.stack([kernel, -kernel]))
        return (
            f(x, kernel),
            jax.jvp(f, (x, kernel), (x, kernel))[1],
            both(x, kernel),
            jax.grad(slope, (0, 1))(x, kernel),
            mapped,
        )

    return all_of_it


@built
@pytest.mark.parametrize("name", ["a batch in pieces", "groups", "strides"])
def test_derivatives_to_second_order_and_vmap(name):
    _, _, _, strides, padding, dilation, groups = case = NATIVE[name]
    _, shapes, values = problem(case)
    values["kernel"] /= np.sqrt(np.prod(shapes["kernel"][:-1]))
    f = partial(kernels.convolution, strides=strides, padding=padding, dilation=dilation, groups=groups)
    lowered = jax.jit(everything(lambda x, k: f(x, k))).lower(values["x"], values["kernel"])
    assert lowered.as_text().count(native.TARGET) >= 5
    mine = lowered.compile()(values["x"], values["kernel"])
    config.set_native_kernels(False)
    lowered = jax.jit(everything(lambda x, k: f(x, k))).lower(values["x"], values["kernel"])
    assert native.TARGET not in lowered.as_text()
    theirs = lowered.compile()(values["x"], values["kernel"])
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        assert relative(a, b) < 1e-4


def trained(x, kernel):
    """One step down the slope."""
    return kernel - 1e-4 * jax.grad(lambda k: jnp.sum(kernels.convolution(x, k, padding="same") ** 2))(kernel)


@built
def test_a_loop_gives_the_bits_of_single_steps():
    x, kernel = jnp.float32(draw(13, 18, 17, 16)), jnp.float32(draw(3, 3, 16, 32, seed=1)) / 10
    looped = jax.jit(lambda n, x, k: jax.lax.fori_loop(0, n, lambda _, k: trained(x, k), k))
    assert looped.lower(5, x, kernel).as_text().count(native.TARGET) == 2
    alone = jax.jit(trained)
    singly = kernel
    for _ in range(5):
        singly = alone(x, singly)
    np.testing.assert_array_equal(looped(5, x, kernel), singly)


@built
def test_many_shapes_from_many_threads_at_once():
    """Each call gives the bits that it gives alone, whoever else computes."""
    shapes = [((n, 9 + n, 8, 8 + c), (3, 3), 8 * c, (1, 1), "same", (1, 1), 1) for n in (1, 4, 7) for c in (1, 3, 8)]
    jobs = []
    for case in shapes:
        geometry, sizes, values = problem(case)
        for role in ROLES:
            a, b = (values[name] for name in operands(role))
            f = jax.jit(partial(native.solve, role, sizes, geometry=geometry)).lower(a=a, b=b).compile()
            jobs.append((f, a, b, np.asarray(f(a=a, b=b))))
    wrong = []

    def work(first):
        for i in range(2 * len(jobs)):
            f, a, b, expected = jobs[(first + i) % len(jobs)]
            wrong.append(not np.array_equal(f(a=a, b=b), expected))

    threads = [threading.Thread(target=work, args=(3 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 16 * len(jobs)
    assert not any(wrong)


@built
def test_primitives_are_kept_within_a_bound():
    x = jnp.ones((1, 4, 4, 2), jnp.float32)
    for filters in range(2, 300):
        geometry = windows("test", (4, 4), (2, 2), 1, "valid")
        shapes = {"x": x.shape, "kernel": (2, 2, 2, filters)}
        shapes["y"] = shape_of("y", shapes, geometry)
        assert native.implementation(native._numbers("y", shapes, geometry), "float32")
    assert 200 <= native.find().library.kerato_convolutions_kept() <= 256


@built
def test_what_oneDNN_cannot_or_should_not_do_stays_portable():
    def lowered(x, kernel, **options):
        return jax.jit(lambda x, k: kernels.convolution(x, k, **options)).lower(x, kernel).as_text()

    x, kernel = jnp.ones((4, 8, 8, 16), jnp.float32), jnp.ones((3, 3, 16, 16), jnp.float32)
    assert native.TARGET in lowered(x, kernel)
    assert native.TARGET not in lowered(x.astype(jnp.float16), kernel.astype(jnp.float16))
    assert native.TARGET not in lowered(x, kernel, padding=((-1, 0), (0, 0)))
    assert native.TARGET not in lowered(x, kernel[:1, :1])
    assert native.TARGET not in lowered(x[:0], kernel)
    assert native.TARGET not in lowered(x[..., :1], kernel[..., :1, :])
    assert (
        native.TARGET not in jax.jit(kernels.convolution).trace(x, kernel).lower(lowering_platforms=("cuda",)).as_text()
    )


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from kerato import kernels
from kerato.kernels import native
mesh = jax.make_mesh((2,), ("d",), axis_types=(AxisType.Auto,))
draw = np.random.default_rng(0).normal
x, kernel = np.float32(draw(size=(6, 8, 8, 16))), np.float32(draw(size=(3, 3, 16, 8)))
slope = lambda x, k: jax.grad(lambda x, k: jnp.sum(kernels.convolution(x, k) ** 2), (0, 1))(x, k)
exact = jax.jit(slope)(x, kernel)
split, whole = NamedSharding(mesh, P("d")), NamedSharding(mesh, P())
places = (split, whole)
lowered = jax.jit(lambda *both: slope(*both), in_shardings=places, out_shardings=places).lower(x, kernel)
assert native.TARGET not in lowered.as_text()
results = [lowered.compile()(jax.device_put(x, split), jax.device_put(kernel, whole))]
mapped = jax.jit(jax.shard_map(slope, mesh=mesh, in_specs=(P("d"), P()), out_specs=(P("d"), P())))
assert native.TARGET in mapped.lower(x, kernel).as_text()
results.append(mapped(x, kernel))
for result in results:
    for mine, theirs in zip(result, exact):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-3)
print("right")
"""


@built
def test_batch_split_over_two_devices():
    code = "import jax; jax.config.update('jax_num_cpu_devices', 2)\n" + SHARDED
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "right\n", done.stderr


@built
def test_programs_with_and_without_native_calls_are_kept_apart():
    there = programs.cache_folder()
    config.set_native_kernels(False)
    assert programs.cache_folder() != there


def test_the_setting_and_the_environment_switch_it_off(monkeypatch):
    monkeypatch.setenv("KERATO_NATIVE", "0")
    assert native.explain() == "off (config.set_native_kernels, KERATO_NATIVE)"
    geometry, shapes, _ = problem(CASES["same"])
    assert native.identity() == "" and not native.serves("y", shapes, geometry, "float32")


@pytest.mark.parametrize(
    "content, words", [(None, "not built, the portable ones compute; "), ("no library", "cannot be loaded (")]
)
def test_without_a_library_everything_is_portable(monkeypatch, tmp_path, content, words):
    if content:
        (tmp_path / "broken.so").write_text(content)
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "broken.so")
    monkeypatch.setattr(native, "find", native.find.__wrapped__)
    assert native.explain().startswith(words) and native.BUILD in native.explain()
    x, kernel = jnp.ones((4, 8, 8, 16), jnp.float32), jnp.ones((3, 3, 16, 16), jnp.float32)
    text = jax.jit(lambda x, k: kernels.convolution(x, k)).lower(x, kernel).as_text()
    assert native.TARGET not in text and "stablehlo.convolution" in text
