"""Which formulation computes a convolution operation on a platform, and why: the one place that decides.

GPUs and TPUs run XLA's own convolutions. On the CPU the native library computes where it has been built, is faster and
each device computes for itself. Otherwise: XLA's CPU backend does not bring its own convolution gradients to their fast
form inside a loop, so there each gradient is written as something that it does: forward convolutions, matrix products
and sums. The reasons given with each choice are measurements; `benchmarks/kernels.py` repeats them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from kerato.kernels import cpu, native, stock
from kerato.kernels.roles import kernel_outweighs, shapes_of
from kerato.kernels.windows import Windows, windows

BUNDLE = 32  # input channels that a bundle of groups fills, zeros included


@dataclass(frozen=True)
class Choice:
    """A formulation's name and the reason for it."""

    form: str
    why: str


FORMS: dict[tuple[str, str], Any] = {
    ("y", "xla"): stock.output,
    ("x", "xla"): stock.input_gradient,
    ("kernel", "xla"): stock.kernel_gradient,
    ("y", "products"): cpu.output_by_products,
    ("y", "matrix"): cpu.output_by_matrix,
    ("x", "matrix"): cpu.input_by_matrix,
    ("x", "flipped"): cpu.input_by_flipping,
    ("x", "phases"): cpu.input_by_phases,
    ("x", "cells"): cpu.input_by_cells,
    ("kernel", "matrix"): cpu.kernel_by_matrix,
    ("kernel", "exchanged"): cpu.kernel_by_exchange,
    ("kernel", "patches"): cpu.kernel_by_patches,
}


def choose(
    role: str, platform: str | None, depth: int, geometry: Windows, dtype: Any = "float32", heavy: bool = False
) -> Choice:
    """The formulation of `role` ('y', 'x' or 'kernel'); `depth` is the number of input channels per group, `heavy` says
    whether the `kernel_outweighs` the pictures."""
    if platform != "cpu":
        return Choice("xla", "XLA's own convolutions are fast on this platform")
    if not jnp.issubdtype(dtype, jnp.floating):
        return Choice("xla", "numbers are not floating point")
    if geometry.groups > 1 and (depth > 1 or role == "kernel"):
        return Choice("bundles", "grouped convolutions are slow on the CPU: a few plain ones instead")
    if prod(geometry.window) == 1 and geometry.groups == 1:
        return Choice("matrix", "a window of one cell is a matrix product")
    if role == "x" and heavy and set(geometry.strides) == {1} and geometry.groups == 1:
        return Choice("cells", "a kernel larger than the pictures is not turned round: 6.8 instead of 11.1 ms")
    return _CPU[role](depth, geometry)


def _output(depth: int, geometry: Windows) -> Choice:
    if depth == 1 and prod(geometry.window) <= 64:
        return Choice("products", "one input channel: shifted pictures times numbers, fused into one pass")
    return Choice("xla", "XLA's forward convolution stays fast in loops")


def _input(depth: int, geometry: Windows) -> Choice:
    if set(geometry.strides) == {1}:
        return Choice("flipped", "a forward convolution stays fast in loops, XLA's own gradient does not")
    if depth * geometry.groups >= 8 and geometry.groups == 1:
        return Choice("phases", "strides: one small forward convolution per phase multiplies no zeros")
    return Choice("flipped", "strides, few channels: one convolution of a spread picture costs less than many")


def _kernel(depth: int, geometry: Windows) -> Choice:
    if set(geometry.strides) == {1}:
        return Choice("exchanged", "a forward convolution with batch and channels exchanged: one long product per cell")
    return Choice("patches", "strides: patches of a few pictures times y, a matrix product that stays in the cache")


_CPU = {"y": _output, "x": _input, "kernel": _kernel}


def lower(role: str, a: jax.Array, b: jax.Array, geometry: Windows) -> jax.Array:
    """`role` of the other two roles on a CPU that computes alone: natively where that is possible and faster."""
    shapes = shapes_of(role, a, b, geometry)
    if native.serves(role, shapes, geometry, a.dtype):
        return native.solve(role, shapes, a, b, geometry)
    return compute(role, "cpu", a, b, geometry)


def compute(role: str, platform: str | None, a: jax.Array, b: jax.Array, geometry: Windows) -> jax.Array:
    """`role` of the other two roles in the portable form for `platform`."""
    shapes = shapes_of(role, a, b, geometry)
    kernel_depth = shapes["kernel"][-2]
    form = choose(role, platform, kernel_depth, geometry, a.dtype, kernel_outweighs(shapes)).form
    solve = partial(_solve, platform)
    if form == "bundles":
        return cpu.by_bundles(role, _bundle(geometry.groups, BUNDLE // kernel_depth), a, b, geometry, solve)
    if form == "xla":
        result: jax.Array = FORMS[role, form](a, b, geometry)
    else:
        result = FORMS[role, form](a, b, geometry, solve)
    return result


def _solve(platform: str | None, role: str, a: jax.Array, b: jax.Array, geometry: Windows) -> jax.Array:
    return compute(role, platform, a, b, geometry)


def _bundle(groups: int, most: int) -> int:
    """The largest divisor of `groups` that is at most `most`, at least 1."""
    return max(size for size in range(1, max(1, min(groups, most)) + 1) if groups % size == 0)


def explain(platform: str) -> str:
    """One line for a person: how a 3x3 convolution of 32 channels and its two gradients are computed on `platform`."""
    if platform == "cpu" and native.identity():
        return f"convolutions on cpu: native by {native.explain()}, portable where those are faster"
    geometry = windows("explain", (32, 32), 3, 1, "same")
    named = {"output": "y", "input gradient": "x", "kernel gradient": "kernel"}
    choices = {name: choose(role, platform, 32, geometry) for name, role in named.items()}
    if len({choice.form for choice in choices.values()}) == 1:
        return f"convolutions on {platform}: {choices['output'].form} ({choices['output'].why})"
    return f"convolutions on {platform}: " + ", ".join(f"{name} {c.form} ({c.why})" for name, c in choices.items())
