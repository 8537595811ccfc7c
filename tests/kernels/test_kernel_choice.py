"""Which formulation is chosen where, and that it is what gets lowered."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kerato import kernels
from kerato.kernels.choice import choose
from kerato.kernels.windows import windows


def form(role, depth, window=3, strides=1, groups=1, dtype="float32", heavy=False):
    geometry = windows("test", (16, 16), window, strides, "same", 1, groups)
    return choose(role, "cpu", depth, geometry, dtype, heavy).form


@pytest.mark.parametrize(
    "expected, role, options",
    [
        ("xla", "y", {"depth": 32}),
        ("products", "y", {"depth": 1}),
        ("xla", "y", {"depth": 1, "window": 9}),
        ("matrix", "y", {"depth": 8, "window": 1}),
        ("bundles", "kernel", {"depth": 8, "groups": 4}),
        ("flipped", "x", {"depth": 32}),
        ("cells", "x", {"depth": 512, "heavy": True}),
        ("phases", "x", {"depth": 512, "strides": 2, "heavy": True}),
        ("phases", "x", {"depth": 32, "strides": 2}),
        ("flipped", "x", {"depth": 3, "strides": 2}),
        ("flipped", "x", {"depth": 1, "strides": 2, "groups": 16}),
        ("exchanged", "kernel", {"depth": 32}),
        ("patches", "kernel", {"depth": 32, "strides": 2}),
        ("bundles", "kernel", {"depth": 1, "groups": 16}),
        ("xla", "kernel", {"depth": 32, "dtype": "int32"}),
    ],
)
def test_choices_on_the_cpu(expected, role, options):
    assert form(role, **options) == expected


def test_other_platforms_run_xlas_own():
    x, kernel = np.ones((2, 8, 8, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
    gradient = jax.jit(jax.grad(lambda kernel, x: jnp.sum(kernels.convolution(x, kernel) ** 2)))
    traced = gradient.trace(kernel, x)
    assert "while" not in traced.lower(lowering_platforms=("cuda",)).as_text()
    assert traced.lower(lowering_platforms=("cuda",)).as_text().count("stablehlo.convolution") == 2
    assert traced.lower(lowering_platforms=("cpu",)).as_text().count("stablehlo.convolution") == 2


def test_a_platform_explains_itself_in_a_line():
    assert kernels.explain("cuda") == "convolutions on cuda: xla (XLA's own convolutions are fast on this platform)"
    line = kernels.explain("cpu")
    assert "\n" not in line
    assert all(word in line for word in ("output xla", "input gradient flipped", "kernel gradient exchanged"))
