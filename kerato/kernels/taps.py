"""Windows as shifted pictures: what every cell of a window meets on its way, and the way back, phase by phase.

For convolution and pooling alike; channels last, one to three spatial axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product, repeat
from math import gcd

import jax
import jax.numpy as jnp
from jax import lax

from kerato.kernels.windows import Pair, Windows

Phase = tuple[slice, int, Pair]
PhaseForm = Callable[[tuple[slice, ...], tuple[int, ...], tuple[Pair, ...]], jax.Array]


def pad(x: jax.Array, padding: Sequence[Pair], apart: Sequence[int] | None = None, fill: float = 0) -> jax.Array:
    """`fill` around the spatial axes (a negative width cuts), and `apart - 1` times between their cells."""
    between = (s - 1 for s in apart) if apart else repeat(0)
    spatial = [(low, high, inner) for (low, high), inner in zip(padding, between, strict=False)]
    return lax.pad(x, jnp.asarray(fill, x.dtype), [(0, 0, 0), *spatial, (0, 0, 0)])


def tap(x: jax.Array, cell: tuple[int, ...], g: Windows, axes: Sequence[int] | None = None) -> jax.Array:
    """What one cell of the window meets on its way along `axes` (all spatial ones) of the padded x."""
    for axis, k in zip(range(g.rank) if axes is None else axes, cell, strict=True):
        start, stride = k * g.dilation[axis], g.strides[axis]
        x = lax.slice_in_dim(x, start, start + (g.output[axis] - 1) * stride + 1, stride, axis + 1)
    return x


def cells(window: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All cells of a window in row-major order."""
    return product(*map(range, window))


def by_phases(one: PhaseForm, g: Windows, y: jax.Array, channels: int) -> jax.Array:
    """x (batch, *lengths, channels) from y, when with strides the cells of x a stride apart meet the same window cells.

    `one(cells, apart, padding)` gives one phase of x, (batch, *counts, channels): per axis, a slice of the window cells
    that meet it, their distance along y, and how much wider than y it is.
    """
    axes = zip(g.lengths, g.window, g.strides, g.padding, g.dilation, g.output, strict=True)
    counts = tuple(-(-n // s) for n, s in zip(g.lengths, g.strides, strict=True))
    blank = jnp.zeros((y.shape[0], *counts, channels), y.dtype)
    found = product(*(_phases(*axis) for axis in axes))
    parts = [blank if None in phases else one(*zip(*phases, strict=True)) for phases in found]
    whole = _interleave(jnp.stack(parts), g.strides)
    return whole[(slice(None), *map(slice, g.lengths))]


def _phases(length: int, window: int, stride: int, padding: Pair, dilation: int, output: int) -> list[Phase | None]:
    count, step = -(-length // stride), stride // gcd(stride, dilation)
    apart = step * dilation // stride

    def phase(start: int) -> Phase | None:
        first = next((k for k in range(window) if (start + padding[0] - k * dilation) % stride == 0), None)
        if first is None:
            return None
        reach = (len(range(first, window, step)) - 1) * apart
        low = reach - (start + padding[0] - first * dilation) // stride
        return slice(first, None, step), apart, (low, count - output + reach - low)

    return [phase(start) for start in range(stride)]


def _interleave(phases: jax.Array, strides: tuple[int, ...]) -> jax.Array:
    """(phases, batch, *counts, c) -> (batch, *(count * stride), c)."""
    _, batch, *counts, channels = phases.shape
    rank = len(strides)
    order = (rank, *(axis for i in range(rank) for axis in (rank + 1 + i, i)), 2 * rank + 1)
    split = phases.reshape(*strides, batch, *counts, channels).transpose(order)
    return split.reshape(batch, *(n * s for n, s in zip(counts, strides, strict=True)), channels)
