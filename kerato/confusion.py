"""Metrics made of counts: true and false positives and negatives.

`confusion` is the one place that counts; precision, recall, F scores and areas under curves are ratios of its sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from kerato import config, ops
from kerato.arguments import Rule, flag, integer, one_of, optional
from kerato.errors import invalid
from kerato.measures import Metric, ratio
from kerato.objectives import cast, same_rank
from kerato.variables import Variable

Array = Any

#: the four counts
COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_NONE_PASSES = -1e10


def confusion(y_true: Array, y_pred: Array, thresholds: Sequence[float], weight: Array, dtype: str) -> list[Array]:
    """The weighted counts (thresholds, labels) of `COUNTS` for y and p of shape (samples, labels)."""
    limits = np.asarray(thresholds, dtype)[:, None, None]
    positive = cast(ops.greater(ops.expand_dims(y_pred, 0), limits), dtype)
    y = cast(ops.not_equal(y_true, 0), dtype)
    true, false = (y, 1.0 - y) if weight is None else (y * weight, (1.0 - y) * weight)
    hits, alarms = (ops.sum(positive * ops.expand_dims(x, 0), axis=1) for x in (true, false))
    zeros, ones = (ops.sum(x, axis=0, keepdims=True) for x in (false, true))
    return [hits, alarms, zeros - alarms, ones - hits]


def _in_range(value: Any) -> list[float]:
    limits = [float(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
    if not all(0 <= item <= 1 for item in limits):
        raise ValueError
    return limits


def _thresholds(value: Any, _: Any) -> Any:
    _in_range(value)
    return value


class ConfusionMetric(Metric):
    """Base of metrics that count at thresholds: `counted` says which of the four counts are kept.

    Args:
        thresholds: numbers from 0 to 1, or one; a sample is positive above. 0.5 unless given.
        top_k: only the k largest values of a sample can be positive.
        class_id: look at this class alone.
    """

    counted: ClassVar[tuple[str, ...]] = ()
    checks: ClassVar[dict[str, Rule]] = {
        "thresholds": optional(Rule("a number from 0 to 1, or several", _thresholds)),
        "top_k": optional(integer(1)),
        "class_id": optional(integer(0)),
    }

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        self.limits = [0.5 if top_k is None else _NONE_PASSES] if thresholds is None else _in_range(thresholds)
        self.make_counts((len(self.limits),))

    def make_counts(self, shape: tuple[int, ...]) -> None:
        """One variable of `shape` for every kept count."""
        for name in self.counted:
            setattr(self, name, self.add_variable(shape, dtype=self.dtype, name=name))

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Take in one batch; `y_true` is 0 or 1, with the shape of `y_pred`."""
        p, y = same_rank(self.array(y_pred), self.array(y_true))
        if self.top_k is not None:
            p = _only_top(p, self.top_k)
        if self.class_id is not None:
            y, p = y[..., self.class_id], p[..., self.class_id]
        self.count(y, p, sample_weight)

    def count(self, y: Array, p: Array, sample_weight: Array, labels: int = 1) -> None:
        """Add the counts of `y` and `p` (samples, ...), per label where there are several."""
        weight = None if sample_weight is None else self.array(sample_weight)
        if weight is not None and weight.shape:
            weight = ops.reshape(weight, (*weight.shape, *(1,) * (len(p.shape) - len(weight.shape))))
            weight = ops.reshape(ops.broadcast_to(weight, p.shape), (-1, labels))
        found = confusion(ops.reshape(y, (-1, labels)), ops.reshape(p, (-1, labels)), self.limits, weight, self.dtype)
        for name, value in zip(COUNTS, found, strict=True):
            if name in self.counted:
                variable: Variable = getattr(self, name)
                variable.assign_add(ops.reshape(value, variable.shape))

    def of_counts(self) -> list[Array]:
        """The kept counts."""
        return [getattr(self, name).value for name in self.counted]

    def result(self) -> Array:
        """The first kept count divided by the sum of all kept; one number where there is one threshold."""
        first, *others = self.of_counts()
        value = ratio(first, sum(others, first)) if others else first
        return value[0] if len(self.limits) == 1 else value


def _only_top(p: Array, k: int) -> Array:
    chosen = ops.sum(ops.one_hot(ops.top_k(p, k)[1], p.shape[-1], dtype=p.dtype), axis=-2)
    return p * chosen + _NONE_PASSES * (1 - chosen)


class _Count(ConfusionMetric):
    """One of the four counts."""

    top_k: int | None = None
    class_id: int | None = None

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: str | None = None
    ) -> None:
        Metric.__init__(self, name, dtype)
        self.limits = [0.5] if thresholds is None else _in_range(thresholds)
        self.make_counts((len(self.limits),))


class TruePositives(_Count):
    """How many ones are called one."""

    counted = ("true_positives",)


class FalsePositives(_Count):
    """How many zeros are called one."""

    counted = ("false_positives",)


class TrueNegatives(_Count):
    """How many zeros are called zero."""

    counted = ("true_negatives",)


class FalseNegatives(_Count):
    """How many ones are called zero."""

    counted = ("false_negatives",)


class Precision(ConfusionMetric):
    """Of those called one, the share that is: true / (true + false positives)."""

    counted = ("true_positives", "false_positives")


class Recall(ConfusionMetric):
    """Of the ones, the share that is called one: true positives / (true positives + false negatives)."""

    counted = ("true_positives", "false_negatives")


class AUC(ConfusionMetric):
    """The area under a curve of rates over all thresholds, by sums between neighbouring thresholds.

    Args:
        num_thresholds: how many thresholds, the two just outside [0, 1] included.
        curve: `'ROC'` (true against false positive rate) or `'PR'` (precision against recall).
        summation_method: `'interpolation'` (the mean height, Davis & Goadrich 2006 for PR), `'minoring'`, `'majoring'`.
        thresholds: these instead of evenly spaced ones.
        multi_label: one curve per label, (samples, num_labels); their mean, weighted by `label_weights`.
        from_logits: take the sigmoid of the predictions.
    """

    counted = COUNTS
    checks: ClassVar[dict[str, Rule]] = {
        "num_thresholds": integer(2),
        "curve": one_of("ROC", "PR"),
        "summation_method": one_of("interpolation", "minoring", "majoring"),
        "multi_label": flag,
        "num_labels": optional(integer(1)),
        "from_logits": flag,
    }

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        Metric.__init__(self, name, dtype)
        inner = np.linspace(0, 1, num_thresholds)[1:-1].tolist() if thresholds is None else sorted(thresholds)
        self.limits = [-config.epsilon(), *inner, 1 + config.epsilon()]
        self.num_thresholds = len(self.limits)
        if not multi_label or num_labels is not None:
            self.make_counts((self.num_thresholds, num_labels) if num_labels else (self.num_thresholds,))

    def build(self, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> None:
        """Make the counts of a metric with `multi_label` and no `num_labels`."""
        if "true_positives" not in self.__dict__:
            self.make_counts((self.num_thresholds, int(y_pred_shape[-1] or 0)))

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Take in one batch; `y_true` is 0 or 1, with the shape of `y_pred`."""
        p, y = same_rank(self.array(y_pred), self.array(y_true))
        self.build(y.shape, p.shape)
        weight, labels = sample_weight, 1
        if self.multi_label:
            labels = p.shape[-1]
        elif self.label_weights is not None:
            weight = ops.broadcast_to(np.asarray(self.label_weights, self.dtype)[None], p.shape)
            if sample_weight is not None:
                weight = weight * ops.expand_dims(self.array(sample_weight), -1)
        self.count(y, ops.sigmoid(p) if self.from_logits else p, weight, labels)

    def result(self) -> Array:
        """The area."""
        hits, alarms, rejections, misses = self.of_counts()
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated(hits, alarms, misses)
        else:
            recall = ratio(hits, hits + misses)
            rate = ratio(alarms, alarms + rejections)
            x, y = (rate, recall) if self.curve == "ROC" else (recall, ratio(hits, hits + alarms))
            height = {"minoring": ops.minimum, "majoring": ops.maximum}.get(self.summation_method, _middle)
            areas = (x[:-1] - x[1:]) * height(y[:-1], y[1:])
        total = ops.sum(areas, axis=0)
        if not self.multi_label:
            return total
        weights = np.ones(total.shape) if self.label_weights is None else np.asarray(self.label_weights)
        return ops.sum(total * cast(ops.convert_to_tensor(weights), total.dtype)) / float(np.sum(weights))


def _middle(a: Array, b: Array) -> Array:
    return (a + b) / 2.0


def _interpolated(hits: Array, alarms: Array, misses: Array) -> Array:
    """Areas under precision against recall; between thresholds, positives of both kinds grow in proportion.

    Source: Davis & Goadrich 2006, The relationship between precision-recall and ROC curves.
    """
    called = hits + alarms
    gained = hits[:-1] - hits[1:]
    slope = ratio(gained, ops.maximum(called[:-1] - called[1:], 0.0))
    offset = hits[1:] - slope * called[1:]
    both = ops.logical_and(called[:-1] > 0, called[1:] > 0)
    growth = ops.where(both, ratio(called[:-1], called[1:]), 1.0)
    return ratio(slope * (gained + offset * ops.log(growth)), ops.maximum(hits[1:] + misses[1:], 0.0))


class FBetaScore(Metric):
    """`(1 + beta**2) * precision * recall / (beta**2 * precision + recall)` for labels (samples, classes).

    Args:
        average: None gives one score per class; `'macro'` their mean, `'weighted'` their mean by class frequency,
            `'micro'` the score of all classes counted together.
        beta: how much more recall counts than precision.
        threshold: what is above is called one; None calls the largest value of a sample one.
    """

    checks: ClassVar[dict[str, Rule]] = {"average": one_of(None, "micro", "macro", "weighted")}

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)

    def build(self, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> None:
        """Make the three counts, per class unless `average` is `'micro'`."""
        if "true_positives" not in self.__dict__:
            if len(y_pred_shape) != 2 or y_pred_shape[-1] is None:
                raise invalid(type(self).__name__, "y_pred", "of shape (samples, classes)", tuple(y_pred_shape))
            shape = () if self.average == "micro" else (y_pred_shape[-1],)
            for name in ("true_positives", "false_positives", "false_negatives"):
                setattr(self, name, self.add_variable(shape, dtype=self.dtype, name=name))

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Take in one batch of one-hot (or multi-hot) `y_true` and `y_pred` (samples, classes)."""
        y, p = self.array(y_true), self.array(y_pred)
        self.build(y.shape, p.shape)
        if self.threshold is None:
            called = ops.logical_and(p >= ops.max(p, axis=-1, keepdims=True), ops.abs(p) > 1e-9)
        else:
            called = p > self.threshold
        self._add(y, cast(called, self.dtype), sample_weight)

    def _add(self, y: Array, called: Array, sample_weight: Array) -> None:
        w = 1.0 if sample_weight is None else ops.expand_dims(self.array(sample_weight), 1)
        axis = None if self.average == "micro" else 0
        self.true_positives.assign_add(ops.sum(w * (called * y), axis=axis))
        self.false_positives.assign_add(ops.sum(w * (called * (1.0 - y)), axis=axis))
        self.false_negatives.assign_add(ops.sum(w * ((1.0 - called) * y), axis=axis))

    def result(self) -> Array:
        """The score, or one per class."""
        hits, alarms, misses = (v.value for v in (self.true_positives, self.false_positives, self.false_negatives))
        precision, recall = hits / (hits + alarms + config.epsilon()), hits / (hits + misses + config.epsilon())
        square = self.beta**2
        score = (1 + square) * precision * recall / (square * precision + recall + config.epsilon())
        if self.average == "weighted":
            frequency = hits + misses
            return ops.sum(score * frequency) / (ops.sum(frequency) + config.epsilon())
        return score if self.average is None else ops.mean(score)


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: `FBetaScore` with beta 1."""

    beta = 1.0

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: str | None = None,
    ) -> None:
        Metric.__init__(self, name, dtype)
