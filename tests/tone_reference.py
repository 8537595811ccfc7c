"""What layers of tones and categories compute, in float64 NumPy, pixel by pixel from the definitions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Weights = dict[str, Array]


def stretched(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Each channel of each picture from the lower to the upper end of the range."""
    low, high = row.arguments["value_range"]
    y = np.empty(inputs[0].shape)
    for n, picture in enumerate(inputs[0]):
        for c in range(picture.shape[-1]):
            y[n, :, :, c] = np.interp(picture[:, :, c], [picture[:, :, c].min(), picture[:, :, c].max()], [low, high])
    return y


def adaptively_equalized(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """CLAHE: a table for each tile, and each pixel between the four nearest."""
    (low, high), grid = row.arguments["value_range"], row.arguments["tile_grid_size"]
    tones = np.floor((inputs[0] - low) / (high - low) * 255).astype(int)
    y = np.empty(inputs[0].shape)
    for n, c in np.ndindex(len(tones), tones.shape[-1]):
        y[n, :, :, c] = _clahe(tones[n, :, :, c], grid, row.arguments["clip_limit"])
    return y * (high - low) + low


def _clahe(plane: Array, grid: tuple[int, int], limit: float) -> Array:
    tall, wide = (int(np.ceil(size / parts)) for size, parts in zip(plane.shape, grid, strict=True))
    whole = np.pad(plane, [(0, tall * grid[0] - plane.shape[0]), (0, wide * grid[1] - plane.shape[1])], "symmetric")
    tables = {}
    for i, j in np.ndindex(*grid):
        tile = whole[i * tall : (i + 1) * tall, j * wide : (j + 1) * wide]
        counts = np.array([(tile == tone).sum() for tone in range(256)], float)
        most = limit * tile.size / 256
        counts = np.minimum(counts, most) + np.maximum(counts - most, 0).sum() / 256
        tables[i, j] = (counts.cumsum() - counts[0]) / (tile.size - counts[0])
    y = np.empty(plane.shape)
    for i, j in np.ndindex(*plane.shape):
        r, c = (i - tall / 2) / tall, (j - wide / 2) / wide
        y[i, j] = sum(
            (1 - abs(r - a)) * (1 - abs(c - b)) * tables[_within(a, grid[0]), _within(b, grid[1])][plane[i, j]]
            for a in (np.floor(r), np.floor(r) + 1)
            for b in (np.floor(c), np.floor(c) + 1)
        )
    return y


def _within(tile: float, count: int) -> int:
    return int(min(max(tile, 0), count - 1))


def encoded(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """A one in the place of each number."""
    return np.stack([np.floor(inputs[0]) == k for k in range(row.arguments["num_tokens"])], axis=-1).astype(float)


def binned(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """A one in the place of each value's bin."""
    bounds = [-np.inf, *row.arguments["bin_boundaries"], np.inf]
    inside = [(inputs[0] >= a) & (inputs[0] < b) for a, b in itertools.pairwise(bounds)]
    return np.stack(inside, axis=-1).astype(float)
