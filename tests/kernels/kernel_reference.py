"""Convolution and pooling as float64 loops over NumPy arrays: slow, readable, and written without looking at kerato.

Channels last, any rank. Explicit padding only: `amounts` spells the named ones out, also independently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

Pairs = Sequence[tuple[int, int]]


def amounts(
    lengths: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: str
) -> list[tuple[int, int]]:
    """Padding that makes ceil(n / s) windows fit ('same', the odd cell after) or none ('valid'), by counting up."""
    pairs = []
    for n, k, s in zip(lengths, window, strides, strict=True):
        total = 0
        while padding == "same" and (n + total - k) // s + 1 < (n + s - 1) // s:
            total += 1
        pairs.append((total // 2, total - total // 2))
    return pairs


def placements(
    x: np.ndarray, window: Sequence[int], strides: Sequence[int], padding: Pairs, dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], list[tuple[tuple[int, ...], tuple[int, ...]]]]]:
    """(output position, [(window cell, input position)]) for every window; only cells inside the input."""
    lengths = x.shape[1:-1]
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    counts = [
        (n + low + high - r) // s + 1 for n, (low, high), r, s in zip(lengths, padding, reach, strides, strict=True)
    ]
    for position in np.ndindex(*counts):
        met = []
        for cell in np.ndindex(*window):
            axes = zip(position, cell, strides, dilation, padding, strict=True)
            place = tuple(o * s + k * d - low for o, k, s, d, (low, _) in axes)
            if all(0 <= i < n for i, n in zip(place, lengths, strict=True)):
                met.append((cell, place))
        yield position, met


def convolution(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    groups: int = 1,
) -> np.ndarray:
    """y[n, o, f] = sum of x[n, place, c] * kernel[cell, c, f] over window o's cells and the channels of f's group."""
    window, (depth, filters) = kernel.shape[:-2], kernel.shape[-2:]
    per_group = filters // groups
    columns = {}
    for position, met in placements(x, window, strides, padding, dilation):
        column = np.zeros((x.shape[0], filters))
        for cell, place in met:
            for f in range(filters):
                first = f // per_group * depth
                for c in range(depth):
                    column[:, f] += np.float64(x[(slice(None), *place, first + c)]) * np.float64(kernel[(*cell, c, f)])
        columns[position] = column
    return _arrange(x, columns)


def pool(
    x: np.ndarray,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    reduce: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """`reduce` over the real cells (stacked on axis 0) of every window."""
    ones = (1,) * len(window)
    columns = {
        position: reduce(np.stack([x[(slice(None), *place)].astype(np.float64) for _, place in met]))
        for position, met in placements(x, window, strides, padding, ones)
    }
    return _arrange(x, columns)


def max_pool_gradient(
    x: np.ndarray, y: np.ndarray, window: Sequence[int], strides: Sequence[int], padding: Pairs
) -> np.ndarray:
    """Every y goes to the first largest cell of its window in row-major order."""
    result = np.zeros(x.shape)
    for position, met in placements(x, window, strides, padding, (1,) * len(window)):
        for n, c in np.ndindex(x.shape[0], x.shape[-1]):
            places = [(n, *place, c) for _, place in met]
            best = max(places, key=lambda place: x[place])
            result[best] += y[(n, *position, c)]
    return result


def _arrange(x: np.ndarray, columns: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
    counts = tuple(1 + max(position[axis] for position in columns) for axis in range(x.ndim - 2))
    first = next(iter(columns.values()))
    result = np.zeros((first.shape[0], *counts, first.shape[1]))
    for position, column in columns.items():
        result[(slice(None), *position)] = column
    return result
