"""Metrics of a choice of threshold: the best of one rate where another one is at least so much; and of regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from kerato import config, ops
from kerato.arguments import Rule, fraction, integer, one_of, optional
from kerato.confusion import COUNTS, ConfusionMetric
from kerato.errors import invalid
from kerato.measures import Metric, NamedMean, ratio
from kerato.objectives import per_sample, same_rank

Array = Any


class _Tradeoff(ConfusionMetric):
    """The largest of one rate over the thresholds at which another is at least the first argument."""

    counted = COUNTS
    checks: ClassVar[dict[str, Rule]] = {
        "specificity": fraction,
        "sensitivity": fraction,
        "recall": fraction,
        "precision": fraction,
        "num_thresholds": integer(1),
        "class_id": optional(integer(0)),
    }
    top_k: int | None = None
    keras_module = "keras.metrics"

    def make(self, name: str | None, dtype: str | None) -> None:
        """Make the counts of all thresholds, evenly spaced from 0 to 1; a single one is 0.5."""
        Metric.__init__(self, name, dtype)
        self.limits = [0.5] if self.num_thresholds == 1 else np.linspace(0, 1, self.num_thresholds).tolist()
        self.make_counts((len(self.limits),))

    def best(self, wanted: Array, given: Array, least: float) -> Array:
        """The largest of `wanted` where `given` is at least `least`, 0 if it never is."""
        return ops.max(ops.where(ops.greater_equal(given, least), wanted, 0.0))

    def rates(self) -> dict[str, Array]:
        """Precision, recall (which is sensitivity) and specificity at each threshold."""
        hits, alarms, rejections, misses = self.of_counts()
        return {
            "precision": ratio(hits, hits + alarms),
            "recall": ratio(hits, hits + misses),
            "specificity": ratio(rejections, rejections + alarms),
        }


class SensitivityAtSpecificity(_Tradeoff):
    """The best share of ones called one, where at least `specificity` of the zeros are called zero."""

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.make(name, dtype)

    def result(self) -> Array:
        """The best sensitivity."""
        rates = self.rates()
        return self.best(rates["recall"], rates["specificity"], self.specificity)


class SpecificityAtSensitivity(_Tradeoff):
    """The best share of zeros called zero, where at least `sensitivity` of the ones are called one."""

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.make(name, dtype)

    def result(self) -> Array:
        """The best specificity."""
        rates = self.rates()
        return self.best(rates["specificity"], rates["recall"], self.sensitivity)


class PrecisionAtRecall(_Tradeoff):
    """The best precision where recall is at least `recall`."""

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.make(name, dtype)

    def result(self) -> Array:
        """The best precision."""
        rates = self.rates()
        return self.best(rates["precision"], rates["recall"], self.recall)


class RecallAtPrecision(_Tradeoff):
    """The best recall where precision is at least `precision`."""

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.make(name, dtype)

    def result(self) -> Array:
        """The best recall."""
        rates = self.rates()
        return self.best(rates["recall"], rates["precision"], self.precision)


def _centred(x: Array, axis: int) -> Array:
    return x - ops.mean(x, axis=axis, keepdims=True)


@per_sample
def pearson_correlation(y_true: Array, y_pred: Array, axis: int = -1) -> Array:
    """The covariance of y and p divided by both standard deviations, over `axis`."""
    y, p = _centred(y_true, axis), _centred(y_pred, axis)
    spread = ops.sqrt(ops.mean(ops.square(y), axis=axis) * ops.mean(ops.square(p), axis=axis))
    return ops.mean(y * p, axis=axis) / spread


@per_sample
def concordance_correlation(y_true: Array, y_pred: Array, axis: int = -1) -> Array:
    """`2 cov(y, p) / (var y + var p + (mean y - mean p)**2)`. Source: Lin 1989, Biometrics 45:255."""
    y, p = _centred(y_true, axis), _centred(y_pred, axis)
    apart = ops.square(ops.mean(y_true, axis=axis) - ops.mean(y_pred, axis=axis))
    spread = ops.mean(ops.square(y), axis=axis) + ops.mean(ops.square(p), axis=axis) + apart
    return 2.0 * ops.mean(y * p, axis=axis) / (spread + config.epsilon())


class PearsonCorrelation(NamedMean):
    """The mean of `pearson_correlation`."""

    formula: ClassVar[Callable[..., Array]] = staticmethod(pearson_correlation)

    def __init__(self, name: str | None = "pearson_correlation", dtype: str | None = None, axis: int = -1) -> None:
        super().__init__(name, dtype)


class ConcordanceCorrelation(NamedMean):
    """The mean of `concordance_correlation`."""

    formula: ClassVar[Callable[..., Array]] = staticmethod(concordance_correlation)

    def __init__(self, name: str | None = "concordance_correlation", dtype: str | None = None, axis: int = -1) -> None:
        super().__init__(name, dtype)


class R2Score(Metric):
    """The share of the variance of y that is explained: `1 - sum((y - p)**2) / sum((y - mean y)**2)`, per output.

    Args:
        class_aggregation: `'uniform_average'` is the mean over the outputs, `'variance_weighted_average'` weighs them
            by their variance, None gives one number per output.
        num_regressors: variables that the score is adjusted for.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "class_aggregation": one_of(None, "uniform_average", "variance_weighted_average"),
        "num_regressors": integer(0),
    }

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        self.num_samples = self.add_variable((), dtype=self.dtype, name="num_samples")

    def build(self, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> None:
        """Make the sums, one per output."""
        if "residual" not in self.__dict__:
            if len(y_pred_shape) != 2 or y_pred_shape[-1] is None:
                raise invalid("R2Score", "y_pred", "of shape (samples, outputs)", tuple(y_pred_shape))
            for name in ("squared_sum", "sum", "residual", "count"):
                setattr(self, name, self.add_variable((y_pred_shape[-1],), dtype=self.dtype, name=name))

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Take in one batch, (samples, outputs)."""
        y, p = same_rank(self.array(y_true), self.array(y_pred))
        self.build(y.shape, p.shape)
        w = ops.ones_like(y)
        if sample_weight is not None:
            given = self.array(sample_weight)
            w = w * (ops.expand_dims(given, 1) if len(given.shape) == 1 else given)
        self.sum.assign_add(ops.sum(w * y, axis=0))
        self.squared_sum.assign_add(ops.sum(w * y * y, axis=0))
        self.residual.assign_add(ops.sum(w * ops.square(y - p), axis=0))
        self.count.assign_add(ops.sum(w, axis=0))
        self.num_samples.assign_add(float(np.prod(y.shape)))

    def result(self) -> Array:
        """The score, or one per output."""
        total = self.squared_sum.value - ratio(ops.square(self.sum.value), self.count.value)
        flat = ops.equal(total, 0)
        scores = ops.where(flat, 0.0, 1.0 - self.residual.value / ops.where(flat, 1.0, total))
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation is not None:
            scores = ratio(ops.sum(total * scores), ops.sum(total))
        if not self.num_regressors:
            return scores
        left = self.num_samples.value - float(self.num_regressors) - 1.0
        adjusted = 1.0 - (1.0 - scores) * (self.num_samples.value - 1.0) / ops.where(left > 0, left, 1.0)
        return ops.where(left > 0, adjusted, scores)
