"""The three convolution operations as XLA's own: the reference of the tests, and what GPUs and TPUs run."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from kerato.kernels.windows import Windows

LAYOUTS = {1: ("NHC", "HIO", "NHC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}


def output(x: jax.Array, kernel: jax.Array, geometry: Windows) -> jax.Array:
    """y of x and kernel by `lax.conv_general_dilated`."""
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=LAYOUTS[geometry.rank],
        feature_group_count=geometry.groups,
    )


def input_gradient(kernel: jax.Array, y: jax.Array, geometry: Windows) -> jax.Array:
    """x of kernel and y: the transpose of `output` in x."""
    shape = (y.shape[0], *geometry.lengths, kernel.shape[-2] * geometry.groups)
    like = jax.ShapeDtypeStruct(shape, y.dtype)
    (x,) = jax.linear_transpose(lambda x: output(x, kernel, geometry), like)(y)
    return jnp.asarray(x)


def kernel_gradient(x: jax.Array, y: jax.Array, geometry: Windows) -> jax.Array:
    """kernel of x and y: the transpose of `output` in kernel."""
    shape = (*geometry.window, x.shape[-1] // geometry.groups, y.shape[-1])
    like = jax.ShapeDtypeStruct(shape, x.dtype)
    (kernel,) = jax.linear_transpose(lambda kernel: output(x, kernel, geometry), like)(y)
    return jnp.asarray(kernel)
