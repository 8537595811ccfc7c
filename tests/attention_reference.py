"""What attention and normalisation compute, as float64 NumPy loops: `reference(row, inputs, weights)`."""

from __future__ import annotations

from typing import Any

import numpy as np
from layer_reference import FUNCTIONS, Array, Weights

_softmax = FUNCTIONS["softmax"]


def attended(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Query by query, key by key."""
    query, value, key = inputs[0], inputs[1], inputs[-1] if len(inputs) > 2 else inputs[1]
    additive = row.kind.__name__ == "AdditiveAttention"
    scale = weights.get("scale", 1.0)
    y = np.empty((len(query), query.shape[1], value.shape[2]))
    for b in range(len(query)):
        for i, q in enumerate(query[b]):
            if additive:
                scores = np.array([np.sum(scale * np.tanh(q + k)) for k in key[b]])
            elif row.arguments.get("score_mode") == "concat":
                scores = np.array([weights["concat_score_weight"] * np.sum(np.tanh(scale * (q + k))) for k in key[b]])
            else:
                scores = np.array([scale * np.dot(q, k) for k in key[b]])
            y[b, i] = _softmax(scores) @ value[b]
    return y


def many_headed(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Head by head; the table calls it on one sequence, which is query, key and value."""
    wq, bq, wk, bk, wv, bv, wo, bo = weights["all"]
    y = np.zeros_like(inputs[0])
    for sample, made in zip(inputs[0], y, strict=True):
        for head in range(wq.shape[1]):
            q, k, v = (sample @ w[:, head] + b[head] for w, b in ((wq, bq), (wk, bk), (wv, bv)))
            made += _softmax(q @ k.T / np.sqrt(q.shape[1])) @ v @ wo[head]
        made += bo
    return y


def standardized(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Each sample's cells over its axes (LayerNormalization) or groups of channels (GroupNormalization)."""
    epsilon, y = row.arguments.get("epsilon", 1e-3), np.empty(inputs[0].shape)
    for sample, made in zip(inputs[0], y, strict=True):
        if row.kind.__name__ == "GroupNormalization":
            width = sample.shape[-1] // row.arguments["groups"]
            parts = [(..., slice(start, start + width)) for start in range(0, sample.shape[-1], width)]
        else:
            parts = list(np.ndindex(sample.shape[:-1]))
        for part in parts:
            cells = sample[part]
            made[part] = (cells - cells.mean()) / np.sqrt(cells.var() + epsilon)
    return y * weights.get("gamma", 1) + weights.get("beta", 0)


def unit(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Vectors of length 1, or of mean square 1 times a scale."""
    y = inputs[0].copy()
    for place in np.ndindex(y.shape[:-1]):
        if "scale" in weights:
            y[place] *= weights["scale"] / np.sqrt(np.mean(y[place] ** 2) + row.arguments.get("epsilon", 1e-6))
        else:
            y[place] /= np.sqrt(np.sum(y[place] ** 2))
    return y
