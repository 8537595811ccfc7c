"""Which formulation computes a convolution operation on a platform, and why: the one place that decides."""

from __future__ import annotations

import jax

from kerato.kernels import stock
from kerato.kernels.windows import Windows

PLATFORMS = (None, "cpu")
STOCK = {"y": stock.output, "x": stock.input_gradient, "kernel": stock.kernel_gradient}


def compute(role: str, platform: str | None, *operands: jax.Array, geometry: Windows) -> jax.Array:
    """`role` of the other two, as lowered for `platform`."""
    return STOCK[role](*operands, geometry)
