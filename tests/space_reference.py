"""What the layers over space compute, as float64 NumPy written from the definitions: `reference(row, inputs, weights)`.

Of any rank, with `layer_reference` for what layers share and the loops of `kernels/kernel_reference.py` for windows;
channels last throughout.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from layer_reference import Array, Weights, _function, _pair, loops


def _given(row: Any, name: str, rank: int, default: int = 1) -> tuple[int, ...]:
    return _pair(row.arguments.get(name, default), rank)


def _reach(window: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    return [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]


def transposed(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The way back of a convolution: every number goes to the cells that it would have come from.

    TensorFlow's border: that of the convolution which leads from the output's length to the input's.
    """
    x, kernel, rank = inputs[0], weights["kernel"], inputs[0].ndim - 2
    strides, dilation = _given(row, "strides", rank), _given(row, "dilation_rate", rank)
    padding, extra = row.arguments.get("padding", "valid"), row.arguments.get("output_padding")
    reach = _reach(kernel.shape[:-2], dilation)
    if extra is None:
        grown = [n * s + (max(k - s, 0) if padding == "valid" else 0)
                 for n, s, k in zip(x.shape[1:-1], strides, reach, strict=True)]  # fmt: skip
    else:
        axes = zip(x.shape[1:-1], strides, reach, _pair(extra, rank), strict=True)
        grown = [(n - 1) * s + (k if padding == "valid" else k % 2) + p for n, s, k, p in axes]
    y = np.zeros((len(x), *grown, kernel.shape[-2]))
    border = loops.amounts(grown, reach, strides, padding)
    for position, met in loops.placements(y, kernel.shape[:-2], strides, border, dilation):
        for cell, place in met:
            y[(slice(None), *place)] += x[(slice(None), *position)] @ kernel[cell].T
    return _function(row)(y + weights.get("bias", 0))


def apart(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """A convolution for every channel and filter by itself; then the channels mixed, if there is a kernel for it."""
    x, rank = inputs[0], inputs[0].ndim - 2
    kernel = weights["depthwise_kernel"] if "depthwise_kernel" in weights else weights["kernel"]
    strides, dilation = _given(row, "strides", rank), _given(row, "dilation_rate", rank)
    reach = _reach(kernel.shape[:-2], dilation)
    border = loops.amounts(x.shape[1:-1], reach, strides, row.arguments.get("padding", "valid"))
    parts = [
        loops.convolution(x[..., c : c + 1], kernel[..., c : c + 1, m : m + 1], strides, border, dilation)
        for c in range(x.shape[-1])
        for m in range(kernel.shape[-1])
    ]
    y = np.concatenate(parts, -1)
    if "pointwise_kernel" in weights:
        mixing = weights["pointwise_kernel"].reshape(y.shape[-1], -1)
        y = np.stack([sum(y[..., c] * mixing[c, f] for c in range(len(mixing))) for f in range(mixing.shape[1])], -1)
    return _function(row)(y + weights.get("bias", 0))


def unshared(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Every window's values, row by row, times its own kernel, plus its own bias."""
    x, rank = inputs[0], inputs[0].ndim - 2
    window, strides = _given(row, "kernel_size", rank), _given(row, "strides", rank)
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:-1], window, strides, strict=True)]
    y = np.zeros((len(x), *counts, weights["kernel"].shape[-1]))
    for number, position in enumerate(np.ndindex(*counts)):
        taken = tuple(slice(o * s, o * s + k) for o, s, k in zip(position, strides, window, strict=True))
        for i, sample in enumerate(x):
            y[(i, *position)] = list(sample[taken].flat) @ weights["kernel"][number]
    return _function(row)(y + weights.get("bias", 0))


def _rule(row: Any) -> Callable[[Array], Array]:
    return (lambda cells: cells.max(0)) if "Max" in row.kind.__name__ else (lambda cells: cells.sum(0) / len(cells))


def pooled(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The mean or maximum of each window."""
    x, rank = inputs[0], inputs[0].ndim - 2
    window = _given(row, "pool_size", rank, 2)
    strides = _pair(row.arguments.get("strides") or window, rank)
    border = loops.amounts(x.shape[1:-1], window, strides, row.arguments.get("padding", "valid"))
    return loops.pool(x, window, strides, border, _rule(row))


def pooled_whole(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The mean or maximum of the picture."""
    x, rank = inputs[0], inputs[0].ndim - 2
    y = np.array([_rule(row)(sample.reshape(-1, sample.shape[-1])) for sample in x])
    return y.reshape(len(x), *(1,) * rank, -1) if row.arguments.get("keepdims") else y


def pooled_to_size(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The mean or maximum of each of a number of windows of nearly equal size."""
    x, rank = inputs[0], inputs[0].ndim - 2
    counts = _given(row, "output_size", rank)
    y = np.zeros((len(x), *counts, x.shape[-1]))
    for position in np.ndindex(*counts):
        taken = tuple(
            slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, n, m in zip(position, x.shape[1:-1], counts, strict=True)
        )
        y[(slice(None), *position)] = [_rule(row)(sample[taken].reshape(-1, x.shape[-1])) for sample in x]
    return y


def _ends(value: Any, rank: int) -> list[tuple[int, int]]:
    """(before, after) for every axis of what Keras takes as padding or cropping."""
    if rank == 1:
        return [_pair(value, 2)]
    return [_pair(item, 2) for item in _pair(value, rank)]


def padded(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The picture inside a larger one of zeros."""
    x, rank = inputs[0], inputs[0].ndim - 2
    ends = _ends(row.arguments["padding"], rank)
    y = np.zeros((len(x), *(n + sum(pair) for n, pair in zip(x.shape[1:], ends, strict=False)), x.shape[-1]))
    y[(slice(None), *(slice(low, low + n) for n, (low, _) in zip(x.shape[1:], ends, strict=False)))] = x
    return y


def cropped(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The rows that are left."""
    x = inputs[0]
    for axis, (low, high) in enumerate(_ends(row.arguments["cropping"], x.ndim - 2), 1):
        x = np.stack([np.take(x, i, axis) for i in range(low, x.shape[axis] - high)], axis)
    return x


def repeated(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Every cell becomes a block."""
    x = inputs[0]
    for axis, size in enumerate(_given(row, "size", x.ndim - 2, 2), 1):
        x = np.stack([np.take(x, i // size, axis) for i in range(x.shape[axis] * size)], axis)
    return x


def _bell(interpolation: str, t: float) -> float:
    """The weight of a cell whose centre is t away: a triangle, Keys' cubic with a = -1/2, or Lanczos' windowed sinc."""
    t = abs(t)
    if interpolation == "bilinear":
        return max(0.0, 1 - t)
    if interpolation == "bicubic":
        a = -0.5
        near, far = (a + 2) * t**3 - (a + 3) * t**2 + 1, a * (t**3 - 5 * t**2 + 8 * t - 4)
        return near if t <= 1 else far if t < 2 else 0.0
    lobes = int(interpolation.removeprefix("lanczos"))
    return float(np.sinc(t) * np.sinc(t / lobes)) if t < lobes else 0.0


def interpolated(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Weights by distance, per axis; at the border those inside are made to sum to 1."""
    x, kind = inputs[0], row.arguments["interpolation"]
    for axis, size in enumerate(_given(row, "size", x.ndim - 2, 2), 1):
        lines, count = [], x.shape[axis]
        for i in range(count * size):
            shares = np.array([_bell(kind, (i + 0.5) / size - 0.5 - k) for k in range(count)])
            lines.append(sum(np.take(x, k, axis) * share for k, share in enumerate(shares / shares.sum())))
        x = np.stack(lines, axis)
    return x
