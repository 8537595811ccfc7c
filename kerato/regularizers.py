"""Regularizers: penalties on weights or outputs that are added to the loss.

`regularizer(x)` is a scalar for `x` of any shape.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from kerato import ops
from kerato.arguments import Configurable, Family, Rule, number, one_of, optional, serialize
from kerato.errors import invalid

Array = Any

__all__ = ["FAMILY", "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "SummedOverBatch", "deserialize"]
__all__ += ["get", "l1", "l1_l2", "l2", "orthogonal_regularizer", "serialize"]

_FACTOR = number(0, below=float("inf"))


class Regularizer(Configurable):
    """Base of regularizers: `regularizer(x)` gives a scalar."""

    checks: ClassVar[dict[str, Rule]] = {"l1": optional(_FACTOR), "l2": optional(_FACTOR), "factor": _FACTOR}

    def __call__(self, x: Array) -> Array:
        """The penalty for `x`."""
        return 0.0


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x**2)`."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1, self.l2 = float(l1 or 0), float(l2 or 0)

    def __call__(self, x: Array) -> Array:
        """The penalty for `x`."""
        penalties = [self.l1 * ops.sum(ops.abs(x))] if self.l1 else []
        penalties += [self.l2 * ops.sum(ops.square(x))] if self.l2 else []
        return sum(penalties[1:], penalties[0]) if penalties else 0.0


class L1(Regularizer):
    """`l1 * sum(|x|)`: drives weights to exactly 0."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = 0.01 if l1 is None else float(l1)

    def __call__(self, x: Array) -> Array:
        """The penalty for `x`."""
        return self.l1 * ops.sum(ops.abs(x))


class L2(Regularizer):
    """`l2 * sum(x**2)`: weight decay, for plain SGD."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = 0.01 if l2 is None else float(l2)

    def __call__(self, x: Array) -> Array:
        """The penalty for `x`."""
        return self.l2 * ops.sum(ops.square(x))


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean |cosine| between different rows (or columns) of a matrix."""

    checks: ClassVar[dict[str, Rule]] = {"mode": one_of("rows", "columns")}

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        pass

    def __call__(self, x: Array) -> Array:
        """The penalty for a matrix `x`.

        Raises:
            InvalidValue: `x` has not two axes.
        """
        if len(x.shape) != 2:
            raise invalid("OrthogonalRegularizer", "x", "a matrix (two axes)", x)
        rows = ops.l2_normalize(x if self.mode == "rows" else ops.transpose(x), axis=1)
        size = rows.shape[0]
        others = jnp.asarray(1 - np.eye(size), rows.dtype)
        return self.factor * ops.sum(ops.abs(ops.matmul(rows, ops.transpose(rows)) * others)) / (size * (size - 1.0))


def _member(identifier: Any) -> Any:
    return FAMILY.get(identifier)


class SummedOverBatch(Regularizer):
    """`regularizer(x)` times the number of samples: penalties on outputs as Keras 2.0.5 had them."""

    checks: ClassVar[dict[str, Rule]] = {"regularizer": Rule("a regularizer", lambda value, _: _member(value))}

    def __init__(self, regularizer: Any = "l2") -> None:
        pass

    def __call__(self, x: Array) -> Array:
        """The penalty for `x`, (batch, ...)."""
        return self.regularizer(x) * x.shape[0]


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

FAMILY = Family(
    "regularizers",
    "regularizer",
    {kind.__name__: kind for kind in (L1, L2, L1L2, OrthogonalRegularizer, SummedOverBatch)},
    {"l1": "L1", "l2": "L2", "l1_l2": "L1L2", "l1l2": "L1L2", "orthogonal_regularizer": "OrthogonalRegularizer"},
)

get = FAMILY.get
deserialize = FAMILY.get
