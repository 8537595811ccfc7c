"""Metrics of regions in pictures: how well the pixels of a class are found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from kerato import config, ops
from kerato.arguments import Rule, flag, integer, optional
from kerato.errors import invalid
from kerato.measures import Metric
from kerato.objectives import cast

Array = Any


class IoU(Metric):
    """Intersection over union of regions: `hits / (hits + alarms + misses)`, the mean over some classes.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes that count.
        ignore_class: samples with this label do not count.
        sparse_y_true: labels are class numbers; else the largest value along `axis` says the class.
        sparse_y_pred: the same for predictions.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "num_classes": integer(1),
        "ignore_class": optional(integer(0)),
        "sparse_y_true": flag,
        "sparse_y_pred": flag,
    }
    sparse_y_true = sparse_y_pred = True
    ignore_class: int | None = None
    axis = -1

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        if max(target_class_ids) >= num_classes:
            raise invalid(type(self).__name__, "target_class_ids", f"ints < {num_classes}", target_class_ids)
        self.start(name, dtype)

    def start(self, name: str | None, dtype: str | None) -> None:
        """Make the state: how often class i (row) is taken for class j (column)."""
        Metric.__init__(self, name, dtype or "int32")
        size = (self.num_classes, self.num_classes)
        self.total = self.add_variable(size, dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Take in one batch of class numbers, or of class scores along `axis`."""
        y = _class_numbers(y_true, self.sparse_y_true, self.axis)
        p = _class_numbers(y_pred, self.sparse_y_pred, self.axis)
        weight = jnp.broadcast_to(self.array(1 if sample_weight is None else sample_weight).reshape(-1), y.shape)
        counts = (y >= 0) & (y < self.num_classes) & (p >= 0) & (p < self.num_classes)
        if self.ignore_class is not None:
            counts &= y != self.ignore_class
        pairs = jnp.where(counts, y * self.num_classes + p, 0)
        found = jnp.zeros(self.num_classes**2, self.dtype).at[pairs].add(jnp.where(counts, weight, 0))
        self.total.assign_add(found.reshape(self.total.shape))

    def result(self) -> Array:
        """The mean over those of the target classes that occurred."""
        total = self.total.value.astype("float32")
        hits = jnp.diagonal(total)
        union = total.sum(axis=0) + total.sum(axis=1) - hits
        scores = jnp.where(union > 1e-9, hits / (union + config.epsilon()), 0.0)
        chosen = jnp.asarray(list(self.target_class_ids))
        occurred = jnp.sum((union[chosen] > 1e-9).astype("float32"))
        return jnp.sum(scores[chosen]) / (occurred + config.epsilon())


def _class_numbers(x: Array, sparse: bool, axis: int) -> Array:
    x = ops.convert_to_tensor(x)
    return cast(x if sparse else ops.argmax(x, axis=axis), "int32").reshape(-1)


class MeanIoU(IoU):
    """`IoU` over all classes."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        self.target_class_ids = range(self.num_classes)
        self.start(name, dtype)


class BinaryIoU(IoU):
    """`IoU` of the two regions where the prediction is below, and not below, `threshold`."""

    num_classes = 2

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.target_class_ids = list(target_class_ids)
        self.start(name, dtype)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Take in one batch of labels 0 and 1 and probabilities."""
        super().update_state(y_true, ops.convert_to_tensor(y_pred) >= self.threshold, sample_weight)


class OneHotIoU(IoU):
    """`IoU` for one-hot labels and scores per class."""

    sparse_y_true = False

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        self.start(name, dtype)


class OneHotMeanIoU(IoU):
    """`MeanIoU` for one-hot labels and scores per class."""

    sparse_y_true = False

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        self.target_class_ids = range(self.num_classes)
        self.start(name, dtype)
