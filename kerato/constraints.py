"""Constraints: what a weight must obey, restored after every update.

`constraint(w)` is the nearest weight of the same shape that obeys. Norms run along `axis`: 0 for a Dense kernel
(input, units), [0, 1, 2] for a convolution kernel (rows, columns, input, filters).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from kerato import config, ops
from kerato.arguments import Configurable, Family, Rule, fraction, number, serialize

Array = Any
Axis = int | Sequence[int] | None

__all__ = ["FAMILY", "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm"]
__all__ += ["min_max_norm", "non_neg", "serialize", "unit_norm"]


class Constraint(Configurable):
    """Base of constraints: `constraint(w)` gives an obeying weight of the same shape."""

    checks: ClassVar[dict[str, Rule]] = {"max_value": number(0), "min_value": number(0), "rate": fraction}

    def __call__(self, w: Array) -> Array:
        """`w`, obeying."""
        return w


def _norms(w: Array, axis: Axis) -> Array:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """`w * min(norm, max_value) / norm`. Source: Srivastava et al. 2014, JMLR 15:1929, section 5.1."""

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        pass

    def __call__(self, w: Array) -> Array:
        """`w`, obeying."""
        norms = _norms(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (config.epsilon() + norms))


class NonNeg(Constraint):
    """`max(w, 0)`."""

    def __call__(self, w: Array) -> Array:
        """`w`, obeying."""
        return ops.maximum(w, 0.0)


class UnitNorm(Constraint):
    """`w / norm`."""

    def __init__(self, axis: Axis = 0) -> None:
        pass

    def __call__(self, w: Array) -> Array:
        """`w`, obeying."""
        return w / (config.epsilon() + _norms(w, self.axis))


class MinMaxNorm(Constraint):
    """`w * desired / norm`, where `desired` lies `rate` of the way from the norm to [min_value, max_value]."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        pass

    def __call__(self, w: Array) -> Array:
        """`w`, obeying."""
        norms = _norms(w, self.axis)
        desired = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (config.epsilon() + norms))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

FAMILY = Family(
    "constraints",
    "constraint",
    {kind.__name__: kind for kind in (MaxNorm, NonNeg, UnitNorm, MinMaxNorm)},
    {"max_norm": "MaxNorm", "non_neg": "NonNeg", "unit_norm": "UnitNorm", "min_max_norm": "MinMaxNorm"},
)

get = FAMILY.get
deserialize = FAMILY.get
