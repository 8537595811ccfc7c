"""What LeNet-5's layers compute, as float64 NumPy written from book section 2.1: `reference(row, inputs, weights)`."""

from __future__ import annotations

from typing import Any

import numpy as np
from layer_reference import Array, Weights, _function, _pair, loops


def subsampled(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The sum of each window times its map's coefficient, plus its map's bias."""
    window = _pair(row.arguments.get("pool_size", 2), 2)
    strides = _pair(row.arguments.get("strides") or window, 2)
    sums = loops.pool(inputs[0], window, strides, [(0, 0), (0, 0)], lambda cells: cells.sum(0))
    y = sums * weights["coefficient"] + weights.get("bias", 0)
    return (1 / (1 + np.exp(-y))) if "activation" not in row.arguments else _function(row)(y)


def partly_connected(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """For each filter a convolution over the channels that it sees, one after the other."""
    kernels = iter(np.moveaxis(weights["kernel"], -1, 0))
    strides = _pair(row.arguments.get("strides", 1), 2)
    window = weights["kernel"].shape[:2]
    border = loops.amounts(inputs[0].shape[1:3], window, strides, row.arguments.get("padding", "valid"))
    maps = []
    for channels in row.arguments["connections"]:
        parts = [
            loops.convolution(inputs[0][..., [channel]], next(kernels)[..., None, None], strides, border, (1, 1), 1)
            for channel in channels
        ]
        maps.append(np.sum(parts, axis=0))
    return _function(row)(np.concatenate(maps, -1) + weights.get("bias", 0))


def distances(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Squared Euclidean distances to the centres."""
    return np.array([[((x - centre) ** 2).sum() for centre in weights["centres"].T] for x in inputs[0]])
