"""Convolutions of 3 x 3 cells by Winograd's transforms against sums in float64.

Tiles, borders, channels, types, what is not a number, and which shapes are computed so."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_native import built, natively, problem, relative, three

from kerato.kernels import native
from kerato.kernels.roles import ROLES

CASES = {  # (batch, rows, columns, in), filters, padding
    "two by two": ((60, 6, 6, 32), 32, "same"),
    "four by four": ((5, 16, 20, 16), 16, "same"),
    "cut tiles": ((5, 18, 21, 32), 48, "same"),
    "no padding": ((9, 26, 19, 32), 64, "valid"),
    "96 filters": ((24, 13, 17, 48), 96, "valid"),
    "channels in parts": ((2, 28, 28, 256), 256, "same"),
    "one picture": ((1, 40, 36, 64), 128, "same"),
    "more padding than the window": ((4, 9, 11, 32), 32, ((3, 0), (1, 4))),
    "many small pictures": ((300, 4, 4, 32), 32, "same"),
    "many channels": ((6, 32, 32, 64), 64, "same"),
}


def case_of(name):
    shape, filters, padding = CASES[name]
    return shape, (3, 3), filters, (1, 1), padding, (1, 1), 1


def exactly(geometry, values):
    """All three roles in float64, one matrix product per cell of the window."""
    x, kernel, y = (np.asarray(values[role], np.float64) for role in ("x", "kernel", "y"))
    padded = np.pad(x, ((0, 0), *geometry.padding, (0, 0)))
    result = {"x": np.zeros_like(padded), "kernel": np.zeros_like(kernel), "y": np.zeros_like(y)}
    for i, j in np.ndindex(3, 3):
        part = (slice(None), slice(i, i + y.shape[1]), slice(j, j + y.shape[2]))
        result["y"] += padded[part] @ kernel[i, j]
        result["x"][part] += y @ kernel[i, j].T
        result["kernel"][i, j] = np.tensordot(padded[part], y, ((0, 1, 2), (0, 1, 2)))
    inner = [slice(low, low + length) for (low, _), length in zip(geometry.padding, geometry.lengths, strict=True)]
    result["x"] = result["x"][(slice(None), *inner)]
    return result


def ways(case, dtype="float32"):
    geometry, shapes, _ = problem(case)
    return {role: native.implementation(native._numbers(role, shapes, geometry), dtype) for role in ROLES}


@pytest.fixture
def here():
    """Skips where this processor has not what the transforms need."""
    if "winograd" not in ways(case_of("four by four"))["y"]:
        pytest.skip("Winograd's transforms need a processor with AVX-512")


@built
@pytest.mark.parametrize("name", CASES)
def test_all_three_operations_against_float64(here, name):
    case = case_of(name)
    assert all("winograd" in way for way in ways(case).values())
    geometry, _, values = problem(case)
    mine, exact = three(case, values, natively(case)), exactly(geometry, values)
    assert {role: relative(mine[role], exact[role]) < 1e-5 for role in ROLES} == dict.fromkeys(ROLES, True)


@built
def test_both_sizes_of_tiles_are_tested(here):
    assert {way for name in CASES for way in ways(case_of(name)).values()} == {"winograd 2", "winograd 4"}


@built
@pytest.mark.parametrize("name", ["cut tiles", "many channels"])
def test_bfloat16_is_rounded_once(here, name):
    case = case_of(name)
    geometry, _, values = problem(case, jnp.bfloat16)
    if not all("winograd" in way for way in ways(case, "bfloat16").values()):
        pytest.skip("this processor multiplies bfloat16 faster itself")
    mine, exact = three(case, values, natively(case)), exactly(geometry, values)
    for role in ROLES:
        assert mine[role].dtype == jnp.bfloat16
        error = np.abs(np.asarray(mine[role], np.float64) - exact[role])
        assert np.all(error <= 2.0**-8 * np.abs(exact[role]) + 1e-5 * np.abs(exact[role]).max())


@built
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bias_and_relu_as_after_the_call(here, dtype, relu):
    case = case_of("cut tiles")
    geometry, shapes, values = problem(case, dtype)
    bias = jnp.linspace(-2, 2, 48, dtype=dtype)
    biased = jax.jit(partial(native.solve_biased, shapes, geometry=geometry, relu=relu))
    exact = exactly(geometry, values)["y"] + np.asarray(bias, np.float64)
    if relu:
        exact = np.maximum(exact, 0)
    assert relative(biased(values["x"], values["kernel"], bias), exact) < (1e-5 if dtype == "float32" else 0.01)


@built
@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_what_is_not_a_number_stays_none_and_stays_near(here, strange):
    """The cells that see it are not numbers, those of its own and of the touching tiles may be none; all others are."""
    case = case_of("four by four")
    geometry, shapes, values = problem(case)
    x, bias = values["x"].at[2, 9, 9, 3].set(strange), jnp.zeros(16)
    y = jax.jit(partial(native.solve_biased, shapes, geometry=geometry, relu=True))(x, values["kernel"], bias)
    none = ~np.isfinite(np.asarray(y))
    assert none[2, 8:11, 8:11].any(-1).all()
    near = np.zeros(none.shape, bool)
    near[2, 4:16, 4:16] = True
    assert not (none & ~near).any()


@built
def test_a_picture_has_the_same_bits_in_any_place(here):
    case = case_of("four by four")
    _, _, values = problem(case)
    shuffled = {**values, "x": values["x"][::-1], "y": values["y"][::-1]}
    mine, other = three(case, values, natively(case)), three(case, shuffled, natively(case))
    for role in ("x", "y"):
        np.testing.assert_array_equal(mine[role], other[role][::-1])


@built
@pytest.mark.parametrize(
    "case",
    [
        ((8, 16, 16, 24), (3, 3), 32, (1, 1), "same", (1, 1), 1),
        ((8, 16, 16, 32), (3, 3), 32, (2, 2), "same", (1, 1), 1),
        ((8, 16, 16, 32), (3, 3), 32, (1, 1), "same", (2, 2), 1),
        ((8, 16, 16, 64), (3, 3), 64, (1, 1), "same", (1, 1), 4),
        ((8, 16, 16, 32), (5, 5), 32, (1, 1), "same", (1, 1), 1),
        ((1, 1, 1, 64), (3, 3), 64, (1, 1), "same", (1, 1), 1),
    ],
    ids=["channels", "strides", "dilation", "groups", "window", "one cell"],
)
def test_other_shapes_are_computed_plainly(case):
    assert not any("winograd" in way for way in ways(case).values())
