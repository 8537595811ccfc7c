"""Convolution operations in forms that stay fast inside XLA's CPU loops, where its own gradients do not.

Every form takes its two operands in the order of `roles.ROLES`, the geometry, and `solve(role, a, b, geometry)`,
which computes the smaller problem that some forms reduce to. `choice.py` says when each is used and why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import lax

from kerato.kernels.taps import by_phases, cells, pad, tap
from kerato.kernels.windows import Pair, Windows, span

ROWS = (((0,), (0,)), ((), ()))  # a.T @ b for lax.dot_general
COLUMNS = (((1,), (1,)), ((), ()))  # a @ b.T
PATCH_BYTES = 2 << 20  # measured: half to twice of a core's second-level cache are equal, far outside is slower


class Solve(Protocol):
    """Computes `role` from the other two, in whichever form is best: for the smaller problems inside a form."""

    def __call__(self, role: str, a: jax.Array, b: jax.Array, geometry: Windows) -> jax.Array: ...


def output_by_products(x: jax.Array, kernel: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """One input channel per group: a sum of shifted pictures times numbers, which XLA fuses into one pass."""
    channels, filters = x.shape[-1], kernel.shape[-1]
    padded, exact = pad(x, g.padding), accumulator(x)
    weights = kernel.reshape(*g.window, channels, filters // channels).astype(exact)
    total = sum(tap(padded, cell, g)[..., None].astype(exact) * weights[cell] for cell in cells(g.window))
    return jnp.asarray(total, x.dtype).reshape(x.shape[0], *g.output, filters)


def output_by_matrix(x: jax.Array, kernel: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """A window of one cell: the matrix product over the channels."""
    return jnp.matmul(tap(pad(x, g.padding), (0,) * g.rank, g), kernel.reshape(kernel.shape[-2:]))


def input_by_matrix(kernel: jax.Array, y: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """A window of one cell: the matrix product, then zeros between the strides."""
    x = jnp.matmul(y, kernel.reshape(kernel.shape[-2:]).T)
    return pad(x, _around(g), g.strides)


def kernel_by_matrix(x: jax.Array, y: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """A window of one cell: one product of all rows."""
    rows = tap(pad(x, g.padding), (0,) * g.rank, g).reshape(-1, x.shape[-1])
    return _outer(rows, y.reshape(-1, y.shape[-1])).astype(x.dtype).reshape(*g.window, x.shape[-1], y.shape[-1])


def input_by_flipping(kernel: jax.Array, y: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """A convolution of y, zeros between its strides, with the kernel turned round and its channels exchanged."""
    reach = tuple(map(span, g.window, g.dilation))
    around = tuple((low + k - 1, high) for k, (low, high) in zip(reach, _around(g), strict=True))
    if set(g.strides) != {1} or min(map(min, around)) < 0:
        y, around = pad(y, around, g.strides), ((0, 0),) * g.rank
    turned = Windows(y.shape[1:-1], g.window, (1,) * g.rank, around, g.dilation, g.groups)
    return solve("y", y, _turn(kernel, g.groups), turned)


def input_by_cells(kernel: jax.Array, y: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """What every cell of the window adds to x, in one product with the kernel as it lies; then shifted and added."""
    depth, filters = kernel.shape[-2:]
    rows, columns = y.reshape(-1, filters), kernel.reshape(-1, filters)
    shares = lax.dot_general(rows, columns, COLUMNS, preferred_element_type=accumulator(y))
    axes = zip(g.lengths, g.window, g.padding, g.dilation, g.output, strict=True)
    around = [((k - 1) * d - low, n + low - o) for n, k, (low, _), d, o in axes]
    shares = pad(shares.reshape(*y.shape[:-1], -1), around)

    def shifted(number: int, cell: tuple[int, ...]) -> jax.Array:
        part = lax.slice_in_dim(shares, number * depth, (number + 1) * depth, axis=g.rank + 1)
        for axis, k in enumerate(cell):
            start = (g.window[axis] - 1 - k) * g.dilation[axis]
            part = lax.slice_in_dim(part, start, start + g.lengths[axis], axis=axis + 1)
        return part

    return jnp.asarray(sum(shifted(number, cell) for number, cell in enumerate(cells(g.window))), y.dtype)


def input_by_phases(kernel: jax.Array, y: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """With strides, cells of x that lie a stride apart share their kernel cells: one small convolution per phase."""

    def one(taken: tuple[slice, ...], apart: tuple[int, ...], padding: tuple[Pair, ...]) -> jax.Array:
        part = kernel[taken]
        geometry = Windows(y.shape[1:-1], part.shape[:-2], (1,) * g.rank, padding, apart, g.groups)
        return solve("y", y, _turn(part, g.groups), geometry)

    return by_phases(one, g, y, kernel.shape[-2] * g.groups)


def kernel_by_exchange(x: jax.Array, y: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """A convolution in which batch and channels change places: the channels of x are its pictures, y its kernel.

    XLA derives the same form at top level, but in a loop it is fast only when written channels last.
    """
    axes = zip(g.lengths, g.window, g.strides, g.padding, g.dilation, g.output, strict=True)
    around = tuple((low, (o - 1) * s + span(k, d) - n - low) for n, k, s, (low, _), d, o in axes)
    pictures = pad(jnp.moveaxis(x, (0, -1), (-1, 0)), around)
    lengths = pictures.shape[1:-1]
    exchanged = Windows(lengths, g.output, g.dilation, ((0, 0),) * g.rank, g.strides)
    return jnp.moveaxis(solve("y", pictures, jnp.moveaxis(y, 0, -2), exchanged), 0, -2)


def kernel_by_patches(x: jax.Array, y: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """A few pictures at a time, so that their patches stay in the cache: patches along the last axis, one product with
    y per cell of the other axes."""
    channels, filters, last = x.shape[-1], y.shape[-1], g.rank - 1
    lead = range(last)

    def some(x: jax.Array, y: jax.Array) -> jax.Array:
        padded, rows = pad(x, g.padding), y.reshape(-1, filters)
        wide = jnp.concatenate([tap(padded, cell, g, (last,)) for cell in cells(g.window[last:])], -1)
        parts = [tap(wide, cell, g, lead).reshape(-1, wide.shape[-1]) for cell in cells(g.window[:last])]
        return jnp.stack([_outer(part, rows) for part in parts])

    patch_bytes = prod(g.output) * g.window[-1] * channels * x.dtype.itemsize
    total = sum_over_pictures(some, x, y, PATCH_BYTES // max(1, patch_bytes))
    return total.astype(x.dtype).reshape(*g.window, channels, filters)


def by_bundles(role: str, size: int, a: jax.Array, b: jax.Array, g: Windows, solve: Solve) -> jax.Array:
    """Groups, `size` of them at a time, as plain convolutions whose kernels are zero between the groups of a bundle."""
    bundles, plain = g.groups // size, replace(g, groups=1)
    names = [name for name in ("x", "kernel", "y") if name != role]
    apart = [
        _spread(value, bundles, size) if name == "kernel" else _apart(value, bundles)
        for name, value in zip(names, (a, b), strict=True)
    ]
    results = lax.map(lambda pair: solve(role, pair[0], pair[1], plain), tuple(apart))
    return _gather(results, size) if role == "kernel" else _together(results)


def _apart(value: jax.Array, parts: int) -> jax.Array:
    """(..., parts * c) -> (parts, ..., c)."""
    return jnp.moveaxis(value.reshape(*value.shape[:-1], parts, -1), -2, 0)


def _together(values: jax.Array) -> jax.Array:
    """(parts, ..., c) -> (..., parts * c)."""
    joined = jnp.moveaxis(values, 0, -2)
    return joined.reshape(*joined.shape[:-2], -1)


def _spread(kernel: jax.Array, bundles: int, size: int) -> jax.Array:
    """(*window, i, bundles * size * o) -> (bundles, *window, size * i, size * o), zero off the diagonal."""
    split = _apart(kernel, bundles)
    *lead, depth, filters = split.shape
    split = split.reshape(*lead, 1, depth, size, filters // size)
    diagonal: jax.Array = jnp.eye(size, dtype=kernel.dtype)[:, None, :, None]
    return jnp.asarray(diagonal * split).reshape(*lead, size * depth, filters)


def _gather(kernels: jax.Array, size: int) -> jax.Array:
    """The diagonal blocks of (bundles, *window, size * i, size * o) as (*window, i, bundles * size * o)."""
    *lead, depth, filters = kernels.shape
    blocks = kernels.reshape(*lead, size, depth // size, size, filters // size)
    diagonal = jnp.moveaxis(jnp.diagonal(blocks, axis1=-4, axis2=-2), -1, -2)
    return _together(diagonal.reshape(*lead, depth // size, filters))


def sum_over_pictures(
    some: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, y: jax.Array, size: int
) -> jax.Array:
    """`some` of all pictures as a sum over runs of `size` of them, and of the rest."""
    batch, size = x.shape[0], max(1, size)
    if batch <= size:
        return some(x, y)

    def add(i: int, total: jax.Array) -> jax.Array:
        return total + some(*(lax.dynamic_slice_in_dim(v, i * size, size) for v in (x, y)))

    rest = batch % size
    like = jax.eval_shape(some, x[:size], y[:size])
    total = lax.fori_loop(0, batch // size, add, jnp.zeros(like.shape, like.dtype))
    return total + some(x[batch - rest :], y[batch - rest :]) if rest else total


def accumulator(x: jax.Array) -> jnp.dtype:
    """float32 at least: sums of many bfloat16 products lose their end."""
    exact: jnp.dtype = jnp.promote_types(x.dtype, jnp.float32)
    return exact


def _outer(a: jax.Array, b: jax.Array) -> jax.Array:
    return lax.dot_general(a, b, ROWS, preferred_element_type=accumulator(a))


def _turn(kernel: jax.Array, groups: int) -> jax.Array:
    """The kernel of the input gradient: (*window, i, groups * o) -> (*window reversed, o, groups * i)."""
    turned = jnp.flip(kernel, range(kernel.ndim - 2))
    split = turned.reshape(*kernel.shape[:-1], groups, -1)
    return jnp.moveaxis(split, -1, -3).swapaxes(-1, -2).reshape(*kernel.shape[:-2], split.shape[-1], -1)


def _around(g: Windows) -> tuple[Pair, ...]:
    """How far x goes on before the first and after the last position that a window starts at."""
    axes = zip(g.lengths, g.strides, g.padding, g.output, strict=True)
    return tuple((-low, n + low - (o - 1) * s - 1) for n, s, (low, _), o in axes)
