"""Native resampling against SciPy in float64 and the portable form: fills, unusual numbers, derivatives, devices."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from test_kernel_convolution import draw
from test_native import built, relative

from kerato import config, kernels
from kerato.kernels import native, resampling

pytestmark = [built, pytest.mark.usefixtures("quick_compilation")]

SCIPY = {"reflect": "reflect", "nearest": "nearest", "wrap": "grid-wrap", "constant": "grid-constant"}
MAPS = np.float32(
    [
        [[0.9137, 0.3071, -2.3113], [-0.4073, 1.2041, 3.1019], [0, 0, 1]],
        [[1.6121, 0.0013, -1.2171], [0.1031, 0.7057, -44.4093], [0, 0, 1]],
        [[1.1, 0.2013, 0.2171], [0.1031, 0.7, -1.4093], [0.0107, 0.0023, 1]],
    ]
)
# height, width, channels; the last ones are one cell, and rows in more than one block
SHAPES = [(9, 13, 3), (16, 8, 1), (7, 7, 2), (5, 6, 4), (6, 5, 16), (1, 1, 3), (3, 600, 1)]


def both(x, *places, fill_mode):
    """Natively, and portably."""
    places = [jnp.float32(p) for p in places]
    fill = {"fill_mode": fill_mode, "fill_value": 7.0}
    portable = partial(resampling._portable, None, interpolation="bilinear", **fill)
    return native.resample(x, places, **fill), jax.jit(portable)(x, *places)


def scipy_s(x, maps, shift, fill_mode):
    """(batch, height, width, channels) in float64."""
    i, j = np.moveaxis(np.float64(shift), -1, 0) + np.mgrid[: x.shape[1], : x.shape[2]][:, None]
    rows, columns, depths = np.einsum("nkl,lnij->knij", np.float64(maps), [i, j, np.ones_like(i)])
    read = partial(ndimage.map_coordinates, order=1, mode=SCIPY[fill_mode], cval=7.0, prefilter=False)
    planes = np.moveaxis(np.float64(x), -1, 1)
    places = np.stack([rows / depths, columns / depths], 1)
    found = [[read(plane, place) for plane in one] for one, place in zip(planes, places, strict=True)]
    return np.moveaxis(np.float64(found), 1, -1)


@pytest.mark.parametrize("fill_mode", native.FILLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_scipy_s_and_the_portable_ones(shape, fill_mode):
    x, shift = draw(3, *shape), np.float32(draw(3, *shape[:2], 2, seed=1))
    found, portable = both(jnp.float32(x), MAPS, shift, fill_mode=fill_mode)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, scipy_s(np.float32(x), MAPS, shift, fill_mode), atol=2e-6)
    np.testing.assert_allclose(found, portable, atol=1e-3)  # which has places of float32


@pytest.mark.parametrize("fill_mode", native.FILLS)
def test_unusual_pictures_and_places_that_are_far_away_or_none(fill_mode):
    """Places are whole or half numbers, which float32 holds too."""
    x = jnp.float32(np.random.default_rng(0).choice([0, np.nan, np.inf, -np.inf, 1, -3], (9, 6, 5, 3)))
    far = [2.0**20, -(2.0**20), 2.0**22, -(2.0**22), 0, -3, np.inf, -np.inf, np.nan]
    maps = np.float32([[[1, 0, place], [0, 0.5, -place], [0, 0, 1]] for place in far])
    np.testing.assert_array_equal(*both(x, maps, fill_mode=fill_mode))
    behind = np.float32([[[1, 0, -2], [0, 1, 1], [0.5, 0, -1]]] * 9)  # places in depths -1 ... 1.5, 0 among them
    behind[4:] = np.nan
    np.testing.assert_array_equal(*both(x, behind, fill_mode=fill_mode))


@pytest.mark.parametrize("fill_mode", native.FILLS)
def test_no_place_is_so_far_that_something_else_is_read(fill_mode):
    x = jnp.arange(6.0 * 6 * 5 * 3).reshape(6, 6, 5, 3)
    maps = np.float32(
        [[[1, 0, place], [0, 1, -place], [0, 0, 1]] for place in np.float32([2e9, -2e9, 1e15, -1e15, 3e38, -3e38])]
    )
    found = np.asarray(both(x, maps, fill_mode=fill_mode)[0])
    for picture, read in zip(x, found, strict=True):
        assert np.isin(read, picture if fill_mode != "constant" else 7).all()


def test_no_pictures_are_no_work():
    for shape in ((0, 4, 4, 3), (2, 0, 4, 3), (2, 4, 4, 0)):
        assert kernels.resample(jnp.zeros(shape), jnp.ones((shape[0], 3, 3)), "bilinear", "wrap", 0.0).shape == shape


def everything(fill_mode):
    """Values, gradients by the pictures, maps and shifts, gradients of gradients, mapped and in a loop."""

    def read(x, maps, shift):
        return kernels.resample(x, maps, "bilinear", fill_mode, 0.5, shift)

    def number(*values):
        y = read(*values)
        return jnp.sum(y * y * jnp.arange(1.0, y.size + 1).reshape(y.shape) / y.size)

    def slope(*values):
        return sum(jnp.sum(g * g) for g in jax.grad(number, (0, 1, 2))(*values))

    def all_of_it(x, maps, shift):
        mapped = jax.vmap(read, (None, 0, 1))(x, jnp.stack([maps, maps]), jnp.stack([shift, -shift], 1))
        looped = jax.lax.fori_loop(0, 3, lambda _, x: read(x, maps, shift), x)
        slopes = [jax.grad(f, (0, 1, 2))(x, maps, shift) for f in (number, slope)]
        return read(x, maps, shift), *slopes, mapped, looped

    return jax.jit(all_of_it)


@pytest.mark.parametrize("fill_mode", ["reflect", "constant"])
def test_derivatives_to_second_order_mapped_and_in_loops(fill_mode):
    values = [jnp.float32(v) for v in (draw(3, 9, 13, 3), MAPS, draw(3, 9, 13, 2, seed=1))]
    mine = everything(fill_mode).lower(*values)
    assert native.TARGETS["resample"] in mine.as_text()
    config.set_native_kernels(False)
    theirs = everything(fill_mode).lower(*values)
    assert native.TARGETS["resample"] not in theirs.as_text()
    results = [jax.tree.leaves(program.compile()(*values)) for program in (mine, theirs)]
    for a, b in zip(*results, strict=True):
        assert np.abs(a - b).max() <= 1e-4 * (np.abs(b).max() + 1e-30)


@pytest.mark.parametrize(
    ("dtype", "interpolation"), [("float64", "bilinear"), ("bfloat16", "bilinear"), ("float32", "nearest")]
)
def test_other_types_and_the_nearest_cell_stay_portable(dtype, interpolation):
    with jax.enable_x64(True):
        x, maps = jnp.asarray(draw(3, 9, 13, 3), dtype), jnp.asarray(MAPS)
        program = jax.jit(kernels.resample, static_argnums=(2, 3, 4)).lower(x, maps, interpolation, "wrap", 0.0)
        assert native.TARGETS["resample"] not in program.as_text()
        found = np.float64(program.compile()(x, maps))
    if interpolation == "nearest":
        assert np.isin(found, x).all()
    else:
        exact = scipy_s(np.float64(x), MAPS, np.zeros((3, 9, 13, 2)), "wrap")
        assert relative(found, exact) < {"float64": 1e-12, "bfloat16": 4e-3}[dtype]


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 2)
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from kerato import kernels
mesh = jax.make_mesh((2,), ("d",), axis_types=(AxisType.Auto,))
draw = np.random.default_rng(0).normal
values = [np.float32(draw(size=(6, 16, 16, 3))), np.float32(np.eye(3) + 0.01 * draw(size=(6, 3, 3)))]
def read(x, maps):
    return kernels.resample(x, maps, "bilinear", "reflect", 0.0)
exact = jax.jit(read)(*values)
place = NamedSharding(mesh, P("d"))
lowered = jax.jit(lambda *v: read(*v), in_shardings=place, out_shardings=place).lower(*values)
assert "kerato_" not in lowered.as_text()
mapped = jax.jit(jax.shard_map(read, mesh=mesh, in_specs=P("d"), out_specs=P("d")))
assert "kerato_resample" in mapped.lower(*values).as_text()
for result in (lowered.compile()(*(jax.device_put(v, place) for v in values)), mapped(*values)):
    np.testing.assert_allclose(result, exact, atol=2e-3)
print("right")
"""


def test_batch_split_over_two_devices():
    done = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, check=False)
    assert done.stdout == "right\n", done.stderr
