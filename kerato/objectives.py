"""Objectives: the formulas of the losses (book chapter 4), over `kerato.ops`.

`mean_squared_error(y_true, y_pred)` and its kind give one number per sample: they take their mean or sum over the
last axis. Epsilon is `config.epsilon()`, 1e-7. `kerato.losses` makes objects of them and finds them by name.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

from kerato import config, ops
from kerato.errors import InvalidValue, sentence

Array = Any


def cast(x: Array, dtype: Any) -> Array:
    """`x` in `dtype`, itself where it has that already (so that a graph gets no idle node)."""
    return x if str(x.dtype) == str(dtype) else ops.cast(x, dtype)


def _prediction(y_pred: Array) -> Array:
    y_pred = ops.convert_to_tensor(y_pred)
    return y_pred if "float" in str(y_pred.dtype) else ops.cast(y_pred, config.floatx())


def same_rank(a: Array, b: Array) -> tuple[Array, Array]:
    """`a` and `b`, where one has a last axis of size 1 too many: (n, 1) beside (n,) becomes twice (n, 1)."""
    if len(a.shape) == len(b.shape) + 1 and a.shape[-1] == 1:
        return (a, ops.expand_dims(b, -1)) if len(b.shape) == 1 else (ops.squeeze(a, -1), b)
    if len(b.shape) == len(a.shape) + 1 and b.shape[-1] == 1:
        return same_rank(b, a)[::-1]
    return a, b


def beside(weight: Array, values: Array) -> Array:
    """`weight` in the dtype of `values`, with axes so that a weight per sample holds for all values of the sample."""
    weight = cast(ops.convert_to_tensor(weight), values.dtype)
    while len(weight.shape) > len(values.shape) and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    missing = len(values.shape) - len(weight.shape)
    return ops.expand_dims(weight, tuple(range(-missing, 0))) if missing > 0 and weight.shape else weight


def _shown(x: Array) -> str:
    return str(tuple(x.shape))


def _mismatch(owner: str, y_true: Array, y_pred: Array, remedy: str) -> InvalidValue:
    return InvalidValue(
        sentence(f"{owner}: targets have shape {_shown(y_true)}, predictions {_shown(y_pred)}.", remedy)
    )


def _remedy(owner: str, y_true: Array, y_pred: Array) -> str:
    classes = y_pred.shape[-1] if y_pred.shape else None
    integers = len(y_true.shape) == len(y_pred.shape) - 1 or (y_true.shape and y_true.shape[-1] == 1)
    if integers and classes and classes > 1:
        sparse = "Use sparse_categorical_crossentropy, or " if "crossentropy" in owner else "Use "
        return f"Integer labels? {sparse}to_categorical(y, {classes})."
    if len(y_true.shape) == len(y_pred.shape):
        return f"The network's last layer must have {y_true.shape[-1]} outputs."
    return "They must have the same shape."


def _fit(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> bool:
    return len(a) == len(b) and all(x == y or x is None or y is None for x, y in zip(a, b, strict=True))


def per_sample(formula: Callable[..., Array]) -> Callable[..., Array]:
    """Let `formula(y_true, y_pred, ...)` take anything array-like: one float dtype, and one shape or a clear error."""

    @functools.wraps(formula)
    def loss(y_true: Array, y_pred: Array, *args: Any, **kwargs: Any) -> Array:
        y_pred = _prediction(y_pred)
        targets, predictions = same_rank(cast(ops.convert_to_tensor(y_true), y_pred.dtype), y_pred)
        if not _fit(tuple(targets.shape), tuple(predictions.shape)):
            name = formula.__name__
            raise _mismatch(name, targets, predictions, _remedy(name, targets, predictions))
        return formula(targets, predictions, *args, **kwargs)

    return loss


@per_sample
def mean_squared_error(y_true: Array, y_pred: Array) -> Array:
    """`mean((y - p)**2)`."""
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@per_sample
def mean_absolute_error(y_true: Array, y_pred: Array) -> Array:
    """`mean(|y - p|)`."""
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@per_sample
def mean_absolute_percentage_error(y_true: Array, y_pred: Array) -> Array:
    """`100 * mean(|y - p| / max(|y|, epsilon))`."""
    return 100.0 * ops.mean(ops.abs(y_true - y_pred) / ops.maximum(ops.abs(y_true), config.epsilon()), axis=-1)


@per_sample
def mean_squared_logarithmic_error(y_true: Array, y_pred: Array) -> Array:
    """`mean((log(y + 1) - log(p + 1))**2)`, y and p at least epsilon."""
    logs = [ops.log(ops.maximum(x, config.epsilon()) + 1.0) for x in (y_true, y_pred)]
    return ops.mean(ops.square(logs[0] - logs[1]), axis=-1)


@per_sample
def log_cosh(y_true: Array, y_pred: Array) -> Array:
    """`mean(log(cosh(p - y)))`, computed as `x + softplus(-2 x) - log 2`, which does not overflow."""
    x = y_pred - y_true
    return ops.mean(x + ops.softplus(-2.0 * x) - math.log(2.0), axis=-1)


@per_sample
def huber(y_true: Array, y_pred: Array, delta: float = 1.0) -> Array:
    """`mean(e**2 / 2)` where the error e is at most `delta`, else `mean(delta * |e| - delta**2 / 2)`."""
    error = ops.abs(y_pred - y_true)
    outside = delta * error - 0.5 * delta**2
    return ops.mean(ops.where(error <= delta, 0.5 * ops.square(error), outside), axis=-1)


def _signed(y_true: Array) -> Array:
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


@per_sample
def hinge(y_true: Array, y_pred: Array) -> Array:
    """`mean(max(1 - y * p, 0))` for labels -1 and 1 (0 and 1 are read as those)."""
    return ops.mean(ops.maximum(1.0 - _signed(y_true) * y_pred, 0.0), axis=-1)


@per_sample
def squared_hinge(y_true: Array, y_pred: Array) -> Array:
    """`mean(max(1 - y * p, 0)**2)` for labels -1 and 1 (0 and 1 are read as those)."""
    return ops.mean(ops.square(ops.maximum(1.0 - _signed(y_true) * y_pred, 0.0)), axis=-1)


@per_sample
def hinge_of_signs(y_true: Array, y_pred: Array) -> Array:
    """`mean(max(1 - y * p, 0))` with the labels as they are: the `hinge` of Keras 2.0.5 and before."""
    return ops.mean(ops.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


@per_sample
def squared_hinge_of_signs(y_true: Array, y_pred: Array) -> Array:
    """`mean(max(1 - y * p, 0)**2)` with the labels as they are: the `squared_hinge` of Keras 2.0.5 and before."""
    return ops.mean(ops.square(ops.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


@per_sample
def categorical_hinge(y_true: Array, y_pred: Array) -> Array:
    """`max(max((1 - y) * p) - sum(y * p) + 1, 0)` for one-hot labels."""
    wrong, right = ops.max((1.0 - y_true) * y_pred, axis=-1), ops.sum(y_true * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


@per_sample
def kl_divergence(y_true: Array, y_pred: Array) -> Array:
    """`sum(y * log(y / p))`, y and p in [epsilon, 1]."""
    y, p = (ops.clip(x, config.epsilon(), 1.0) for x in (y_true, y_pred))
    return ops.sum(y * ops.log(y / p), axis=-1)


@per_sample
def poisson(y_true: Array, y_pred: Array) -> Array:
    """`mean(p - y * log(p + epsilon))`."""
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


@per_sample
def cosine_similarity(y_true: Array, y_pred: Array, axis: int = -1) -> Array:
    """Minus the cosine of the angle between y and p: -1 when they point the same way."""
    return -ops.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis=axis)


@per_sample
def cosine_proximity(y_true: Array, y_pred: Array) -> Array:
    """`cosine_similarity` divided by the number of values: the loss of that name up to Keras 2.0.8."""
    return -ops.mean(_unit(y_true, -1) * _unit(y_pred, -1), axis=-1)


def _unit(x: Array, axis: int) -> Array:
    return ops.l2_normalize(x, axis, config.epsilon() ** 2)


@per_sample
def binary_crossentropy(
    y_true: Array, y_pred: Array, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """`mean(-(y log p + (1 - y) log(1 - p)))`, p in [epsilon, 1 - epsilon]; p is `sigmoid(y_pred)` for logits."""
    return ops.mean(_binary(_smoothed(y_true, label_smoothing, 2), y_pred, from_logits), axis=axis)


def _binary(y: Array, p: Array, from_logits: bool) -> Array:
    if from_logits:
        return -(y * ops.log_sigmoid(p) + (1.0 - y) * ops.log_sigmoid(-p))
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    return -(y * ops.log(p) + (1.0 - y) * ops.log(1.0 - p))


def _smoothed(y: Array, label_smoothing: float, classes: int) -> Array:
    return y * (1.0 - label_smoothing) + label_smoothing / classes if label_smoothing else y


@per_sample
def binary_focal_crossentropy(
    y_true: Array,
    y_pred: Array,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """`mean((1 - p_t)**gamma * crossentropy)`, p_t the probability of what is true; class 1 may weigh `alpha`.

    Source: Lin et al. 2017, arXiv:1708.02002.
    """
    y = _smoothed(y_true, label_smoothing, 2)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    focal = ops.power(1.0 - (y * p + (1.0 - y) * (1.0 - p)), gamma) * _binary(y, p, False)
    return ops.mean((y * alpha + (1.0 - y) * (1.0 - alpha)) * focal if apply_class_balancing else focal, axis=axis)


def _probabilities(p: Array, axis: int) -> Array:
    return ops.clip(p / ops.sum(p, axis=axis, keepdims=True), config.epsilon(), 1.0 - config.epsilon())


def _log_probabilities(p: Array, from_logits: bool, axis: int) -> Array:
    return ops.log_softmax(p, axis) if from_logits else ops.log(_probabilities(p, axis))


@per_sample
def categorical_crossentropy(
    y_true: Array, y_pred: Array, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """`-sum(y * log p)` for one-hot y (n, classes); p is divided by its sum and kept in [epsilon, 1 - epsilon]."""
    if y_pred.shape[-1] == 1:
        warnings.warn("categorical_crossentropy of one class is always 0. Use binary_crossentropy.", stacklevel=3)
    y = _smoothed(y_true, label_smoothing, y_true.shape[-1])
    return -ops.sum(y * _log_probabilities(y_pred, from_logits, axis), axis=axis)


@per_sample
def categorical_focal_crossentropy(
    y_true: Array,
    y_pred: Array,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """`-sum(alpha * (1 - p)**gamma * y * log p)`. Source: Lin et al. 2017, arXiv:1708.02002."""
    y = _smoothed(y_true, label_smoothing, y_true.shape[-1])
    p = _probabilities(ops.softmax(y_pred, axis) if from_logits else y_pred, axis)
    return -ops.sum(alpha * ops.power(1.0 - p, gamma) * y * ops.log(p), axis=axis)


def sparse_categorical_crossentropy(
    y_true: Array, y_pred: Array, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Array:
    """`-log p[y]` for integer labels y of shape (n,) or (n, 1) and p (n, classes); 0 where y is `ignore_class`.

    Raises:
        InvalidValue: the shapes do not belong together.
    """
    p, y = _prediction(y_pred), ops.convert_to_tensor(y_true)
    if len(y.shape) == len(p.shape) and y.shape[axis] == 1:
        y = ops.squeeze(y, axis)
    sizes = list(p.shape)
    classes = sizes.pop(axis)
    if not _fit(tuple(y.shape), tuple(sizes)):
        remedy = "One-hot labels? Use categorical_crossentropy, or np.argmax(y, axis=-1)."
        same = len(y.shape) == len(p.shape)
        raise _mismatch(
            "sparse_categorical_crossentropy", y, p, remedy if same else f"Labels must have shape {tuple(sizes)}."
        )
    chosen = ops.one_hot(cast(y, "int32"), classes, axis=axis, dtype=p.dtype)
    value = -ops.sum(chosen * _log_probabilities(p, from_logits, axis), axis=axis)
    return value if ignore_class is None else ops.where(ops.equal(y, ignore_class), 0.0, value)


def categorical_generalized_cross_entropy(y_true: Array, y_pred: Array, q: float = 0.5) -> Array:
    """`(1 - p[y]**q) / q` for integer labels y of shape (n,) or (n, 1): less shaken by wrong labels.

    Source: Zhang & Sabuncu 2018, arXiv:1805.07836, equation 6.
    """
    p, y = _prediction(y_pred), ops.convert_to_tensor(y_true)
    if len(y.shape) == len(p.shape) and y.shape[-1] == 1:
        y = ops.squeeze(y, -1)
    own = ops.sum(ops.one_hot(cast(y, "int32"), p.shape[-1], dtype=p.dtype) * p, axis=-1)
    return (1.0 - ops.power(own, q)) / q


@per_sample
def dice(y_true: Array, y_pred: Array, axis: Any = None) -> Array:
    """`1 - 2 sum(y p) / (sum(y) + sum(p) + epsilon)`: one minus the overlap of two regions, over `axis`."""
    overlap = 2.0 * ops.sum(y_true * y_pred, axis=axis)
    return 1.0 - overlap / (ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis) + config.epsilon())


@per_sample
def tversky(y_true: Array, y_pred: Array, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Array:
    """`1 - o / (o + alpha sum(y (1 - p)) + beta sum((1 - y) p) + epsilon)`, o = sum(y p), over `axis`.

    Source: Salehi et al. 2017, arXiv:1706.05721; alpha and beta as Keras names them.
    """
    overlap = ops.sum(y_true * y_pred, axis=axis)
    missed, extra = ops.sum(y_true * (1.0 - y_pred), axis=axis), ops.sum((1.0 - y_true) * y_pred, axis=axis)
    return 1.0 - overlap / (overlap + alpha * missed + beta * extra + config.epsilon())
