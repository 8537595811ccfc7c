"""Metrics: what is counted beside the loss (book chapter 4).

A function such as `categorical_accuracy(y_true, y_pred)` gives one number per sample; an object such as
`CategoricalAccuracy()` keeps its mean over an epoch. `get` finds both by name; names of losses are metrics too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import config, objectives, ops
from kerato.arguments import Family, serialize, snake_case
from kerato.confusion import (
    AUC,
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from kerato.measures import Mean, MeanMetricWrapper, Metric, NamedMean, Sum
from kerato.objectives import cast, per_sample, same_rank
from kerato.regions import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from kerato.tradeoffs import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    PrecisionAtRecall,
    R2Score,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    concordance_correlation,
    pearson_correlation,
)

Array = Any

__all__ = ["FAMILY", "Metric", "accuracy_for", "as_metric", "deserialize", "get", "serialize"]
__all__ += ["AUC", "BinaryIoU", "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives", "IoU", "Mean"]
__all__ += ["MeanIoU", "MeanMetricWrapper", "OneHotIoU", "OneHotMeanIoU", "Precision", "Recall", "Sum"]
__all__ += ["TrueNegatives", "TruePositives"]


#: Losses are metrics too, by name and as functions.
_LOSSES = "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy"
_LOSSES += " categorical_hinge hinge huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error"
_LOSSES += " mean_squared_error mean_squared_logarithmic_error poisson sparse_categorical_crossentropy squared_hinge"
globals().update({name: getattr(objectives, name) for name in _LOSSES.split()})


def _matches(a: Array, b: Array) -> Array:
    return ops.cast(ops.equal(a, b), config.floatx())


@per_sample
def accuracy(y_true: Array, y_pred: Array) -> Array:
    """1 where y and p are the same number, else 0."""
    return _matches(y_true, y_pred)


@per_sample
def binary_accuracy(y_true: Array, y_pred: Array, threshold: float = 0.5) -> Array:
    """1 where `p > threshold` is what y (0 or 1) says, else 0."""
    return _matches(y_true, cast(ops.greater(y_pred, threshold), y_true.dtype))


@per_sample
def categorical_accuracy(y_true: Array, y_pred: Array) -> Array:
    """1 where the largest of p is where y (one-hot, (n, classes)) has its 1, else 0."""
    return _matches(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))


def sparse_categorical_accuracy(y_true: Array, y_pred: Array) -> Array:
    """1 where the largest of p (n, classes) is at the integer y, (n,) or (n, 1), else 0."""
    y_pred = ops.convert_to_tensor(y_pred)
    return _matches(_labels(y_true, y_pred), ops.argmax(y_pred, axis=-1))


def _labels(y_true: Array, y_pred: Array) -> Array:
    y = cast(ops.convert_to_tensor(y_true), "int32")
    return ops.squeeze(y, -1) if len(y.shape) == len(y_pred.shape) and y.shape[-1] == 1 else y


@per_sample
def top_k_categorical_accuracy(y_true: Array, y_pred: Array, k: int = 5) -> Array:
    """1 where fewer than k probabilities exceed that of the class of y (one-hot), else 0."""
    return _in_top(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Array, y_pred: Array, k: int = 5, from_sorted_ids: bool = False) -> Array:
    """1 where fewer than k probabilities exceed that of the integer y, else 0.

    With `from_sorted_ids`, `y_pred` (n, classes) holds class numbers, the likeliest first.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y = _labels(y_true, y_pred)
    if from_sorted_ids:
        found = ops.equal(ops.expand_dims(y, -1), cast(y_pred[..., :k], "int32"))
        return ops.cast(ops.any(found, axis=-1), config.floatx())
    return _in_top(y, y_pred, k)


def _in_top(labels: Array, y_pred: Array, k: int) -> Array:
    chosen = ops.one_hot(labels, y_pred.shape[-1], dtype="bool")
    own = ops.max(ops.where(chosen, y_pred, -float("inf")), axis=-1, keepdims=True)
    return ops.cast(ops.sum(cast(ops.greater(y_pred, own), "int32"), axis=-1) < k, config.floatx())


@per_sample
def cosine_similarity(y_true: Array, y_pred: Array, axis: int = -1) -> Array:
    """The cosine of the angle between y and p (the loss of that name is minus this)."""
    return -objectives.cosine_similarity(y_true, y_pred, axis)


class Accuracy(NamedMean):
    """The share of values at which y and p are the same number."""

    formula = staticmethod(accuracy)


class BinaryAccuracy(NamedMean):
    """The share of values at which `p > threshold` is what y (0 or 1) says."""

    formula = staticmethod(binary_accuracy)

    def __init__(self, name: str | None = "binary_accuracy", dtype: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)


class CategoricalAccuracy(NamedMean):
    """The share of samples whose likeliest class is that of the one-hot label."""

    formula = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(NamedMean):
    """The share of samples whose likeliest class is the integer label."""

    formula = staticmethod(sparse_categorical_accuracy)


class TopKCategoricalAccuracy(NamedMean):
    """The share of samples whose one-hot label is among the k likeliest classes."""

    formula = staticmethod(top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)


class SparseTopKCategoricalAccuracy(NamedMean):
    """The share of samples whose integer label is among the k likeliest classes."""

    formula = staticmethod(sparse_top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype)


class MeanSquaredError(NamedMean):
    """The mean of `objectives.mean_squared_error`."""

    formula = staticmethod(objectives.mean_squared_error)


class RootMeanSquaredError(Mean):
    """The square root of the mean squared error of all values."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Array, y_pred: Array, sample_weight: Array = None
    ) -> None:
        """Take in one batch."""
        y, p = same_rank(*(cast(ops.convert_to_tensor(x), self.dtype) for x in (y_true, y_pred)))
        super().update_state(ops.square(p - y), sample_weight)

    def result(self) -> Array:
        """The root of the mean."""
        return ops.sqrt(super().result())


class MeanAbsoluteError(NamedMean):
    """The mean of `objectives.mean_absolute_error`."""

    formula = staticmethod(objectives.mean_absolute_error)


class MeanAbsolutePercentageError(NamedMean):
    """The mean of `objectives.mean_absolute_percentage_error`."""

    formula = staticmethod(objectives.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(NamedMean):
    """The mean of `objectives.mean_squared_logarithmic_error`."""

    formula = staticmethod(objectives.mean_squared_logarithmic_error)


class LogCoshError(NamedMean):
    """The mean of `objectives.log_cosh`."""

    formula = staticmethod(objectives.log_cosh)

    def __init__(self, name: str | None = "logcosh", dtype: str | None = None) -> None:
        super().__init__(name, dtype)


class Hinge(NamedMean):
    """The mean of `objectives.hinge`."""

    formula = staticmethod(objectives.hinge)


class SquaredHinge(NamedMean):
    """The mean of `objectives.squared_hinge`."""

    formula = staticmethod(objectives.squared_hinge)


class CategoricalHinge(NamedMean):
    """The mean of `objectives.categorical_hinge`."""

    formula = staticmethod(objectives.categorical_hinge)


class KLDivergence(NamedMean):
    """The mean of `objectives.kl_divergence`."""

    formula = staticmethod(objectives.kl_divergence)

    def __init__(self, name: str | None = "kl_divergence", dtype: str | None = None) -> None:
        super().__init__(name, dtype)


class Poisson(NamedMean):
    """The mean of `objectives.poisson`."""

    formula = staticmethod(objectives.poisson)


class CosineSimilarity(NamedMean):
    """The mean cosine of the angle between y and p."""

    formula = staticmethod(cosine_similarity)

    def __init__(self, name: str | None = "cosine_similarity", dtype: str | None = None, axis: int = -1) -> None:
        super().__init__(name, dtype)


class BinaryCrossentropy(NamedMean):
    """The mean of `objectives.binary_crossentropy`."""

    formula = staticmethod(objectives.binary_crossentropy)

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype)


class CategoricalCrossentropy(NamedMean):
    """The mean of `objectives.categorical_crossentropy`."""

    formula = staticmethod(objectives.categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)


class SparseCategoricalCrossentropy(NamedMean):
    """The mean of `objectives.sparse_categorical_crossentropy`."""

    formula = staticmethod(objectives.sparse_categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)


_CLASSES: list[type[Metric]] = [Mean, Sum, MeanMetricWrapper, Accuracy, BinaryAccuracy, CategoricalAccuracy, AUC, IoU]
_CLASSES += [SparseCategoricalAccuracy, TopKCategoricalAccuracy, SparseTopKCategoricalAccuracy, MeanSquaredError]
_CLASSES += [RootMeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError]
_CLASSES += [LogCoshError, Hinge, SquaredHinge, CategoricalHinge, KLDivergence, Poisson, CosineSimilarity, Precision]
_CLASSES += [BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, Recall, FBetaScore, F1Score]
_CLASSES += [TruePositives, TrueNegatives, FalsePositives, FalseNegatives, MeanIoU, BinaryIoU, OneHotIoU, OneHotMeanIoU]
_CLASSES += [SensitivityAtSpecificity, SpecificityAtSensitivity, PrecisionAtRecall, RecallAtPrecision, R2Score]
_CLASSES += [PearsonCorrelation, ConcordanceCorrelation]

_NAMES: dict[str, Any] = {kind.__name__: kind for kind in _CLASSES}
#: Losses that have no metric class of their own are metrics by name all the same.
_NAMES |= {f.__name__: f for f in (objectives.huber, objectives.log_cosh, objectives.cosine_proximity, objectives.dice)}
_NAMES |= {f.__name__: f for f in (objectives.hinge_of_signs, objectives.squared_hinge_of_signs)}
_SHORT = {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "bce": "BinaryCrossentropy", "kld": "KLDivergence"}
_SHORT |= {"mape": "MeanAbsolutePercentageError", "msle": "MeanSquaredLogarithmicError"}

FAMILY = Family(
    "metrics",
    "metric",
    _NAMES,
    {
        **{snake_case(kind.__name__): kind.__name__ for kind in _CLASSES},
        **_SHORT,
        **{short.upper(): name for short, name in _SHORT.items()},
        "kullback_leibler_divergence": "KLDivergence",
        "top_k_accuracy": "TopKCategoricalAccuracy",
        "mean_iou": "MeanIoU",
        "cosine_proximity": "cosine_proximity",
        "cosine": "cosine_proximity",
    },
)

__all__ += ["accuracy", "binary_accuracy", "categorical_accuracy", "cosine_similarity", "sparse_categorical_accuracy"]
__all__ += ["concordance_correlation", "sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy"]
__all__ += ["pearson_correlation"]
__all__ += [kind.__name__ for kind in _CLASSES if kind.__name__ not in __all__]

get = FAMILY.get
deserialize = FAMILY.get

Shape = Sequence[int | None]


def accuracy_for(loss: str | None, output_shape: Shape, target_shape: Shape) -> str:
    """The class that `'accuracy'` means for a network's output and its targets, shapes with the batch axis.

    One output is `BinaryAccuracy`; targets with fewer axes, or one value where there are several outputs, are
    integer labels (`SparseCategoricalAccuracy`); everything else is `CategoricalAccuracy`.
    Differs: up to Keras 2 the loss decided, which the old dialect restores.
    """
    by_loss = config.in_dialect("accuracy", (), {"by_loss": False})[1]["by_loss"]
    if output_shape[-1] == 1 or (by_loss and loss == "binary_crossentropy"):
        return "BinaryAccuracy"
    if by_loss and loss is not None:
        return "SparseCategoricalAccuracy" if loss.startswith("sparse") else "CategoricalAccuracy"
    sparse = len(target_shape) < len(output_shape) or target_shape[-1] == 1
    return "SparseCategoricalAccuracy" if sparse else "CategoricalAccuracy"


def as_metric(identifier: Any, loss: str | None = None, output_shape: Shape = (), target_shape: Shape = ()) -> Metric:
    """The metric object for whatever `get` takes, called as it was named; `'accuracy'` and `'acc'` need the shapes.

    Raises:
        UnknownName: no metric has that name.
    """
    name = identifier if isinstance(identifier, str) else None
    if name in ("accuracy", "acc") and output_shape:
        identifier = accuracy_for(loss, output_shape, target_shape)
    found: Any = get("Accuracy" if identifier == "acc" else identifier)
    metric = found if isinstance(found, Metric) else MeanMetricWrapper(found, getattr(found, "name", None))
    metric.name = name or metric.name
    return metric
