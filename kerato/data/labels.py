"""Class labels: integers and one-hot vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerato.errors import invalid


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray[Any, Any]:
    """Integers (...) or (..., 1) as one-hot vectors (..., num_classes) in float32: [0, 2] -> [[1, 0, 0], [0, 0, 1]].

    Args:
        x: integers from 0 on.
        num_classes: length of the vectors; the largest integer plus 1 unless given.

    Raises:
        InvalidValue: a number is negative, not whole, or not below `num_classes`.
    """
    labels = np.asarray(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    whole = labels.astype(np.int64)
    if whole.size and (whole.min() < 0 or not np.array_equal(whole, labels)):
        raise invalid("to_categorical", "x", "integers >= 0", x)
    size = int(whole.max(initial=-1)) + 1 if num_classes is None else num_classes
    if whole.size and whole.max() >= size:
        raise invalid("to_categorical", "num_classes", f"above the largest label, {whole.max()}", num_classes)
    return np.eye(size, dtype=np.float32)[whole]


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray[Any, Any]:
    """`x` over its norm along `axis`; what is 0 everywhere stays so.

    Raises:
        InvalidValue: `order` is no positive number.
    """
    if isinstance(order, bool) or not order > 0:
        raise invalid("normalize", "order", "a number > 0", order)
    values = np.asarray(x, np.float64 if np.asarray(x).dtype == np.float64 else np.float32)
    norms = np.linalg.norm(values, order, axis, keepdims=True) if values.ndim else np.abs(values)
    return np.asarray(values / np.where(norms == 0, 1, norms))
