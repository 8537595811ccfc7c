"""A small net and the methods of explaining, written out in float64 loops; nothing of Kerato is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def convolved(x: Array, kernel: Array, bias: Array) -> Array:
    """(h, w, c), (3, 3, c, k) -> (h, w, k): a correlation with a border of zeros."""
    height, width, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    found = np.zeros((height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            for k in range(kernel.shape[-1]):
                found[i, j, k] = (padded[i : i + 3, j : j + 3] * kernel[..., k]).sum() + bias[k]
    return found


def convolved_back(g: Array, kernel: Array) -> Array:
    """The derivative with respect to the input of `convolved`, from that with respect to its output."""
    height, width, _ = g.shape
    found = np.zeros((height + 2, width + 2, kernel.shape[2]))
    for i in range(height):
        for j in range(width):
            found[i : i + 3, j : j + 3] += kernel @ g[i, j]
    return found[1:-1, 1:-1]


class Net:
    """conv 3x3 relu, conv 3x3 relu, flatten, dense tanh, dense: the scores are before softmax."""

    def __init__(self, weights: list[Any]) -> None:
        self.k1, self.b1, self.k2, self.b2, self.w3, self.b3, self.w4, self.b4 = (np.float64(w) for w in weights)

    def first(self, x: Array) -> Array:
        """The first map."""
        return np.maximum(convolved(x, self.k1, self.b1), 0)

    def last(self, x: Array) -> Array:
        """The last map."""
        return np.maximum(convolved(self.first(x), self.k2, self.b2), 0)

    def tail(self, a: Array, target: int) -> float:
        """The score, from the last map."""
        return float((np.tanh(a.ravel() @ self.w3 + self.b3) @ self.w4 + self.b4)[target])

    def score(self, x: Array, target: int) -> float:
        """The score, from the picture."""
        return self.tail(self.last(x), target)

    def probability(self, x: Array, target: int) -> float:
        """The share of the target in the softmax of all scores."""
        scores = np.array([self.score(x, k) for k in range(len(self.b4))])
        return float(np.exp(scores[target] - scores.max()) / np.exp(scores - scores.max()).sum())

    def back(self, x: Array, target: int, guided: bool) -> Array:
        """The derivative of the score by hand; guided: at a ReLU negative derivatives stop."""
        h1, a = self.first(x), self.last(x)
        hidden = np.tanh(a.ravel() @ self.w3 + self.b3)
        g = (self.w3 @ ((1 - hidden**2) * self.w4[:, target])).reshape(a.shape)
        for value, kernel in ((a, self.k2), (h1, self.k1)):
            g = np.maximum(g, 0) if guided else g
            g = convolved_back(g * (value > 0), kernel)
        return g


def differences(function: Callable[[Array], float], x: Array, width: float = 1e-6) -> Array:
    """The derivative by central differences."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = width
        found[place] = (function(x + step) - function(x - step)) / (2 * width)
    return found


def grad_cam(a: Array, g: Array) -> Array:
    """Selvaraju et al., equations 1 and 2."""
    height, width, channels = a.shape
    found = np.zeros((height, width))
    for k in range(channels):
        found += g[..., k].sum() / (height * width) * a[..., k]
    return np.maximum(found, 0)


def grad_cam_pp(a: Array, g: Array) -> Array:
    """Chattopadhay et al., equations 10 and 19."""
    found = np.zeros(a.shape[:2])
    for k in range(a.shape[2]):
        weight = 0.0
        for i, j in np.ndindex(a.shape[:2]):
            below = 2 * g[i, j, k] ** 2 + a[..., k].sum() * g[i, j, k] ** 3
            weight += (g[i, j, k] ** 2 / below if below != 0 else 0.0) * max(g[i, j, k], 0)
        found += weight * a[..., k]
    return np.maximum(found, 0)


def layer_cam(a: Array, g: Array) -> Array:
    """Jiang et al., equations 3 to 5."""
    found = np.zeros(a.shape[:2])
    for k in range(a.shape[2]):
        for i, j in np.ndindex(a.shape[:2]):
            found[i, j] += max(g[i, j, k], 0) * a[i, j, k]
    return np.maximum(found, 0)


def integrated_gradients(net: Net, x: Array, target: int, steps: int) -> Array:
    """Sundararajan et al., equation 1 from black, by `steps` midpoints and central differences."""
    total = np.zeros_like(x)
    for i in range(steps):
        total += differences(lambda p: net.score(p, target), (i + 0.5) / steps * x)
    return (x * total / steps).sum(-1)


def occlusion(net: Net, x: Array, target: int, side: int, stride: int, fill: float) -> Array:
    """How much the score falls, averaged over the windows that hide a pixel."""
    height, width, _ = x.shape
    total, count, whole = np.zeros((height, width)), np.zeros((height, width)), net.score(x, target)
    for top in sorted({min(t, height - side) for t in range(0, height, stride)}):
        for left in sorted({min(t, width - side) for t in range(0, width, stride)}):
            hidden = x.copy()
            hidden[top : top + side, left : left + side] = fill
            total[top : top + side, left : left + side] += whole - net.score(hidden, target)
            count[top : top + side, left : left + side] += 1
    return total / count


def rollout(attentions: list[Array]) -> Array:
    """Abnar and Zuidema 2020: (heads, tokens, tokens) of each layer -> how much each token takes from each."""
    found = np.eye(attentions[0].shape[-1])
    for layer in attentions:
        mixed = np.zeros_like(found)
        for head in layer:
            mixed += head / len(layer)
        found = (0.5 * mixed + 0.5 * np.eye(len(found))) @ found
    return found
