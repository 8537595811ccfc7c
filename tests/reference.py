"""Slow, plain float64 loops for losses and update rules: an independent second opinion, written from the papers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

Row = Sequence[float]
EPSILON = 1e-7


def _limited(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def squared_error(y: Row, p: Row) -> float:
    return sum((a - b) ** 2 for a, b in zip(y, p, strict=True)) / len(y)


def absolute_error(y: Row, p: Row) -> float:
    return sum(abs(a - b) for a, b in zip(y, p, strict=True)) / len(y)


def percentage_error(y: Row, p: Row) -> float:
    return 100 * sum(abs(a - b) / max(abs(a), EPSILON) for a, b in zip(y, p, strict=True)) / len(y)


def logarithmic_error(y: Row, p: Row) -> float:
    logs = [(math.log(max(a, EPSILON) + 1), math.log(max(b, EPSILON) + 1)) for a, b in zip(y, p, strict=True)]
    return sum((a - b) ** 2 for a, b in logs) / len(y)


def log_cosh(y: Row, p: Row) -> float:
    return sum(math.log(math.cosh(b - a)) for a, b in zip(y, p, strict=True)) / len(y)


def huber(y: Row, p: Row, delta: float = 1.0) -> float:
    errors = [abs(a - b) for a, b in zip(y, p, strict=True)]
    return sum(e * e / 2 if e <= delta else delta * (e - delta / 2) for e in errors) / len(y)


def hinge(y: Row, p: Row) -> float:
    return sum(max(1 - a * b, 0) for a, b in zip(y, p, strict=True)) / len(y)


def squared_hinge(y: Row, p: Row) -> float:
    return sum(max(1 - a * b, 0) ** 2 for a, b in zip(y, p, strict=True)) / len(y)


def categorical_hinge(y: Row, p: Row) -> float:
    right = sum(a * b for a, b in zip(y, p, strict=True))
    wrong = max((1 - a) * b for a, b in zip(y, p, strict=True))
    return max(wrong - right + 1, 0)


def kl_divergence(y: Row, p: Row) -> float:
    pairs = [(_limited(a, EPSILON, 1), _limited(b, EPSILON, 1)) for a, b in zip(y, p, strict=True)]
    return sum(a * math.log(a / b) for a, b in pairs)


def poisson(y: Row, p: Row) -> float:
    return sum(b - a * math.log(b + EPSILON) for a, b in zip(y, p, strict=True)) / len(y)


def cosine(y: Row, p: Row) -> float:
    lengths = math.sqrt(sum(a * a for a in y)) * math.sqrt(sum(b * b for b in p))
    return -sum(a * b for a, b in zip(y, p, strict=True)) / lengths


def cosine_proximity(y: Row, p: Row) -> float:
    return cosine(y, p) / len(y)


def binary_crossentropy(y: Row, p: Row) -> float:
    inside = [(a, _limited(b, EPSILON, 1 - EPSILON)) for a, b in zip(y, p, strict=True)]
    return -sum(a * math.log(b) + (1 - a) * math.log(1 - b) for a, b in inside) / len(y)


def categorical_crossentropy(y: Row, p: Row) -> float:
    return -sum(a * math.log(_limited(b / sum(p), EPSILON, 1 - EPSILON)) for a, b in zip(y, p, strict=True))


def dice(y: Row, p: Row) -> float:
    return 1 - 2 * sum(a * b for a, b in zip(y, p, strict=True)) / (sum(y) + sum(p) + EPSILON)


def tversky(y: Row, p: Row, alpha: float = 0.5, beta: float = 0.5) -> float:
    hits = sum(a * b for a, b in zip(y, p, strict=True))
    missed, extra = (sum(a * (1 - b) for a, b in pairs) for pairs in (zip(y, p, strict=True), zip(p, y, strict=True)))
    return 1 - hits / (hits + alpha * missed + beta * extra + EPSILON)


#: Update rules take (weight, its gradient as a function of weight and time, updates) and give the weight after each.
Gradient = Callable[[float, int], float]


def sgd(
    w: float, gradient: Gradient, steps: int, lr: float, momentum: float = 0, nesterov: bool = False
) -> list[float]:
    path, v = [], 0.0
    for t in range(steps):
        g = gradient(w, t)
        v = momentum * v - lr * g
        w += momentum * v - lr * g if nesterov else v
        path.append(w)
    return path


def rmsprop(w: float, gradient: Gradient, steps: int, lr: float, rho: float = 0.9) -> list[float]:
    path, a = [], 0.0
    for t in range(steps):
        g = gradient(w, t)
        a = rho * a + (1 - rho) * g * g
        w -= lr * g / math.sqrt(a + EPSILON)
        path.append(w)
    return path


def adagrad(w: float, gradient: Gradient, steps: int, lr: float, first: float = 0.1) -> list[float]:
    path, a = [], first
    for t in range(steps):
        g = gradient(w, t)
        a += g * g
        w -= lr * g / math.sqrt(a + EPSILON)
        path.append(w)
    return path


def adadelta(w: float, gradient: Gradient, steps: int, lr: float, rho: float = 0.95) -> list[float]:
    path, a, d = [], 0.0, 0.0
    for t in range(steps):
        g = gradient(w, t)
        a = rho * a + (1 - rho) * g * g
        u = g * math.sqrt(d + EPSILON) / math.sqrt(a + EPSILON)
        d = rho * d + (1 - rho) * u * u
        w -= lr * u
        path.append(w)
    return path


def adam(w: float, gradient: Gradient, steps: int, lr: float, amsgrad: bool = False) -> list[float]:
    path, m, v, largest = [], 0.0, 0.0, 0.0
    for t in range(steps):
        g = gradient(w, t)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        largest = max(largest, v) if amsgrad else v
        step = lr * math.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
        w -= step * m / (math.sqrt(largest) + EPSILON)
        path.append(w)
    return path


def adamax(w: float, gradient: Gradient, steps: int, lr: float) -> list[float]:
    path, m, u = [], 0.0, 0.0
    for t in range(steps):
        g = gradient(w, t)
        m, u = 0.9 * m + 0.1 * g, max(0.999 * u, abs(g))
        w -= lr / (1 - 0.9 ** (t + 1)) * m / (u + EPSILON)
        path.append(w)
    return path


def nadam(w: float, gradient: Gradient, steps: int, lr: float, schedule_decay: float = 1.0) -> list[float]:
    path, m, v, product = [], 0.0, 0.0, 1.0
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        now, after = (0.9 * (1 - 0.5 * 0.96 ** (n * schedule_decay)) for n in (t, t + 1))
        product *= now
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        mean = (1 - now) * g / (1 - product) + after * m / (1 - product * after)
        w -= lr * mean / (math.sqrt(v / (1 - 0.999**t)) + EPSILON)
        path.append(w)
    return path


def lion(w: float, gradient: Gradient, steps: int, lr: float) -> list[float]:
    path, m = [], 0.0
    for t in range(steps):
        g = gradient(w, t)
        w -= lr * math.copysign(1, 0.9 * m + 0.1 * g)
        m = 0.99 * m + 0.01 * g
        path.append(w)
    return path


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit` that compiles quickly, for tables of many small formulas that run once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def wave(*shape: int, shift: float = 0.0) -> Any:
    """Numbers in (-1, 1) without pattern or chance."""
    return np.sin(1.7 * np.arange(math.prod(shape)) + shift).reshape(shape).astype("float32")


def softmax(x: Any) -> Any:
    return (np.exp(x) / np.exp(x).sum(-1, keepdims=True)).astype("float32")


def samples(kind: str, n: int = 4, shift: float = 0.0) -> tuple[Any, Any]:
    """Targets and predictions for n samples of three values, of the kind that a loss or metric takes."""
    raw, other, labels = wave(n, 3, shift=shift), wave(n, 3, shift=shift + 1), (np.arange(n) * 2 + int(shift)) % 3
    one_hot, ones = np.eye(3, dtype="float32")[labels], (other > 0).astype("float32")
    return {
        "values": (np.abs(other) + 0.5, np.abs(raw) + 0.25),
        "signs": (np.sign(other), raw * 1.5),
        "binary": (ones, (1 / (1 + np.exp(-2 * raw))).astype("float32")),
        "logits": (ones, 2 * raw),
        "sparse": (labels.astype("int32"), softmax(2 * raw)),
        "sparse_logits": (labels.astype("int32"), 2 * raw),
        "onehot": (one_hot, softmax(2 * raw)),
        "onehot_logits": (one_hot, 2 * raw),
        "classes": (labels.astype("int32"), ((np.arange(n) + int(shift)) % 3).astype("int32")),
    }[kind]


#: Weights of the samples, by how many there are.
WEIGHTS = {4: np.array([1.0, 0.5, 2.0, 0.0], "float32"), 3: np.array([0.25, 1.0, 3.0], "float32")}
