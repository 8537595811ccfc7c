"""What layers that merge, activate, draw or change pictures compute, in float64 NumPy written from the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Weights = dict[str, Array]


def merged(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Cell by cell, what the layer's name says of the inputs."""
    rank = max(x.ndim for x in inputs)
    raised = [x.reshape(len(x), *[1] * (rank - x.ndim), *x.shape[1:]) for x in inputs]
    cells = np.broadcast_arrays(*raised)
    y, how = np.empty(cells[0].shape), row.kind.__name__
    for place in np.ndindex(y.shape):
        numbers = [float(x[place]) for x in cells]
        total = sum(numbers)
        y[place] = {
            "Subtract": numbers[0] - sum(numbers[1:]),
            "Multiply": np.prod(numbers),
            "Average": total / len(numbers),
            "Maximum": max(numbers),
            "Minimum": min(numbers),
            "Add": total,
        }[how]
    return y


def dotted(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Sums of products along an axis of each input, sample by sample."""
    axes, y = row.arguments["axes"], []
    axes = (axes, axes) if isinstance(axes, int) else axes
    for sample in zip(*inputs, strict=True):
        first, second = (np.moveaxis(x, a - 1 if a > 0 else a, -1) for x, a in zip(sample, axes, strict=True))
        if row.arguments.get("normalize"):
            first, second = (x / np.sqrt((x**2).sum(-1, keepdims=True)) for x in (first, second))
        found = np.empty((*first.shape[:-1], *second.shape[:-1]))
        for i in np.ndindex(first.shape[:-1]):
            for j in np.ndindex(second.shape[:-1]):
                found[i + j] = sum(p * q for p, q in zip(first[i], second[j], strict=True))
        y.append(found)
    stacked = np.array(y)
    return stacked if stacked.ndim > 1 else stacked[:, None]


def bent(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """One number at a time through the activation that the layer is."""
    y, given, how = np.empty(inputs[0].shape), row.arguments, row.kind.__name__
    alpha = np.broadcast_to(weights["alpha"], y.shape[1:]) if "alpha" in weights else None
    for place in np.ndindex(y.shape):
        x = float(inputs[0][place])
        slope, bottom, top = given.get("negative_slope", 0), given.get("threshold", 0), given.get("max_value")
        if how == "ReLU":
            y[place] = slope * (x - bottom) if x <= bottom else x if top is None else min(x, top)
        elif how == "ThresholdedReLU":
            y[place] = x if x > given["theta"] else 0
        elif how == "ELU":
            y[place] = x if x > 0 else given["alpha"] * (np.exp(x) - 1)
        else:
            below = {"LeakyReLU": slope, "RReLU": (given.get("lower", 0) + given.get("upper", 0)) / 2}
            y[place] = x if x > 0 else x * (below[how] if alpha is None else alpha[place[1:]])
    return y


def normalized_exponentials(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Exponentials over their sum."""
    powers, axis = np.exp(inputs[0]), row.arguments.get("axis", -1)
    return powers / powers.sum(tuple(axis) if isinstance(axis, list) else axis, keepdims=True)


def permuted(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Every value at its new place."""
    dims, x = [0, *row.arguments["dims"]], inputs[0]
    y = np.empty([x.shape[axis] for axis in dims])
    for place in np.ndindex(x.shape):
        y[tuple(place[axis] for axis in dims)] = x[place]
    return y


def repeated_vector(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The vector, n times."""
    return np.array([[sample] * row.arguments["n"] for sample in inputs[0]])


def einsum_dense(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The equation written out for the rows of the table."""
    x, kernel = inputs[0], weights["kernel"]
    if row.id.endswith("heads"):  # abc,cde->abde
        y = np.array([[np.tensordot(step, kernel, (0, 0)) for step in sample] for sample in x])
    elif row.id.endswith("right"):  # ab...,bc->ac...
        y = np.array([sum(np.multiply.outer(kernel[b], sample[b]) for b in range(len(kernel))) for sample in x])
    else:  # ...x,xy->...y
        y = np.array([[step @ kernel for step in sample] for sample in x])
    return np.tanh(y + weights["bias"]) if row.arguments.get("activation") else y + weights.get("bias", 0)


def centre_cropped(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The middle cells."""
    (_, high, wide, _), (height, width) = inputs[0].shape, (row.arguments["height"], row.arguments["width"])
    return inputs[0][:, (high - height) // 2 :, (wide - width) // 2 :][:, :height, :width]


def halved(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The mean of every four cells: what a picture of twice the size is resized to."""
    x = inputs[0]
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def normalized(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Feature by feature."""
    given, x = row.arguments, inputs[0]
    mean = np.array(given.get("mean", weights.get("mean")))
    deviation = np.sqrt(np.array(given.get("variance", weights.get("variance"))))
    return x * deviation + mean if given.get("invert") else (x - mean) / deviation
