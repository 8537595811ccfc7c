"""What each layer computes, as float64 NumPy written from the definitions: `reference(row, inputs, weights)`.

`weights` maps the last part of a weight's path to its value. Convolution reuses the loops of
`tests/kernels/kernel_reference.py`; pictures are (samples, height, width, channels) throughout.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parent / "kernels"))
import kernel_reference as loops

Array = np.ndarray[Any, Any]
Weights = dict[str, Array]

FUNCTIONS: dict[str | None, Any] = {
    None: lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
}


def _function(row: Any) -> Any:
    return FUNCTIONS[row.arguments.get("activation")]


def same(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The input."""
    return inputs[0]


def activated(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The activation, cell by cell."""
    return _function(row)(inputs[0])


def added(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The sum."""
    return np.sum(inputs, axis=0)


def joined(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """One after the other."""
    axis = row.arguments.get("axis", -1)
    pieces = [cell for x in inputs for cell in np.split(x, x.shape[axis], axis)]
    return np.concatenate(pieces, axis)


def dense(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Every output is a sum over the last axis."""
    x, kernel = inputs[0], weights["kernel"]
    y = np.zeros((*x.shape[:-1], kernel.shape[1]))
    for place in np.ndindex(y.shape):
        y[place] = sum(x[place[:-1]][i] * kernel[i, place[-1]] for i in range(len(kernel)))
    return _function(row)(y + weights.get("bias", 0))


def batch_normalized(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """With the moving statistics, channel by channel."""
    axis, y = row.arguments.get("axis", -1), np.empty(inputs[0].shape)
    cells, out = np.moveaxis(inputs[0], axis, 0), np.moveaxis(y, axis, 0)
    for c in range(len(cells)):
        spread = np.sqrt(weights["moving_variance"][c] + row.arguments.get("epsilon", 1e-3))
        scale, shift = (weights[name][c] if name in weights else rest for name, rest in (("gamma", 1), ("beta", 0)))
        out[c] = scale * (cells[c] - weights["moving_mean"][c]) / spread + shift
    return y


def _pair(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def convolved(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Windows times kernel, plus bias."""
    x, kernel, given = inputs[0], weights["kernel"], row.arguments
    rank = kernel.ndim - 2
    strides, dilation = _pair(given.get("strides", 1), rank), _pair(given.get("dilation_rate", 1), rank)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    padding = given.get("padding", "valid")
    border = [(reach[0] - 1, 0)] if padding == "causal" else loops.amounts(x.shape[1:-1], reach, strides, padding)
    y = loops.convolution(x, kernel, strides, border, dilation, given.get("groups", 1))
    return _function(row)(y + weights.get("bias", 0))


def flattened(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The values in their order, in the shape that is asked for."""
    return np.array([list(sample.flat) for sample in inputs[0]]).reshape(
        len(inputs[0]), *row.arguments.get("target_shape", (-1,))
    )


def squared(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The table's Lambda."""
    return inputs[0] * inputs[0] + 1


def masked_steps(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Steps that are all `mask_value` become zeros."""
    x = inputs[0].copy()
    for sample in x:
        for step in sample:
            step[:] = 0 if all(cell == row.arguments["mask_value"] for cell in step) else step
    return x


def rescaled(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """A scale and an offset."""
    return inputs[0] * row.arguments["scale"] + row.arguments["offset"]


def resized_nearest(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The cell whose area holds the new centre."""
    x, height, width = inputs[0], row.arguments["height"], row.arguments["width"]
    rows = [int((i + 0.5) * x.shape[1] / height) for i in range(height)]
    columns = [int((j + 0.5) * x.shape[2] / width) for j in range(width)]
    return np.array([[[sample[i, j] for j in columns] for i in rows] for sample in x])
